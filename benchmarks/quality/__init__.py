"""Quality on real data, beside honest baselines: `python -m benchmarks.quality NAME`."""
