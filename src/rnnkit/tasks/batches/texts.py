"""A text as parallel streams, read window by window with the state carried along."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rnnkit.batch import Streams
from rnnkit.codecs.language import EOS, shifted
from rnnkit.learn import State
from rnnkit.packed import Layout, Packed
from rnnkit.tasks.batches.source import Source
from rnnkit.tasks.batches.steps import Carry, StepBatch

__all__ = ["TextWindows"]


class TextWindows:
    """An epoch: the ids in `num_streams` parts of equal length, `steps` of each at a time.

    Each part begins with zeros and the end mark, as a text does. What is left over at the end,
    fewer ids than there are streams, is not read.

    >>> windows = TextWindows(np.arange(2, 9), 2, 2)
    >>> [(w.source.x.data.flatten().tolist(), w.targets.tolist()) for w in windows]
    [([0, 0, 2, 5], [2, 5, 3, 6]), ([3, 6], [4, 7])]
    """

    def __init__(self, ids: np.ndarray, num_streams: int, steps: int) -> None:
        self._x, self._y = shifted(ids), ids
        self._num_streams, self._steps = num_streams, steps
        self._length = len(ids) // num_streams
        self._x[: self._length * num_streams : self._length] = EOS
        self._first: State = {"step": 0, "state": None}
        self._now = 0, Carry()

    def __len__(self) -> int:
        return -(-self._length // self._steps)

    def __iter__(self) -> Iterator[StepBatch]:
        layout, end = Layout([1] * self._num_streams), self._first["step"]
        carry = Carry({end: self._first["state"]})
        streams = Streams.from_array(self._x, self._num_streams, y=self._y)
        if end:
            streams.read(end)
        for x, y, _ in streams.blocks(self._steps):
            begin, end = end, end + len(x)
            if len(x) != layout.num_steps:
                layout = Layout([len(x)] * self._num_streams)
            source = Source(Packed(x.reshape(-1, 1), layout))
            self._now = end, carry
            yield StepBatch(source, y.flatten(), carry, begin, end)  # type: ignore[union-attr]

    def state_dict(self) -> State:
        """Which step comes next, and the state before it, once a window was trained on."""
        step, carry = self._now
        return {"step": step, "state": carry.states[step]}

    def load_state_dict(self, state: State) -> None:
        """Iterate over what was left."""
        self._first = state
        self._now = state["step"], Carry({state["step"]: state["state"]})
