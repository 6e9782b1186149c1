"""One step of a cell, with `torch.nn`'s parameters: any cell, and RNNCell, GRUCell and LSTMCell."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from rnnkit import kernels, randomness, recurrence
from rnnkit.bptt import Full, Policy
from rnnkit.cells.checks import Hidden, check_input, check_size, check_state, given_state, states_of
from rnnkit.cells.through_time import run_through_time
from rnnkit.errors import ShapeError, check_option
from rnnkit.kernels import State, Weights
from rnnkit.packed import Packed
from rnnkit.recurrence import CellSpec

__all__ = ["Cell", "GRUCell", "LSTMCell", "RNNCell", "build_cell"]


class Cell(nn.Module):
    """One step of one cell, `rnnkit.recurrence.CellSpec`.

    `RNNCell`, `GRUCell` and `LSTMCell` are such with a name and a signature of their own; this
    class is that of every other cell. Called with x (B, I), or (I,), and the state: one tensor
    (B, H), or a tuple of them where the cell has several, h first; zeros if left out. Returns the
    new state. Raises ShapeError if a size or a dtype disagrees.

    >>> h, c = Cell(recurrence.LSTM, 3, 4)(torch.ones(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    weight_ih: Tensor
    weight_hh: Tensor | None
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        spec: CellSpec,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            check_size(type(self).__name__, name, size)
        check_option("bias", bias, [True, False])
        self.spec, self.mode, self.bias = spec, spec.mode, bias
        self.state_names = tuple(f"{s}_0" for s in spec.states) if spec.has_memory else ("hx",)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.bptt: Policy = Full()  # of `run`; see `set_bptt`
        shapes = spec.weight_shapes(input_size, hidden_size, bias=bias)
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            shape = shapes.get(name)
            empty = None if shape is None else torch.empty(shape, device=device, dtype=dtype)
            self.register_parameter(name, None if empty is None else nn.Parameter(empty))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """torch's own initial values: uniform in +-1/sqrt(hidden_size); see `initialize_`."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(
                parameter, -bound, bound, generator=randomness.current(parameter.device)
            )

    def forward(self, input: Tensor, hx: Hidden = None) -> Any:  # noqa: A002 - torch's name
        """x (B, I) and the state, (B, H) each -> the new state."""
        name = type(self).__name__
        state = None if hx is None else states_of(name, self.state_names, hx)
        return given_state(self.state_names, self._step(name, input, state))

    def begin(self, h: Tensor) -> State:
        """The state that begins with h, (B, H), and with zeros where the cell has more."""
        return (h, *(torch.zeros_like(h) for _ in self.spec.states[1:]))

    def advance(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """A call whose state is a tuple, whatever the cell: x (B, I) -> h', and the new state."""
        new = states_of(
            type(self).__name__, self.state_names, self(x, given_state(self.state_names, state))
        )
        return new[0], new

    def _step(self, name: str, x: Tensor, state: State | None) -> State:
        if x.dim() not in (1, 2):
            layer = "Recurrent" if type(self) is Cell else name.removesuffix("Cell")
            raise ShapeError(
                f"{name}: input has shape {tuple(x.shape)} but (B, I), or (I,) for one sequence, "
                f"was expected. A cell takes one step; for sequences use {layer}."
            )
        check_input(name, x, self.weight_ih)
        shape = (*x.shape[:-1], self.hidden_size)
        for state_name, given in zip(self.state_names, state or (), strict=False):
            check_state(name, state_name, given, shape, x.dtype)
        if x.dim() == 2:
            return kernels.step(self.spec, x, state, self.weights())
        state = None if state is None else tuple(s.unsqueeze(0) for s in state)
        new = kernels.step(self.spec, x.unsqueeze(0), state, self.weights())
        return tuple(s.squeeze(0) for s in new)

    def run(self, input: Packed, state: State) -> Packed:  # noqa: A002 - as in forward
        """All steps of a batch of sequences: what stepping gives, in one call.

        input: (N, I) packed; state: (h,) or (h, c), each (B, H), in the layout's sorted order.
        Returns every h', (N, H) packed.
        """
        check_input(type(self).__name__, input.data, self.weight_ih)
        output, _ = run_through_time(
            self.bptt, self.spec, input.data, input.layout, state, self.weights(), need_state=False
        )
        return input.with_data(output)

    def weights(self) -> Weights:
        """The parameters."""
        return Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    def extra_repr(self) -> str:
        """The sizes, and bias where there is none."""
        cell = [repr(self.spec.name)] if type(self) is Cell else []
        bias = [] if self.bias else ["bias=False"]
        return ", ".join([*cell, str(self.input_size), str(self.hidden_size), *bias])


class RNNCell(Cell):
    """One step of an Elman network: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or relu.

    The arguments are those of `torch.nn.RNNCell`. Called with x (B, I), or (I,), and h (B, H),
    zeros if left out; returns h'. Raises ShapeError if a size or a dtype disagrees.

    >>> RNNCell(3, 4)(torch.ones(2, 3)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        check_option("nonlinearity", nonlinearity, recurrence.NONLINEARITIES)
        spec = recurrence.NONLINEARITIES[nonlinearity]
        super().__init__(spec, input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity


class GRUCell(Cell):
    """One step of a gated recurrent unit; the equations are those of `GRU`.

    The arguments are those of `torch.nn.GRUCell`; called as `RNNCell`.

    >>> GRUCell(3, 4)(torch.ones(2, 3), torch.zeros(2, 4)).shape
    torch.Size([2, 4])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(recurrence.GRU, input_size, hidden_size, bias, device, dtype)


class LSTMCell(Cell):
    """One step of a long short-term memory; the equations are those of `LSTM`.

    The arguments are those of `torch.nn.LSTMCell`. Called with x (B, I), or (I,), and the pair
    (h, c), each (B, H); returns (h', c'). Raises ShapeError if a size or a dtype disagrees.

    >>> h, c = LSTMCell(3, 4)(torch.ones(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(recurrence.LSTM, input_size, hidden_size, bias, device, dtype)


_CELLS: dict[CellSpec, Callable[..., Cell]] = {
    recurrence.TANH: RNNCell,
    recurrence.RELU: partial(RNNCell, nonlinearity="relu"),
    recurrence.GRU: GRUCell,
    recurrence.LSTM: LSTMCell,
}
"""The classes of those cells that have one of their own."""


def build_cell(cell: str, input_size: int, hidden_size: int) -> Cell:
    """The cell with this name, as `build_layer` finds it.

    >>> build_cell("gru", 3, 4)
    GRUCell(3, 4)
    """
    spec = recurrence.by_name(cell)
    return _CELLS.get(spec, partial(Cell, spec))(input_size, hidden_size)
