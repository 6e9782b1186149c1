"""`rnnkit evaluate`: how good a saved model is on a file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rnnkit.cli.output import print_json, print_line, print_table
from rnnkit.cli.tasks import Value, own_columns, refuse_search, task_of
from rnnkit.ship import load

__all__ = ["evaluate"]


def evaluate(
    path: Path,
    data: Path,
    columns: Mapping[str, Value],
    *,
    beam_size: int | None,
    as_json: bool,
) -> None:
    """Print the model's scores on the data.

    columns: as `train` takes them; those of other tasks must be None.
    """
    model = load(path)
    task = task_of(model)
    if beam_size is not None:
        refuse_search(task, "--beam-size is")
        model.set_params(beam_size=beam_size)
    dataset = task.read(data, **own_columns(task, columns))
    task.check_labels(dataset, task.known_labels(model))
    report = task.evaluate(model, dataset)
    counts = {"examples": len(dataset), "skipped": dataset.skipped}
    if as_json:
        print_json({"model": str(path), "data": str(data), **counts, **report.figures})
        return
    print_line(f"examples: {len(dataset):,}")
    if dataset.skipped:
        print_line(f"left out: {dataset.skipped:,} (empty)")
    for line in report.lines:
        print_line(line)
    if report.table is not None:
        print_line("")
        print_table(report.table.columns, report.table.rows)
