"""What a kernel is given and what it gives back: one layer, one direction.

A kernel runs a recurrence over packed rows (`rnnkit.packed.Layout`):

    kernel(mode, data, layout, state, weights, reverse=..., need_state=...) -> (output, final_state)

data: (N, I); state: h_0, or h_0 and c_0 for an LSTM, each (B, H), in the layout's order.
output: (N, H), row by row as data; final_state: each sequence's state when it has been read
through, as `state`. `reverse` reads each sequence from its own last step to its first.
With `need_state=False` an LSTM's c_n is left out of the final state; h_n is always there.
Gate order is PyTorch's: LSTM i, f, g, o; GRU r, z, n, with the reset after the product.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple, Protocol

from torch import Tensor

from rnnkit.packed import Layout

__all__ = ["GATES", "Kernel", "State", "Weights", "walk"]

GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}
"""The modes, and how many gates (blocks of rows in a weight) each has."""

State = tuple[Tensor, ...]


class Weights(NamedTuple):
    """The parameters of one layer and direction, G gates stacked by rows.

    weight_ih: (G*H, I); weight_hh: (G*H, H), or (G*H, P) with a projection; biases: (G*H,);
    weight_hr: (P, H), the projection of an LSTM's output.
    """

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None = None
    bias_hh: Tensor | None = None
    weight_hr: Tensor | None = None


class Kernel(Protocol):
    """The signature of every kernel; see the module's docstring."""

    def __call__(
        self,
        mode: str,
        data: Tensor,
        layout: Layout,
        state: State,
        weights: Weights,
        *,
        reverse: bool,
        need_state: bool,
    ) -> tuple[Tensor, State]: ...


def walk(layout: Layout, *, reverse: bool) -> Iterator[tuple[int, slice, int]]:
    """The steps in reading order: t, the slice of its rows, and how many rows they are.

    >>> [(t, rows.start, n) for t, rows, n in walk(Layout([2, 1]), reverse=True)]
    [(1, 2, 1), (0, 0, 2)]
    """
    starts = layout.starts.tolist()
    steps = range(layout.num_steps)
    for t in reversed(steps) if reverse else steps:
        yield t, slice(starts[t], starts[t + 1]), starts[t + 1] - starts[t]
