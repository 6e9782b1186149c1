"""The one internal form of ragged sequences in torch: time-major, packed, without padding.

`Layout` is `rnnkit.layout.Layout`, which says where rows stand, with tensors for its arrays; the
two share memory. `Packed` is rows and their layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from rnnkit import layout
from rnnkit.errors import ShapeError

__all__ = ["Layout", "Packed"]


class _View:
    """One of a layout's index vectors as a tensor, made when it is first asked for."""

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, instance: Layout, owner: type) -> Tensor:
        view = torch.from_numpy(getattr(instance.arrays, self._name))
        # Found there before this is asked again.
        instance.__dict__[self._name] = view
        return view


class Layout:
    """Which row belongs to which step of which sequence: see `rnnkit.layout.Layout`.

    lengths, sort: as there. arrays: that layout.

    >>> layout = Layout([2, 3])
    >>> layout.batch_sizes, layout.num_rows
    (tensor([2, 2, 1]), 5)
    """

    def __init__(self, lengths: Sequence[int] | np.ndarray | Tensor, *, sort: bool = True) -> None:
        self.arrays = layout.Layout(lengths, sort=sort)

    @classmethod
    def of(cls, arrays: layout.Layout) -> Layout:
        """The tensors of a layout that is there already."""
        made = cls.__new__(cls)
        made.arrays = arrays
        return made

    @classmethod
    def from_batch_sizes(cls, batch_sizes: Tensor) -> Layout:
        """The layout of a `PackedSequence`, in its own (sorted) order."""
        return cls.of(layout.Layout.from_batch_sizes(batch_sizes.numpy(force=True)))

    order = _View()
    inverse = _View()
    lengths = _View()
    batch_sizes = _View()
    starts = _View()
    step_of_row = _View()
    sequence_of_row = _View()
    last_row = _View()
    reversal = _View()
    by_sequence = _View()
    padded_row = _View()
    mask = _View()

    @property
    def num_rows(self) -> int:
        """N, the sum of the lengths."""
        return self.arrays.num_rows

    @property
    def num_steps(self) -> int:
        """T, the longest length."""
        return self.arrays.num_steps

    @property
    def num_sequences(self) -> int:
        """B."""
        return self.arrays.num_sequences

    @property
    def is_rectangular(self) -> bool:
        """Whether all sequences have the same length, so that packed is padded."""
        return self.arrays.is_rectangular

    def shifted(self, offset: int) -> tuple[Tensor, Tensor]:
        """Rows of the step `offset` later, and whether there is one; see `rnnkit.layout`."""
        rows, inside = self.arrays.shifted(offset)
        return torch.from_numpy(rows), torch.from_numpy(inside)

    def between(self, begin: int, end: int) -> Layout:
        """The layout of steps begin..end-1 alone, whose rows are starts[begin]..starts[end]-1."""
        return Layout.of(self.arrays.between(begin, end))

    def rows(self, begin: int, end: int) -> slice:
        """Where the rows of steps begin..end-1 stand."""
        return self.arrays.rows(begin, end)

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
