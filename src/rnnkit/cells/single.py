"""One step of a recurrence: RNNCell, GRUCell and LSTMCell, with `torch.nn`'s parameters."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from rnnkit import kernels, randomness
from rnnkit.bptt import Full, Policy
from rnnkit.cells.checks import check_input, check_size, check_state
from rnnkit.cells.through_time import run_through_time
from rnnkit.errors import ShapeError, check_option
from rnnkit.kernels import GATES, State, Weights
from rnnkit.packed import Packed

__all__ = ["Cell", "GRUCell", "LSTMCell", "RNNCell"]


class Cell(nn.Module):
    """Parameters and checks of one step; a state is a tuple inside: (h,) or (h, c)."""

    state_names: tuple[str, ...] = ("hx",)
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        bias: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
    ) -> None:
        super().__init__()
        for name, size in (("input_size", input_size), ("hidden_size", hidden_size)):
            check_size(type(self).__name__, name, size)
        check_option("bias", bias, [True, False])
        self.mode, self.bias = mode, bias
        self.input_size, self.hidden_size = input_size, hidden_size
        self.bptt: Policy = Full()  # of `run`; see `set_bptt`
        rows = GATES[mode] * hidden_size
        like = {"device": device, "dtype": dtype}
        self.weight_ih = nn.Parameter(torch.empty(rows, input_size, **like))  # type: ignore[arg-type]
        self.weight_hh = nn.Parameter(torch.empty(rows, hidden_size, **like))  # type: ignore[arg-type]
        for name in ("bias_ih", "bias_hh"):
            empty = nn.Parameter(torch.empty(rows, **like)) if bias else None  # type: ignore[arg-type]
            self.register_parameter(name, empty)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """torch's own initial values: uniform in +-1/sqrt(hidden_size); see `initialize_`."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(
                parameter, -bound, bound, generator=randomness.current(parameter.device)
            )

    def _step(self, x: Tensor, state: State | None) -> State:
        name = type(self).__name__
        if x.dim() not in (1, 2):
            raise ShapeError(
                f"{name}: input has shape {tuple(x.shape)} but (B, I), or (I,) for one sequence, "
                f"was expected. A cell takes one step; for sequences use {name[:-4]}."
            )
        check_input(name, x, self.weight_ih)
        shape = (*x.shape[:-1], self.hidden_size)
        for state_name, given in zip(self.state_names, state or (), strict=False):
            check_state(name, state_name, given, shape, x.dtype)
        if x.dim() == 2:
            return kernels.step(self.mode, x, state, self.weights())
        state = None if state is None else tuple(s.unsqueeze(0) for s in state)
        new = kernels.step(self.mode, x.unsqueeze(0), state, self.weights())
        return tuple(s.squeeze(0) for s in new)

    def run(self, input: Packed, state: State) -> Packed:  # noqa: A002 - as in forward
        """All steps of a batch of sequences: what stepping gives, in one call.

        input: (N, I) packed; state: (h,) or (h, c), each (B, H), in the layout's sorted order.
        Returns every h', (N, H) packed.
        """
        check_input(type(self).__name__, input.data, self.weight_ih)
        output, _ = run_through_time(
            self.bptt, self.mode, input.data, input.layout, state, self.weights(), need_state=False
        )
        return input.with_data(output)

    def weights(self) -> Weights:
        """The parameters."""
        return Weights(self.weight_ih, self.weight_hh, self.bias_ih, self.bias_hh)

    def extra_repr(self) -> str:
        """The sizes, and bias where there is none."""
        return f"{self.input_size}, {self.hidden_size}" + ("" if self.bias else ", bias=False")


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
        check_option("nonlinearity", nonlinearity, ["tanh", "relu"])
        mode = f"RNN_{nonlinearity.upper()}"
        super().__init__(mode, input_size, hidden_size, bias, device, dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:  # noqa: A002
        """x (B, I) and h (B, H) -> h' (B, H)."""
        return self._step(input, None if hx is None else (hx,))[0]


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
        super().__init__("GRU", input_size, hidden_size, bias, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:  # noqa: A002
        """x (B, I) and h (B, H) -> h' (B, H)."""
        return self._step(input, None if hx is None else (hx,))[0]


class LSTMCell(Cell):
    """One step of a long short-term memory; the equations are those of `LSTM`.

    The arguments are those of `torch.nn.LSTMCell`. Called with x (B, I), or (I,), and the pair
    (h, c), each (B, H); returns (h', c'). Raises ShapeError if a size or a dtype disagrees.

    >>> h, c = LSTMCell(3, 4)(torch.ones(2, 3))
    >>> h.shape, c.shape
    (torch.Size([2, 4]), torch.Size([2, 4]))
    """

    state_names = ("h_0", "c_0")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__("LSTM", input_size, hidden_size, bias, device, dtype)

    def forward(
        self,
        input: Tensor,  # noqa: A002 - torch's name
        hx: tuple[Tensor, Tensor] | None = None,
    ) -> tuple[Tensor, Tensor]:
        """x (B, I) and (h, c), each (B, H) -> (h', c')."""
        given: Any = hx
        if given is not None and (not isinstance(given, tuple | list) or len(given) != 2):
            raise ShapeError(
                f"LSTMCell: hx is a {type(given).__name__}, but the pair (h_0, c_0) was expected."
            )
        h, c = self._step(input, None if given is None else tuple(given))
        return h, c
