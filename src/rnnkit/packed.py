"""The one internal form of ragged sequences: time-major, packed, without padding.

Sequences are sorted by length, longest first. The rows of step t are contiguous, and there are
`batch_sizes[t]` of them (the sequences that are still running), N rows in all. This is the order
of `torch.nn.utils.rnn.PackedSequence`; what is added is the indices that every layer needs,
computed once a batch and shared by all layers and both directions.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from rnnkit.errors import ShapeError

__all__ = ["Layout", "Packed"]


class Layout:
    """Which row belongs to which step of which sequence.

    lengths: (B,) steps of each sequence, in the caller's order, each at least 1.
    sort: False when the lengths come longest first already and must stay in that order.

    >>> layout = Layout([2, 3])
    >>> layout.batch_sizes.tolist(), layout.order.tolist(), layout.num_rows
    ([2, 2, 1], [1, 0], 5)
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray | Tensor, *, sort: bool = True) -> None:
        given = np.asarray(lengths, dtype=np.int64)
        if given.ndim != 1 or given.size == 0:
            raise ShapeError(
                f"lengths has shape {given.shape}, but one length for each of at least one "
                f"sequence was expected."
            )
        if given.min() < 1:
            where = int(np.argmin(given))
            raise ShapeError(
                f"lengths[{where}] is {int(given[where])}, but a sequence needs at least one step. "
                f"Leave empty sequences out, or give them one step of your own."
            )
        order = np.argsort(-given, kind="stable") if sort else np.arange(given.size)
        self._lengths = given[order]
        if not sort and (np.diff(self._lengths) > 0).any():
            raise ShapeError("lengths must be sorted, longest first, when sort=False.")
        steps = np.arange(self._lengths[0])
        # searchsorted on the ascending lengths counts the sequences longer than t.
        self._batch_sizes = given.size - np.searchsorted(self._lengths[::-1], steps, side="right")
        self._starts = np.concatenate([[0], np.cumsum(self._batch_sizes)])
        self.order = torch.from_numpy(order)

    @classmethod
    def from_batch_sizes(cls, batch_sizes: Tensor) -> Layout:
        """The layout of a `PackedSequence`, in its own (sorted) order."""
        sizes = batch_sizes.cpu().numpy()
        lengths = (sizes[None, :] > np.arange(sizes[0])[:, None]).sum(axis=1)
        return cls(lengths, sort=False)

    @property
    def num_rows(self) -> int:
        """N, the sum of the lengths."""
        return int(self._starts[-1])

    @property
    def num_steps(self) -> int:
        """T, the longest length."""
        return len(self._batch_sizes)

    @property
    def num_sequences(self) -> int:
        """B."""
        return len(self._lengths)

    @property
    def is_rectangular(self) -> bool:
        """Whether all sequences have the same length, so that packed is padded."""
        return bool(self._lengths[-1] == self._lengths[0])

    @cached_property
    def lengths(self) -> Tensor:
        """(B,) lengths in sorted order."""
        return torch.from_numpy(self._lengths)

    @cached_property
    def batch_sizes(self) -> Tensor:
        """(T,) sequences still running at each step."""
        return torch.from_numpy(self._batch_sizes)

    @cached_property
    def inverse(self) -> Tensor:
        """(B,) where each of the caller's sequences stands in sorted order."""
        return torch.argsort(self.order)

    @cached_property
    def step_of_row(self) -> Tensor:
        """(N,) the step of each row."""
        return torch.repeat_interleave(self.batch_sizes)

    @cached_property
    def sequence_of_row(self) -> Tensor:
        """(N,) the sequence (in sorted order) of each row."""
        return torch.arange(self.num_rows) - self.starts[self.step_of_row]

    @cached_property
    def starts(self) -> Tensor:
        """(T + 1,) the first row of each step, and N."""
        return torch.from_numpy(self._starts)

    @cached_property
    def last_row(self) -> Tensor:
        """(B,) the row of each sequence's last step."""
        return self.starts[self.lengths - 1] + torch.arange(self.num_sequences)

    @cached_property
    def reversal(self) -> Tensor:
        """(N,) the row that holds, for each row, the mirrored step of the same sequence.

        `data[reversal]` is every sequence read backwards, and doing it twice is the identity.
        """
        mirrored = self.lengths[self.sequence_of_row] - 1 - self.step_of_row
        return self.starts[mirrored] + self.sequence_of_row

    @cached_property
    def by_sequence(self) -> Tensor:
        """(N,) rows so that `data[by_sequence]` holds sequence after sequence, sorted order."""
        return torch.argsort(self.sequence_of_row, stable=True)

    @cached_property
    def padded_row(self) -> Tensor:
        """(N,) each row's place in a (T * B) time-major padded tensor."""
        return self.step_of_row * self.num_sequences + self.sequence_of_row

    @cached_property
    def mask(self) -> Tensor:
        """(B, T) True at valid steps, sorted order."""
        return torch.arange(self.num_steps) < self.lengths[:, None]

    def shifted(self, offset: int) -> tuple[Tensor, Tensor]:
        """Rows of the step `offset` later (earlier if negative) in each row's own sequence.

        Returns (N,) rows, 0 where there is no such step, and (N,) bool whether there is one.
        """
        step = self.step_of_row + offset
        inside = (step >= 0) & (step < self.lengths[self.sequence_of_row])
        rows = self.starts[step.clamp(0, self.num_steps - 1)] + self.sequence_of_row
        return torch.where(inside, rows, 0), inside

    def between(self, begin: int, end: int) -> Layout:
        """The layout of steps begin..end-1 alone, whose rows are starts[begin]..starts[end]-1.

        >>> Layout([1, 3]).between(1, 3).lengths.tolist()
        [2]
        """
        running = self._lengths[: self._batch_sizes[begin]]
        return Layout(np.minimum(running, end) - begin, sort=False)

    def rows(self, begin: int, end: int) -> slice:
        """Where the rows of steps begin..end-1 stand."""
        return slice(int(self._starts[begin]), int(self._starts[end]))

    def pad(self, data: Tensor, value: float = 0.0) -> Tensor:
        """(N, ...) -> (T, B, ...), sorted order."""
        shape = (self.num_steps, self.num_sequences, *data.shape[1:])
        if self.is_rectangular:
            return data.reshape(shape)
        padded = data.new_full((shape[0] * shape[1], *shape[2:]), value)
        return padded.index_copy(0, self.padded_row, data).reshape(shape)

    def unpad(self, padded: Tensor) -> Tensor:
        """(T, B, ...) in sorted order -> (N, ...)."""
        flat = padded.reshape(-1, *padded.shape[2:])
        return flat if self.is_rectangular else flat.index_select(0, self.padded_row)


@dataclass(frozen=True)
class Packed:
    """Rows of all sequences of a batch, and the layout that says whose they are.

    data: (N, ...).

    >>> x = Packed.from_sequences([torch.tensor([1, 2]), torch.tensor([3, 4, 5])])
    >>> x.data.tolist()
    [3, 1, 4, 2, 5]
    >>> [s.tolist() for s in x.to_sequences()]
    [[1, 2], [3, 4, 5]]
    """

    data: Tensor
    layout: Layout

    def __post_init__(self) -> None:
        if self.data.shape[0] != self.layout.num_rows:
            raise ShapeError(
                f"data has {self.data.shape[0]} rows, but the lengths add up to "
                f"{self.layout.num_rows}."
            )

    @classmethod
    def from_sequences(cls, sequences: Sequence[Tensor | np.ndarray]) -> Packed:
        """Pack B sequences of shape (T_b, ...), in any order."""
        layout = Layout([len(sequence) for sequence in sequences])
        ordered = [torch.as_tensor(sequences[i]) for i in layout.order.tolist()]
        flat = torch.cat(ordered)
        packed = torch.empty_like(flat)
        packed[layout.by_sequence] = flat
        return cls(packed, layout)

    def with_data(self, data: Tensor) -> Packed:
        """The same sequences with other features a step."""
        return Packed(data, self.layout)

    def to_sequences(self) -> list[Tensor]:
        """The sequences apart, in the caller's order."""
        lengths = self.layout.lengths
        parts = torch.split(self.data[self.layout.by_sequence], lengths.tolist())
        return [parts[i] for i in self.layout.inverse.tolist()]
