"""What every codec does: raw examples to numbers and labels back, learnt once, kept as JSON."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence, Sized
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeAlias, TypeVar, cast

import numpy as np

from rnnkit.data.inputs import check_same_length
from rnnkit.errors import InputError

__all__ = ["AnyExamples", "Codec", "Examples", "Given", "Json", "Sentences", "Sequences"]

In = TypeVar("In")
T = TypeVar("T")

Json = dict[str, Any]
Given = Mapping[str, Callable[..., Any]]
"""Functions of the user's own, by the option that they are given with; no file can hold them."""


@dataclass(frozen=True)
class Examples(Generic[In, T]):
    """Checked inputs, and their targets one by one; None where nothing is to be learnt.

    targets: a list, or an array whose rows they are.
    Raises InputError unless there is one target for each input.
    """

    inputs: list[In]
    targets: T | None = None

    def __post_init__(self) -> None:
        if self.targets is not None:
            check_same_length(X=self.inputs, y=cast(Sized, self.targets))

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def known(self) -> T:
        """The targets. Raises InputError where there are none."""
        if self.targets is None:
            raise InputError("y is None, but targets are needed: one for each example of X.")
        return self.targets

    def some(self, indices: Sequence[int] | np.ndarray) -> Examples[In, T]:
        """Those at the indices."""
        targets: Any = self.targets
        if isinstance(targets, np.ndarray):
            targets = targets[indices]
        elif targets is not None:
            targets = [targets[i] for i in indices]
        return Examples([self.inputs[i] for i in indices], targets)


AnyExamples: TypeAlias = Examples[Any, Any]
"""Examples of which the codec alone knows what they are."""


@dataclass(frozen=True)
class Sequences:
    """Inputs as numbers: for each the rows of its steps, (T, C) ids or (T, F) numbers."""

    rows: Sequence[np.ndarray]

    @property
    def lengths(self) -> np.ndarray:
        """(n,) steps."""
        return np.array([len(row) for row in self.rows])


@dataclass(frozen=True)
class Sentences(Sequences):
    """Sentences whose words are spelled too.

    forms: for each sentence (T,) the place of each word among the distinct ones. spellings: of
    each distinct word, (characters, 1) ids.
    """

    forms: Sequence[np.ndarray]
    spellings: Sequence[np.ndarray]


class Codec(ABC, Generic[In, T]):
    """Base of codecs. A codec knows what an estimator has learnt besides weights: vocabularies,
    scales, labels. It needs numpy alone: training and a runtime without torch share it.

    A codec is made in two steps, since the examples that are held out show labels, but no words:
    `begin` looks at all examples, `learn` at those that are trained on.

    kind: what X holds: "text", "series", "ids", "images" or "frames".
    """

    kind: str = "text"

    @classmethod
    @abstractmethod
    def begin(
        cls, options: Any, X: object, y: object, *, classes: Any = None
    ) -> tuple[Self, Examples[In, T]]:
        """A codec for data of this kind, and the data, checked; the words are not yet learnt.

        options: the estimator's, from `rnnkit.options`. classes: labels that y does not show yet.
        Raises InputError, in the user's terms.
        """

    @abstractmethod
    def read(self, X: object, y: object = None) -> Examples[In, T]:
        """Later data of the same kind, checked. Raises InputError."""

    @abstractmethod
    def learn(self, options: Any, examples: Examples[In, T]) -> None:
        """Learn vocabularies and scales from the examples of training."""

    @abstractmethod
    def encode(self, inputs: list[In]) -> Any:
        """Inputs as numbers, such as `Sequences`."""

    @abstractmethod
    def to_json(self) -> Json:
        """Plain values from which `from_json` makes the same codec."""

    @classmethod
    @abstractmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """The codec that `to_json` described. given: functions that a file cannot hold."""

    def hold_out(
        self, examples: Examples[In, T], share: float, generator: np.random.Generator
    ) -> tuple[Examples[In, T], Examples[In, T] | None]:
        """A share of the examples set aside, the same of every group; None if they are too few."""
        groups = self.groups(examples)
        order = generator.permutation(len(examples))
        aside: list[int] = []
        for group in np.unique(groups):
            members = order[groups[order] == group]
            aside += members[: int(len(members) * share)].tolist()
        if not aside:
            return examples, None
        kept = np.setdiff1d(np.arange(len(examples)), aside)
        return examples.some(kept), examples.some(sorted(aside))

    def groups(self, examples: Examples[In, T]) -> np.ndarray:
        """(n,) of what each example is one, to be held out in proportion; here all are alike."""
        return np.zeros(len(examples), dtype=int)

    def rare(self) -> list[int]:
        """Indices of the input's tokens that training saw once."""
        return []

    def step_labels(self, one: In) -> list[str]:
        """What the steps of one input are called."""
        return [str(step) for step in range(len(one))]  # type: ignore[arg-type]
