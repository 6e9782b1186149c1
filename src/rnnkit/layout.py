"""Where the steps of ragged sequences stand: time-major, packed, without padding.

Sequences are sorted by length, longest first. The rows of step t are contiguous, and there are
`batch_sizes[t]` of them (the sequences that are still running), N rows in all. This is the order
of `torch.nn.utils.rnn.PackedSequence`; what is added is the indices that every layer needs,
computed once a batch and shared by all layers and both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from rnnkit.errors import ShapeError

__all__ = ["Indices", "Layout"]

Indices: TypeAlias = npt.NDArray[np.int64]
Number = TypeVar("Number", bound=np.generic)


class Layout:
    """Which row belongs to which step of which sequence.

    lengths: (B,) steps of each sequence, in the caller's order, each at least 1.
    sort: False when the lengths come longest first already and must stay in that order.

    order: (B,) the caller's places of the sequences, in sorted order.
    lengths: (B,) lengths in sorted order.
    batch_sizes: (T,) sequences still running at each step.
    starts: (T + 1,) the first row of each step, and N.

    >>> layout = Layout([2, 3])
    >>> layout.batch_sizes.tolist(), layout.order.tolist(), layout.num_rows
    ([2, 2, 1], [1, 0], 5)
    """

    def __init__(self, lengths: Sequence[int] | npt.ArrayLike, *, sort: bool = True) -> None:
        given = np.asarray(lengths, dtype=np.int64)
        _check_lengths(given)
        count = given.size
        self.order: Indices = np.argsort(-given, kind="stable") if sort else _count(count)
        self.lengths: Indices = given[self.order]
        if not sort and (np.diff(self.lengths) > 0).any():
            raise ShapeError("lengths must be sorted, longest first, when sort=False.")
        # searchsorted on the ascending lengths counts the sequences longer than t.
        steps = _count(self.lengths[0])
        over = np.searchsorted(self.lengths[::-1], steps, side="right")
        self.batch_sizes: Indices = count - over
        self.starts: Indices = np.concatenate([[0], np.cumsum(self.batch_sizes)])

    @classmethod
    def from_batch_sizes(cls, batch_sizes: Indices) -> Layout:
        """The layout of rows that are packed already, in their own (sorted) order."""
        running = batch_sizes[None, :] > _count(batch_sizes[0])[:, None]
        return cls(running.sum(axis=1), sort=False)

    @property
    def num_rows(self) -> int:
        """N, the sum of the lengths."""
        return int(self.starts[-1])

    @property
    def num_steps(self) -> int:
        """T, the longest length."""
        return len(self.batch_sizes)

    @property
    def num_sequences(self) -> int:
        """B."""
        return len(self.lengths)

    @property
    def is_rectangular(self) -> bool:
        """Whether all sequences have the same length, so that packed is padded."""
        return bool(self.lengths[-1] == self.lengths[0])

    @cached_property
    def inverse(self) -> Indices:
        """(B,) where each of the caller's sequences stands in sorted order."""
        return np.argsort(self.order)

    @cached_property
    def step_of_row(self) -> Indices:
        """(N,) the step of each row."""
        return np.repeat(_count(self.num_steps), self.batch_sizes)

    @cached_property
    def sequence_of_row(self) -> Indices:
        """(N,) the sequence (in sorted order) of each row."""
        return _count(self.num_rows) - self.starts[self.step_of_row]

    @cached_property
    def last_row(self) -> Indices:
        """(B,) the row of each sequence's last step."""
        return self.starts[self.lengths - 1] + _count(self.num_sequences)

    @cached_property
    def reversal(self) -> Indices:
        """(N,) the row that holds, for each row, the mirrored step of the same sequence.

        `data[reversal]` is every sequence read backwards, and doing it twice is the identity.
        """
        mirrored = self.lengths[self.sequence_of_row] - 1 - self.step_of_row
        rows: Indices = self.starts[mirrored] + self.sequence_of_row
        return rows

    @cached_property
    def by_sequence(self) -> Indices:
        """(N,) rows so that `data[by_sequence]` holds sequence after sequence, sorted order."""
        return np.argsort(self.sequence_of_row, kind="stable")

    @cached_property
    def padded_row(self) -> Indices:
        """(N,) each row's place in a (T * B) time-major padded array."""
        return self.step_of_row * self.num_sequences + self.sequence_of_row

    @cached_property
    def mask(self) -> npt.NDArray[np.bool_]:
        """(B, T) True at valid steps, sorted order."""
        valid: npt.NDArray[np.bool_] = _count(self.num_steps) < self.lengths[:, None]
        return valid

    def shifted(self, offset: int) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """Rows of the step `offset` later (earlier if negative) in each row's own sequence.

        Returns (N,) rows, 0 where there is no such step, and (N,) bool whether there is one.
        """
        step = self.step_of_row + offset
        inside = (step >= 0) & (step < self.lengths[self.sequence_of_row])
        rows = self.starts[step.clip(0, self.num_steps - 1)] + self.sequence_of_row
        return np.where(inside, rows, 0), inside

    def between(self, begin: int, end: int) -> Layout:
        """The layout of steps begin..end-1 alone, whose rows are starts[begin]..starts[end]-1.

        >>> Layout([1, 3]).between(1, 3).lengths.tolist()
        [2]
        """
        running = self.lengths[: self.batch_sizes[begin]]
        return Layout(np.minimum(running, end) - begin, sort=False)

    def rows(self, begin: int, end: int) -> slice:
        """Where the rows of steps begin..end-1 stand."""
        return slice(int(self.starts[begin]), int(self.starts[end]))

    def pad(self, data: npt.NDArray[Number], value: float = 0.0) -> npt.NDArray[Number]:
        """(N, ...) -> (T, B, ...), sorted order.

        >>> Layout([1, 2]).pad(np.array([5, 6, 7]), value=-1).tolist()
        [[5, 6], [7, -1]]
        """
        shape = (self.num_steps, self.num_sequences, *data.shape[1:])
        if self.is_rectangular:
            return data.reshape(shape)
        padded: npt.NDArray[Number] = np.full((shape[0] * shape[1], *shape[2:]), value, data.dtype)
        padded[self.padded_row] = data
        return padded.reshape(shape)

    def unpad(self, padded: npt.NDArray[Number]) -> npt.NDArray[Number]:
        """(T, B, ...) in sorted order -> (N, ...)."""
        flat = padded.reshape(-1, *padded.shape[2:])
        return flat if self.is_rectangular else flat[self.padded_row]


def _count(end: int | np.int64) -> Indices:
    return np.arange(end, dtype=np.int64)


def _check_lengths(lengths: npt.NDArray[Any]) -> None:
    if lengths.ndim != 1 or lengths.size == 0:
        raise ShapeError(
            f"lengths has shape {lengths.shape}, but one length for each of at least one "
            f"sequence was expected."
        )
    if lengths.min() < 1:
        where = int(np.argmin(lengths))
        raise ShapeError(
            f"lengths[{where}] is {int(lengths[where])}, but a sequence needs at least one step. "
            f"Leave empty sequences out, or give them one step of your own."
        )
