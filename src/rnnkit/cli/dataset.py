"""The examples of one file, as the commands hand them on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, Self, TypeVar

from rnnkit.errors import DataError
from rnnkit.nest import Json

__all__ = ["Dataset", "OneText"]

Example = TypeVar("Example")
Target = TypeVar("Target")


@dataclass(frozen=True)
class Dataset(Generic[Example, Target]):
    """Examples and their targets (None: the examples hold them), from one file.

    lines: on which each example begins. skipped: how many rows were left out because they were
    empty. names: what the examples are called; None where nothing says.
    """

    examples: Sequence[Example]
    y: Sequence[Target] | None
    lines: Sequence[int]
    path: Path
    skipped: int = 0
    names: Sequence[Json] | None = None

    def __len__(self) -> int:
        return len(self.examples)

    @property
    def X(self) -> Sequence[Example]:  # noqa: N802 - an estimator's word
        """The examples as an estimator takes them."""
        return self.examples

    def describe(self, noun: str) -> str:
        """One line for people."""
        left_out = f" ({self.skipped:,} left out: empty)" if self.skipped else ""
        return f"{self.path}: {len(self):,} {noun}{left_out}"

    def take(self, rows: Sequence[int]) -> Self:
        """The chosen examples."""
        return replace(
            self,
            examples=[self.examples[row] for row in rows],
            y=None if self.y is None else [self.y[row] for row in rows],
            lines=[self.lines[row] for row in rows],
            names=None if self.names is None else [self.names[row] for row in rows],
        )

    def split(self, share: float, seed: int | None) -> tuple[Self, Self]:
        """The examples to train on, and a share to test with.

        Raises DataError if there are too few.
        """
        count = int(len(self) * share)
        if count == 0:
            raise DataError(
                f"there are {len(self)} examples, too few to keep some for a test: give --test.",
                path=self.path,
            )
        order = self._order(seed)
        return self.take(sorted(order[count:])), self.take(sorted(order[:count]))

    def _order(self, seed: int | None) -> list[int]:
        """The rows, those to test with first."""
        import numpy as np

        order: list[int] = np.random.default_rng(seed).permutation(len(self)).tolist()
        return order


@dataclass(frozen=True)
class OneText(Dataset[str, None]):
    """One text, of which the lines are the examples, each with its line end."""

    @property
    def X(self) -> str:  # noqa: N802
        """The text as a whole."""
        return "".join(self.examples)

    def _order(self, seed: int | None) -> list[int]:  # noqa: ARG002 - a text is tested at its end
        return list(range(len(self)))[::-1]
