"""The list of tasks, and what is asked of all of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.caption import Caption
from rnnkit.cli.tasks.classify import Classify
from rnnkit.cli.tasks.forecast import Forecast
from rnnkit.cli.tasks.frames import Frames
from rnnkit.cli.tasks.language import Language
from rnnkit.cli.tasks.series import Series
from rnnkit.cli.tasks.tag import Tag
from rnnkit.cli.tasks.task import Task, Value, columns_of
from rnnkit.cli.tasks.translate import Translate
from rnnkit.errors import InputError, OptionError

if TYPE_CHECKING:
    from rnnkit.tasks import AnyEstimator

__all__ = [
    "TASKS",
    "AnyDataset",
    "AnyTask",
    "all_columns",
    "own_columns",
    "refuse_search",
    "task_of",
]

AnyTask = Task[Any, Any, Any]
AnyDataset = Dataset[Any, Any]
"""A task and its examples, where it does not matter of what model and kind."""

TASKS: tuple[AnyTask, ...] = (
    Classify(),
    Tag(),
    Translate(),
    Series(),
    Forecast(),
    Caption(),
    Frames(),
    Language(),
)


def task_of(model: AnyEstimator) -> AnyTask:
    """The task that a model was trained for. Raises InputError if it is none of them."""
    for task in TASKS:
        if task.recognizes(model):
            return task
    raise InputError(
        f"this {type(model).__name__} reads or answers what no command does ({model.kind_}). Use "
        f"it from Python: rnnkit.load(...)."
    )


def all_columns(command: str) -> dict[str, object]:
    """The options of all tasks that say where examples are, for commands that take any model.

    command: "read", which has the answers too, or "predict".
    """
    return {
        name: option
        for task in TASKS
        for name, option in columns_of(getattr(task, command)).items()
    }


def own_columns(task: AnyTask, given: Mapping[str, Value]) -> dict[str, Value]:
    """The columns that `task.read` takes. Raises OptionError if one of another task's was given."""
    own = columns_of(task.read)
    for name, value in given.items():
        if value and name not in own:
            raise OptionError(
                f"{_flag(name)} does not fit a {task.estimator} of `train {task.name}`, "
                f"which takes {', '.join(map(_flag, own))}."
            )
    return {name: given[name] for name in own}


def refuse_search(task: AnyTask, options: str) -> None:
    """Raises OptionError where the task's answers are not found by a search."""
    if not task.searches:
        able = " or a ".join(one.estimator for one in TASKS if one.searches)
        raise OptionError(f"{options} for a {able}, and this is a {task.estimator}.")


def _flag(name: str) -> str:
    return f"--{name.replace('_', '-')}"
