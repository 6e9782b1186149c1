"""Long sequences in windows: one training step each, the state carried from one to the next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit.batch import Batches, pack_like
from rnnkit.bptt import detach
from rnnkit.codecs import Sequences
from rnnkit.learn import SizedBatches, State
from rnnkit.nest import arrays_of, map_arrays
from rnnkit.packed import Packed
from rnnkit.tasks.batches.source import Source, source_of
from rnnkit.tasks.estimator.values import Encoded

__all__ = ["Carry", "StepBatch", "WindowedBatches", "encoded_steps", "in_windows", "outputs_of"]


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

    @property
    def last(self) -> Any:
        """The state after the last step that was read."""
        return self.states[max(self.states)]

    @property
    def num_sequences(self) -> int | None:
        """How many sequences the states are of; None where all begin from zeros."""
        return next((held.shape[1] for held in arrays_of(self.last)), None)

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

    def windows(
        self, steps: int, carry: Carry | None = None, *, first: int = 0
    ) -> Iterator[StepBatch]:
        """So many steps of all sequences at a time, from the step `first` on.

        carry: the states that the sequences go on from; None: zeros.
        """
        x, carry = self.source.x, carry or Carry()
        for begin in range(first, x.layout.num_steps, steps):
            end = min(begin + steps, x.layout.num_steps)
            rows = x.layout.rows(begin, end)
            part = Packed(x.data[rows], x.layout.between(begin, end))
            spelling = self.source.spelling
            source = Source(
                part, self.source.characters, None if spelling is None else spelling[rows]
            )
            targets = None if self.targets is None else self.targets[rows]
            yield StepBatch(source, targets, carry, begin, end)


def encoded_steps(
    numbers: Sequences, targets: Sequence[np.ndarray] | np.ndarray | None, *, each_step: bool
) -> Encoded[StepBatch]:
    """Sequences as numbers, from which batches are taken.

    targets: a row for each sequence, or with `each_step` rows for each step, as float32 or int64.
    """

    def collate(indices: np.ndarray) -> StepBatch:
        source = source_of(numbers, indices)
        if targets is None:
            return StepBatch(source, None)
        chosen = [targets[i] for i in indices]
        if each_step:
            return StepBatch(source, pack_like(chosen, source.x))
        return StepBatch(source, torch.from_numpy(np.stack(chosen)))

    return Encoded(numbers.lengths, collate)


def outputs_of(module: nn.Module, batch: StepBatch) -> Tensor:
    """What the network says at each step, going on from where the window before it ended."""
    if batch.carry is None:
        said: Tensor = module(*batch.source)
        return said
    before = batch.carry.before(batch.begin, batch.source.x.layout.num_sequences)
    said, after = module.run(*batch.source, state=before)  # type: ignore[operator]
    batch.carry.keep(batch.begin, batch.end, after)
    return said


def in_windows(
    batches: Batches[StepBatch], lengths: Sequence[int] | np.ndarray, steps: int | None
) -> SizedBatches:
    """Batches of whole sequences as windows of so many steps; None leaves them whole."""
    return batches if steps is None else WindowedBatches(batches, lengths, steps)


class WindowedBatches:
    """An epoch's batches of whole sequences, each as its windows one after the other.

    `state_dict` after a window was trained on holds the states that are carried to the next one.
    """

    def __init__(
        self, batches: Batches[StepBatch], lengths: Sequence[int] | np.ndarray, steps: int
    ) -> None:
        self._batches, self._steps = batches, steps
        longest = [max(lengths[i] for i in indices) for indices in batches.indices]
        self._count = sum(-(-int(length) // steps) for length in longest)
        self._first: State = {"batch": 0, "step": 0, "state": None}
        self._now = 0, 0, Carry()

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[StepBatch]:
        first = self._first["step"]
        carry = Carry({first: self._first["state"]})
        remaining = islice(enumerate(self._batches), self._first["batch"], None)
        for place, batch in remaining:
            for window in batch.windows(self._steps, carry, first=first):
                self._now = place, window.end, carry
                yield window
            first, carry = 0, Carry()

    def state_dict(self) -> State:
        """Which batch, which of its steps comes next, and the state before it."""
        place, step, carry = self._now
        return {"batch": place, "step": step, "state": carry.states[step]}

    def load_state_dict(self, state: State) -> None:
        """Iterate over what was left."""
        self._first = state
        self._now = state["batch"], state["step"], Carry({state["step"]: state["state"]})
