"""Benchmarks: equality first, then time; quality beside honest baselines. Run as modules."""
