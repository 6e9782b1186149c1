"""`rnnkit compare`: the same data and training for each cell, and for none."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from rnnkit.cli.datasets import Dataset, check_known
from rnnkit.cli.output import print_json, print_line, print_table, say
from rnnkit.cli.specs import SPECS
from rnnkit.cli.training import estimator_of, labels_in
from rnnkit.errors import DataError, check_option
from rnnkit.recurrence import cell_choices, describe
from rnnkit.tasks import SequenceEstimator

__all__ = ["compare"]

# The share of the file that is kept for testing, where no other file is given.
TEST_SHARE = 0.2


def compare(
    task: str,
    parameters: dict[str, Any],
    dataset: Dataset,
    test: Dataset | None,
    *,
    cells: list[str],
    quiet: bool,
    as_json: bool,
) -> None:
    """Train a model with each cell, and print what each reaches on examples it has not seen."""
    spec = SPECS[task]
    for cell in cells:
        check_option("--cell", cell, cell_choices())
    train, held_out = dataset, test
    if held_out is None:
        train, held_out = _split(dataset, parameters.get("random_state"))
    check_known(held_out, sorted(set(labels_in(task, train))), spec.labels)
    if not quiet:
        say(train.describe(f"{spec.noun} to train on"))
        say(held_out.describe(f"{spec.noun} to test with"))
    rows = []
    for cell in cells:
        if not quiet:
            say(f"cell: {describe(cell)}")
        model = estimator_of(task)(
            **{"random_state": 0, "verbose": int(not quiet), **parameters, "cell": cell}
        )
        rows.append(_row(model, train, held_out))
    if as_json:
        print_json({"score": spec.score, "train": len(train), "test": len(held_out), "rows": rows})
        return
    print_table(
        ["cell", spec.score, "parameters", "seconds", "epochs"],
        [
            [
                describe(row["cell"]),
                f"{row['score']:.4f}",
                f"{row['parameters']:,}",
                f"{row['seconds']:,.1f}",
                str(row["epochs"]),
            ]
            for row in rows
        ],
    )
    print_line(f"on {len(held_out):,} {spec.noun} that no model has seen")


def _row(model: SequenceEstimator, train: Dataset, test: Dataset) -> dict[str, Any]:
    began = time.perf_counter()
    model.fit(train.X, train.y)
    seconds = time.perf_counter() - began
    return {
        "cell": model.get_params()["cell"],
        "score": float(model.score(test.X, test.y)),
        "parameters": model.num_parameters_,
        "seconds": round(seconds, 3),
        "epochs": len(model.history_.epochs),
    }


def _split(dataset: Dataset, seed: int | None) -> tuple[Dataset, Dataset]:
    """The examples to train on, and a share to test with: of a text its end, else a random one."""
    count = int(len(dataset) * TEST_SHARE)
    if count == 0:
        raise DataError(
            f"there are {len(dataset)} examples, too few to keep some for a test: give --test.",
            path=dataset.path,
        )
    if isinstance(dataset.X, str):
        lines = dataset.X.splitlines(keepends=True)
        parts = (lines[:-count], dataset.lines[:-count]), (lines[-count:], dataset.lines[-count:])
        train, test = (Dataset("".join(one), None, at, dataset.path) for one, at in parts)
        return train, test
    order = np.random.default_rng(seed or 0).permutation(len(dataset))
    return _chosen(dataset, np.sort(order[count:])), _chosen(dataset, np.sort(order[:count]))


def _chosen(dataset: Dataset, rows: np.ndarray) -> Dataset:
    def taken(values: Any) -> Any:
        return None if values is None else [values[row] for row in rows]

    return Dataset(
        taken(dataset.X),
        taken(dataset.y),
        taken(dataset.lines),
        dataset.path,
        dataset.skipped,
        taken(dataset.names),
    )
