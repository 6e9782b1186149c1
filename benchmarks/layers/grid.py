"""Which cases are measured, and how much arithmetic each is."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

GATES = {"RNN": 1, "GRU": 3, "LSTM": 4}
SHAPES = (
    "B1T100H32",
    "B32T50H64",
    "B32T500H64",
    "B32T100H128",
    "B20T20H200",
    "B64T100H256",
    "B32T100H512",
    "B128T50H1024",
    "B32T100H128-bidirectional",
    "B32T100H128-2layers",
)
TASKS = ("inference", "training")
_SHAPE = re.compile(r"B(\d+)T(\d+)H(\d+)(-bidirectional|-2layers)?")


@dataclass(frozen=True)
class Case:
    """One row of the grid; the input has as many features as the hidden state."""

    cell: str
    batch: int
    steps: int
    hidden: int
    layers: int = 1
    directions: int = 1
    ragged: bool = False

    @classmethod
    def parse(cls, cell: str, shape: str) -> Case:
        """A case of equal lengths from a shape's name, such as those of `SHAPES`."""
        found = _SHAPE.fullmatch(shape)
        if found is None:
            raise ValueError(f"{shape!r} is not a shape such as {SHAPES[0]} or {SHAPES[-1]}.")
        batch, steps, hidden = map(int, found.groups()[:3])
        layers = 2 if found[4] == "-2layers" else 1
        directions = 2 if found[4] == "-bidirectional" else 1
        return cls(cell, batch, steps, hidden, layers, directions)

    @property
    def shape(self) -> str:
        """The name that `parse` reads."""
        variant = "-bidirectional" if self.directions == 2 else "-2layers" * (self.layers == 2)
        return f"B{self.batch}T{self.steps}H{self.hidden}{variant}"

    def __str__(self) -> str:
        return f"{self.cell:<4} {self.shape}{' ragged' * self.ragged}"

    def lengths(self) -> Tensor:
        """(B,) valid steps; ragged ones between T/4 and T, and the longest is T."""
        if not self.ragged:
            return torch.full((self.batch,), self.steps)
        generator = torch.Generator().manual_seed(self.batch + self.steps)
        lengths = torch.randint(self.steps // 4, self.steps + 1, (self.batch,), generator=generator)
        lengths[-1] = self.steps  # a batch is padded to its longest sequence
        return lengths

    def flops(self, task: str) -> int:
        """Floating-point operations of the products over valid steps; backward is twice forward."""
        rows = int(self.lengths().sum())
        widths = [self.hidden] + [self.hidden * self.directions] * (self.layers - 1)
        columns = sum(self.directions * (width + self.hidden) for width in widths)
        forward = 2 * rows * GATES[self.cell] * self.hidden * columns
        return forward * (3 if task == "training" else 1)


def grid(cells: Iterable[str], shapes: Iterable[str], lengths: Iterable[str]) -> list[Case]:
    """Every case of the cells and shapes, with "equal" lengths, "ragged" ones or both.

    One sequence alone has none to differ from, so it has no ragged case.
    """
    shapes, lengths = list(shapes), set(lengths)
    equal = [Case.parse(cell, shape) for cell in cells for shape in shapes]
    ragged = [replace(case, ragged=True) for case in equal if case.batch > 1]
    return equal * ("equal" in lengths) + ragged * ("ragged" in lengths)
