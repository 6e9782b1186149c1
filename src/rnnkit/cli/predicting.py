"""`rnnkit predict` and `rnnkit generate`: what a saved model says."""

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
from rnnkit.errors import InputError, OptionError
from rnnkit.ship import load
from rnnkit.tasks import LanguageModel

__all__ = ["generate", "predict"]


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


def generate(
    path: Path,
    prompt: str,
    *,
    count: int,
    seed: int | None,
    as_json: bool,
    max_length: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
) -> None:
    """Write on after the prompt, token by token."""
    model = load(path)
    if not isinstance(model, LanguageModel):
        raise InputError(
            f"{path}: this is a {type(model).__name__}; `rnnkit train language` trains models that "
            f"write on."
        )
    for place in range(count):
        pieces = model.stream(
            prompt,
            random_state=None if seed is None else seed + place,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        if as_json:
            print_json({"prompt": prompt, "text": "".join(pieces)})
            continue
        print(prompt, end="", flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
