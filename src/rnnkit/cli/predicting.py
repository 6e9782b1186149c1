"""`rnnkit predict`: what a saved model answers."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rnnkit.cli.output import print_json, print_line
from rnnkit.cli.tasks import (
    TASKS,
    AnyTask,
    Asked,
    Value,
    columns_of,
    refuse_search,
    task_of,
)
from rnnkit.errors import OptionError
from rnnkit.ship import load

__all__ = ["predict"]


def predict(
    path: Path,
    inputs: Sequence[str],
    columns: Mapping[str, Value],
    asked: Asked,
    *,
    as_json: bool,
) -> None:
    """Print the answer for each text, series, image or video, in order.

    columns: where in a table the examples are, and which frames of a video are read.
    """
    model = load(path)
    task = task_of(model)
    _check(task, asked, as_json)
    for answer in task.predict(model, inputs, asked, **_own_columns(task, columns)):
        if as_json:
            print_json(answer.plain)
        else:
            for fields in answer.lines:
                print_line(*fields)
        sys.stdout.flush()


def _check(task: AnyTask, asked: Asked, as_json: bool) -> None:
    """Raises OptionError where the task cannot answer like that."""
    if asked.n_best != 1 or asked.beam_size is not None:
        refuse_search(task, "--n-best and --beam-size are")
    if asked.proba and task.searches:
        raise OptionError("--proba is for classes and tags; a sentence's is always printed.")
    if asked.proba and task.step and not as_json:
        raise OptionError(f"--proba of a {task.estimator} has one row a {task.step}: add --json.")


def _own_columns(task: AnyTask, given: Mapping[str, Value]) -> dict[str, Value]:
    """Those of the task. Raises OptionError if others are given."""
    own = columns_of(task.predict)
    for name, value in given.items():
        if value and name not in own:
            meant = next(one.noun for one in TASKS if name in columns_of(one.predict))
            raise OptionError(f"--{name} is for models of {meant}, and this one reads {task.noun}.")
    return {name: given[name] for name in own}
