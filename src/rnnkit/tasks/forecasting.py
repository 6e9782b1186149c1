"""Series that go on: answers step by step, and learning from the next steps of the same ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from rnnkit.codecs import ForecasterCodec
from rnnkit.errors import InputError
from rnnkit.learn import SizedBatches
from rnnkit.packed import Packed
from rnnkit.tasks.batches import Carry, StepBatch
from rnnkit.tasks.estimator import Encoded

__all__ = ["Continuation", "StepByStep"]


class StepByStep:
    """A fitted network that answers step by step, its state carried along."""

    def __init__(self, network: nn.Module, codec: ForecasterCodec) -> None:
        self._network, self._codec = network, codec
        self._before: np.ndarray | None = None  # (B, F) the values of the last step
        self._state: Any = None

    def step(self, x: object) -> np.ndarray:
        """The answer to one more step. x: of one series, a number or (F,); of B, (B,) or (B, F).

        Raises InputError if x has another form than the step before.
        """
        codec = self._codec
        steps, alone = self._as_steps(x)
        if self._before is not None and self._before.shape != steps.shape:
            raise InputError(
                f"this step is of {len(steps)} series, but the one before was of "
                f"{len(self._before)}. Call reset_state() to begin with other series."
            )
        numbers, values = codec.vectorizer.transform_step(steps, self._before)
        rows = Packed.from_sequences(list(numbers[:, None]))
        self._network.eval()
        with torch.inference_mode():
            said, self._state = self._network.run(rows, state=self._state)  # type: ignore[operator]
        self._before = values
        answers = codec.as_given(codec.scale.decode(said.numpy()) + codec.present(values))
        first: np.ndarray = answers[0] if alone else answers
        return first

    def _as_steps(self, x: object) -> tuple[np.ndarray, bool]:
        """(B, F), and whether x was one series' step alone."""
        width = len(self._codec.vectorizer.means)
        try:
            given = np.asarray(x, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"a step is not made of numbers: {error}.") from None
        alone = given.ndim == 0 or (given.ndim == 1 and width > 1)
        steps = given.reshape(1 if alone else max(1, len(given)), -1)
        if steps.shape[1] != width:
            raise InputError(
                f"a step of shape {given.shape} came, but the model was fitted on series with "
                f"{width} numbers a step: give ({width},) of one series, or (B, {width}) of B."
            )
        return steps, alone


class Continuation:
    """Where learning from the steps of some series stands, for the call that brings the next ones.

    carry: the states of the series after their last step. last: (1, F) that step of each, where it
    is still to be learnt what came after it; None where targets are given.
    """

    def __init__(self) -> None:
        self.carry = Carry()
        self.last: list[np.ndarray] | None = None

    def joined(self, series: Sequence[np.ndarray]) -> list[np.ndarray]:
        """The last step of the call before, and these: what it should have said is the first."""
        if self.last is None:
            return list(series)
        self._check(len(series), len(self.last))
        return [np.concatenate([a, b]) for a, b in zip(self.last, series, strict=True)]

    def batches(self, data: Encoded[StepBatch], update_every: int | None) -> SizedBatches:
        """All series side by side, in windows."""
        shortest, longest = int(data.lengths.min()), int(data.lengths.max())
        if shortest < longest:
            raise InputError(
                f"the series have {shortest} to {longest} steps, but partial_fit goes on in all of "
                f"them together: give each as many steps."
            )
        known = self.carry.num_sequences
        if known is not None:
            self._check(len(data), known)
        batch = data.collate(np.arange(len(data)))
        return list(batch.windows(update_every or longest, self.carry))

    def after(self, series: Sequence[np.ndarray] | None) -> None:
        """The steps were learnt from. series: of which the last step is to be kept."""
        self.carry = Carry({0: self.carry.last})
        self.last = None if series is None else [one[-1:] for one in series]

    def _check(self, now: int, before: int) -> None:
        if now != before:
            raise InputError(
                f"{now} series came, but the call before had {before}: partial_fit goes on in the "
                f"same ones. Call reset_state() to begin with others."
            )
