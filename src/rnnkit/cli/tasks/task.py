"""What the commands ask of a task, and what it answers.

A task is one module that subclasses `Task` and stands in the list in `registry.py`. Nothing
heavy is imported before a command runs: what a method needs, it imports itself.
"""

from __future__ import annotations

import inspect
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar, get_type_hints

from rnnkit.cli.dataset import Dataset, Example, Target
from rnnkit.errors import DataError, InputError
from rnnkit.nest import Json

if TYPE_CHECKING:
    from rnnkit.tasks import AnyEstimator

__all__ = ["Answer", "Asked", "Report", "Table", "Task", "Value", "columns_of"]

Model = TypeVar("Model", bound="AnyEstimator")

Value = str | Path | int | float | list[str] | None
"""What an option of the command line may be."""


@dataclass(frozen=True)
class Asked:
    """How `predict` is to answer.

    proba: with the probability of every class. n_best: sentences for each example.
    beam_size: of the search for sentences; None is wide enough for the model and for n_best.
    """

    proba: bool = False
    n_best: int = 1
    beam_size: int | None = None


@dataclass(frozen=True)
class Answer:
    """What `predict` says of one example: the fields of each line for people, and JSON."""

    lines: Sequence[Sequence[str]]
    plain: Mapping[str, Json]


@dataclass(frozen=True)
class Table:
    """Columns and rows; the first column is text, the others are figures."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Report:
    """What `evaluate` found: figures for JSON, and lines and a table for people."""

    figures: Mapping[str, Json]
    lines: Sequence[str]
    table: Table | None = None


class Task(ABC, Generic[Model, Example, Target]):
    """A kind of data and the estimator that learns it, as the command line offers them.

    name: of `rnnkit train NAME`. help: one line. noun: what examples are called.
    estimator: the name of its class in `rnnkit.tasks`. fixed: parameters that the task itself sets.
    score_name: what the estimator's `score` is called. step: what each label is of, where an
    example has several. searches: whether answers are sentences, found by a beam search.
    options: of the estimator's options those that `train` offers by name, besides the common ones.
    aliases: which of the estimator's options a name stands for, where it is another one.
    valid_columns: columns that a file to validate with has of its own, each with its option.
    """

    name: ClassVar[str]
    help: ClassVar[str]
    estimator: ClassVar[str]
    noun: ClassVar[str]
    score_name: ClassVar[str] = "accuracy"
    step: ClassVar[str] = ""
    searches: ClassVar[bool] = False
    fixed: ClassVar[Mapping[str, Json]] = {}
    options: ClassVar[Sequence[str]] = ()
    aliases: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    valid_columns: ClassVar[Mapping[str, tuple[str, object]]] = {}

    read: Callable[..., Dataset[Example, Target]]
    """(path, *, columns) -> examples with targets. Each keyword is an option that says where in the
    file the examples are, of the commands `train`, `compare`, `evaluate` and `diagnose`.
    """

    predict: Callable[..., Iterator[Answer]]
    """(model, inputs, asked, *, columns) -> answers, in order. inputs: texts, files, or "-".
    Each keyword is an option of `predict` that says where in a file the examples are.
    """

    @abstractmethod
    def evaluate(self, model: Model, dataset: Dataset[Example, Target]) -> Report:
        """How good the model is on the examples."""

    def recognizes(self, model: AnyEstimator) -> bool:
        """Whether it is this task that a model was trained for."""
        return type(model).__name__ == self.estimator

    def estimator_class(self) -> type[Model]:
        """The class that is trained."""
        from rnnkit import tasks

        found: type[Model] = getattr(tasks, self.estimator)
        return found

    def show(self, example: Example) -> str:
        """An example in a line, for people."""
        return str(example)

    def refuse_standard_input(self, inputs: Sequence[str]) -> None:
        """Raises InputError where examples come from files alone, and "-" was given."""
        if "-" in inputs:
            raise InputError(f"a model of {self.noun} reads files, not standard input.")

    # -- labels, where targets have some ----------------------------------------------------------

    def labels(self, target: Target) -> Sequence[str]:  # noqa: ARG002 - most have none
        """The labels of a target, in order."""
        return ()

    def place(self, dataset: Dataset[Example, Target], example: int, step: int) -> str:  # noqa: ARG002
        """Where in an example one of several labels is, for an error."""
        return ""

    def labels_in(self, dataset: Dataset[Example, Target]) -> list[str]:
        """All labels of the targets, sorted, each once."""
        return sorted({label for target in dataset.y or () for label in self.labels(target)})

    def known_labels(self, model: Model) -> list[str]:
        """The labels that a model tells apart; as strings, since a file has no others."""
        return [str(label) for label in getattr(model, "classes_", ())]

    def check_labels(self, dataset: Dataset[Example, Target], known: Sequence[str]) -> None:
        """Raises DataError for a label that is not known, and says where it is."""
        for example, target in enumerate(dataset.y or ()):
            for step, label in enumerate(self.labels(target)):
                if label not in known:
                    raise self._unknown(dataset, example, step, label, known)

    def _unknown(
        self,
        dataset: Dataset[Example, Target],
        example: int,
        step: int,
        label: str,
        known: Sequence[str],
    ) -> DataError:
        listed = ", ".join(map(repr, known[:20])) + (", ..." if len(known) > 20 else "")
        return DataError(
            f"{label!r}{self.place(dataset, example, step)} was never seen in training. "
            f"Known: {listed}.",
            path=dataset.path,
            line=dataset.lines[example],
        )


def columns_of(method: Callable[..., object]) -> dict[str, object]:
    """The options that `read` or `predict` of a task takes: its keywords, with their types."""
    keywords = {
        one.name: one.annotation
        for one in inspect.signature(method).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY
    }
    # The other arguments have types that are heavy to import.
    holder = SimpleNamespace(__annotations__=keywords)
    return get_type_hints(holder, vars(sys.modules[method.__module__]), include_extras=True)
