"""Long sequences in windows: one training step each, the state carried from one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor, nn

from rnnkit.batch import Batches
from rnnkit.bptt import detach
from rnnkit.nest import map_arrays
from rnnkit.packed import Packed
from rnnkit.tasks.spelling import Source

__all__ = ["Carry", "StepBatch", "WindowedBatches", "outputs_of"]


@dataclass
class Carry:
    """The states of one batch of sequences, by the step before which they are.

    Those on either side of the last window that was read: it may be read again, to see where an
    error began.
    """

    states: dict[int, Any] = field(default_factory=lambda: {0: None})

    def before(self, step: int, rows: int) -> Any:
        """The state of the sequences that are still running, which stand first."""
        state = self.states[step]
        return None if state is None else map_arrays(lambda held: held[:, :rows], state)

    def keep(self, begin: int, end: int, state: Any) -> None:
        """What a window from one step to another ended with; no gradient goes back there."""
        self.states = {begin: self.states[begin], end: detach(state)}


class StepBatch(NamedTuple):
    """Steps that have a target each.

    source: what the network reads. targets: (N, ...) in packed order. carry: where the states of
    the whole sequences are, if these are some of their steps; begin, end: which.
    """

    source: Source
    targets: Tensor | None
    carry: Carry | None = None
    begin: int = 0
    end: int = 0

    def windows(self, steps: int, carry: Carry | None = None) -> Iterator[StepBatch]:
        """So many steps of all sequences at a time.

        carry: the states that the sequences go on from; None: zeros.
        """
        x, carry = self.source.x, carry or Carry()
        for begin in range(0, x.layout.num_steps, steps):
            end = min(begin + steps, x.layout.num_steps)
            rows = x.layout.rows(begin, end)
            part = Packed(x.data[rows], x.layout.between(begin, end))
            spelling = self.source.spelling
            source = Source(
                part, self.source.characters, None if spelling is None else spelling[rows]
            )
            targets = None if self.targets is None else self.targets[rows]
            yield StepBatch(source, targets, carry, begin, end)


def outputs_of(module: nn.Module, batch: StepBatch) -> Tensor:
    """What the network says at each step, going on from where the window before it ended."""
    if batch.carry is None:
        said: Tensor = module(*batch.source)
        return said
    before = batch.carry.before(batch.begin, batch.source.x.layout.num_sequences)
    said, after = module.run(*batch.source, state=before)  # type: ignore[operator]
    batch.carry.keep(batch.begin, batch.end, after)
    return said


class WindowedBatches:
    """An epoch's batches of whole sequences, each as its windows one after the other."""

    def __init__(
        self, batches: Batches[StepBatch], lengths: Sequence[int] | np.ndarray, steps: int
    ) -> None:
        self._batches, self._steps = batches, steps
        longest = [max(lengths[i] for i in indices) for indices in batches.indices]
        self._count = sum(-(-int(length) // steps) for length in longest)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[StepBatch]:
        for batch in self._batches:
            yield from batch.windows(self._steps)
