"""`rnnkit compare`: the same data and training for each cell, and for none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import rnnkit.needs_train  # noqa: F401 - said before a file is read
from rnnkit.cli.output import print_json, print_line, print_table, say
from rnnkit.cli.parameters import check_named
from rnnkit.cli.tasks import AnyDataset, AnyTask
from rnnkit.recurrence import describe

__all__ = ["compare"]

# The share of the file that is kept for testing, where no other file is given.
TEST_SHARE = 0.2


@dataclass(frozen=True)
class Reached:
    """What a model with one cell reached, in so many seconds of training."""

    cell: str
    score: float
    parameters: int
    seconds: float
    epochs: int


def compare(
    task: AnyTask,
    parameters: Mapping[str, Any],
    dataset: AnyDataset,
    test: AnyDataset | None,
    *,
    cells: Sequence[str],
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model with each cell, and print what each reaches on examples it has not seen.

    test: None sets a share of the dataset aside.
    """
    for cell in cells:
        check_named(task, "cell", cell)
    settings = {"verbose": int(not quiet), **parameters}
    train, held_out = dataset, test
    if held_out is None:
        train, held_out = dataset.split(TEST_SHARE, parameters["random_state"])
    task.check_labels(held_out, task.labels_in(train))
    if not quiet:
        say(train.describe(f"{task.noun} to train on"))
        say(held_out.describe(f"{task.noun} to test with"))
    rows = []
    for cell in cells:
        if not quiet:
            say(f"cell: {describe(cell)}")
        rows.append(_reached(task, {**settings, "cell": cell}, train, held_out))
    if as_json:
        counts = {"train": len(train), "test": len(held_out)}
        print_json({"score": task.score_name, **counts, "rows": [asdict(row) for row in rows]})
    else:
        _print(task, rows, len(held_out))


def _reached(
    task: AnyTask, parameters: Mapping[str, object], train: AnyDataset, test: AnyDataset
) -> Reached:
    model = task.estimator_class()(**parameters)
    model.fit(train.X, train.y)
    # The first fit of a process also waits for torch's compiler, which is imported then.
    seconds = sum(epoch["seconds"] for epoch in model.history_.epochs)
    return Reached(
        model.cell,
        float(model.score(test.X, test.y)),
        model.num_parameters_,
        round(seconds, 3),
        len(model.history_.epochs),
    )


def _print(task: AnyTask, rows: Sequence[Reached], tested: int) -> None:
    print_table(
        ["cell", task.score_name, "parameters", "seconds", "epochs"],
        [
            [
                describe(row.cell),
                f"{row.score:.4f}",
                f"{row.parameters:,}",
                f"{row.seconds:,.1f}",
                str(row.epochs),
            ]
            for row in rows
        ],
    )
    print_line(f"on {tested:,} {task.noun} that no model has seen")
