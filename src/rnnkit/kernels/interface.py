"""What a kernel is given and what it gives back: one layer, one direction.

A kernel runs a recurrence over packed rows (`rnnkit.packed.Layout`):

    kernel(spec, data, layout, state, weights, reverse=..., need_state=...) -> (output, final_state)

spec: the cell (`rnnkit.recurrence`). data: (N, I); state: as the cell has it, (h_0,) or (h_0, c_0),
each (B, H), in the layout's order.
output: (N, H), row by row as data; final_state: each sequence's state when it has been read
through, as `state`. `reverse` reads each sequence from its own last step to its first.
With `need_state=False` the final state may be h_n alone, which is always there.
Gate order is PyTorch's: LSTM i, f, g, o; GRU r, z, n, with the reset after the product.

The native kernel also takes padded tensors (`Padded`) as they are, and gives final states as
(1, B, H); for the others `rnnkit.kernels.dispatch` packs, and adds that dimension.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

from rnnkit.errors import ShapeError
from rnnkit.native import library
from rnnkit.packed import Layout
from rnnkit.recurrence import CellSpec

__all__ = [
    "DTYPES",
    "LOW_PRECISION",
    "Form",
    "Kernel",
    "Padded",
    "State",
    "Weights",
    "in_float32",
    "state_sizes",
    "walk",
    "zero_state",
]

DTYPES: dict[torch.dtype, int] = {
    getattr(torch, dtype.name): code for dtype, code in library.DTYPES.items()
}
"""What the native kernels take, torch.float32 and torch.float64, and the codes in C."""

LOW_PRECISION = (torch.bfloat16, torch.float16)
"""What autocast makes of a network's other layers; a recurrence under it is in float32."""

State = tuple[Tensor, ...]


class Weights(NamedTuple):
    """The parameters of one layer and direction, G blocks stacked by rows.

    weight_ih: (G*H, I); weight_hh: (G*H, H), or (G*H, P) with a projection, None of a cell without
    a recurrent product, which has no bias_hh either; biases: (G*H,); weight_hr: (P, H), the
    projection of the output.
    """

    weight_ih: Tensor
    weight_hh: Tensor | None = None
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    weight_hr: Tensor | None = None

    @property
    def recurrent(self) -> Tensor:
        """weight_hh of a cell that has one."""
        assert self.weight_hh is not None
        return self.weight_hh


class Padded:
    """The other form of a batch: data (T, B, F), its sequences in the caller's order.

    lengths: (B,) int64 on the CPU, the valid steps of each, counted from the beginning; None: all.

    >>> form = Padded(torch.tensor([1, 2]))
    >>> rows = form.pack(torch.tensor([[[1.0], [2.0]], [[0.0], [3.0]]]))
    >>> rows.flatten().tolist(), form.unpack(rows, 2, 2).flatten().tolist()
    ([2.0, 1.0, 3.0], [1.0, 2.0, 0.0, 3.0])
    """

    def __init__(self, lengths: Tensor | None = None) -> None:
        self.lengths = lengths
        self._arranged: tuple[Layout, Tensor | None] | None = None

    def layout(self, steps: int, sequences: int) -> Layout:
        """The same sequences packed; raises ShapeError for a length below 1 or above `steps`."""
        return self._arrange(steps, sequences)[0]

    def pack(self, data: Tensor) -> Tensor:
        """(T, B, F) -> (N, F)."""
        _, rows = self._arrange(*data.shape[:2])
        flat = data.flatten(0, 1)
        return flat if rows is None else flat.index_select(0, rows)

    def unpack(self, data: Tensor, steps: int, sequences: int) -> Tensor:
        """(N, F) -> (T, B, F), zeros at padding."""
        _, rows = self._arrange(steps, sequences)
        if rows is not None:
            zeros = data.new_zeros(steps * sequences, data.shape[1])
            data = zeros.index_copy(0, rows, data)
        return data.reshape(steps, sequences, -1)

    def _arrange(self, steps: int, sequences: int) -> tuple[Layout, Tensor | None]:
        """The layout, and each packed row's place among the padded ones; None: the same place."""
        if self._arranged is None:
            # Under a transform of torch.func a tensor has numbers but no array of them.
            given = [steps] * sequences if self.lengths is None else self.lengths.tolist()
            lengths = np.array(given, dtype=np.int64)
            layout = Layout(lengths)
            if layout.num_steps > steps:
                where = int(lengths.argmax())
                raise ShapeError(
                    f"lengths[{where}] is {lengths[where]} but input has only {steps} steps. "
                    f"With batch_first=True input is (B, T, I), otherwise (T, B, I)."
                )
            rows = None
            if layout.num_rows < steps * sequences:
                rows = layout.step_of_row * sequences + layout.order[layout.sequence_of_row]
            self._arranged = layout, rows
        return self._arranged


Form = Layout | Padded

T = TypeVar("T")


class Kernel(Protocol):
    """The signature of every kernel; see the module's docstring."""

    def __call__(
        self,
        spec: CellSpec,
        data: Tensor,
        layout: Layout,
        state: State,
        weights: Weights,
        *,
        reverse: bool,
        need_state: bool,
    ) -> tuple[Tensor, State]: ...


def in_float32(value: T) -> T:
    """A tensor of low precision as float32; anything else as it is."""
    if isinstance(value, Tensor) and value.dtype in LOW_PRECISION:
        return cast(T, value.float())
    return value


def state_sizes(spec: CellSpec, weights: Weights) -> tuple[int, ...]:
    """Features of each state: P of h, H of the others."""
    hidden_size = weights.weight_ih.shape[0] // spec.num_blocks
    projection = weights.weight_hr
    return spec.state_sizes(hidden_size, hidden_size if projection is None else len(projection))


def zero_state(spec: CellSpec, like: Tensor, sequences: int, weights: Weights) -> State:
    """h_0 (B, P) and the other states (B, H), of zeros."""
    return tuple(like.new_zeros(sequences, size) for size in state_sizes(spec, weights))


def walk(layout: Layout, *, reverse: bool) -> Iterator[tuple[int, slice, int]]:
    """The steps in reading order: t, the slice of its rows, and how many rows they are.

    >>> [(t, rows.start, n) for t, rows, n in walk(Layout([2, 1]), reverse=True)]
    [(1, 2, 1), (0, 0, 2)]
    """
    starts = layout.starts.tolist()
    steps = range(layout.num_steps)
    for t in reversed(steps) if reverse else steps:
        yield t, slice(starts[t], starts[t + 1]), starts[t + 1] - starts[t]
