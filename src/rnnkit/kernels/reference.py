"""The equations in plain torch, one step at a time: the oracle of every other kernel.

Slow and readable; autograd does the backward, of any order.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from rnnkit.kernels.interface import State, Weights, walk
from rnnkit.packed import Layout

__all__ = ["STEPS", "gates", "gru_step", "lstm_step", "relu_step", "run", "tanh_step"]


def tanh_step(x: Tensor, state: State, weights: Weights) -> State:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)  (Elman 1990).

    x: (B, I); state: (h,), (B, H).
    """
    return (torch.tanh(_from_input(x, weights) + _from_hidden(state[0], weights)),)


def relu_step(x: Tensor, state: State, weights: Weights) -> State:
    """h' = max(0, W_ih x + b_ih + W_hh h + b_hh)  (Le, Jaitly & Hinton 2015)."""
    return (torch.relu(_from_input(x, weights) + _from_hidden(state[0], weights)),)


def gru_step(x: Tensor, state: State, weights: Weights) -> State:
    """A gated recurrent unit, its reset applied after the product (Cho et al. 2014, as in cuDNN).

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr) ;  z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn)) ;  h' = (1 - z) * n + z * h
    """
    h = state[0]
    _, z, n = _gru_gates(x, h, weights)
    return ((1 - z) * n + z * h,)


def lstm_step(x: Tensor, state: State, weights: Weights) -> State:
    """A long short-term memory without peepholes (Gers, Schmidhuber & Cummins 2000).

    i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.) ;  g = tanh(...)
    c' = f * c + i * g ;  h' = o * tanh(c'), times W_hr if there is a projection (Sak et al. 2014)
    """
    h, c = state
    i, f, g, o = _lstm_gates(x, h, weights)
    c = f * c + i * g
    h = o * torch.tanh(c)
    return (h if weights.weight_hr is None else F.linear(h, weights.weight_hr)), c


STEPS: dict[str, Callable[[Tensor, State, Weights], State]] = {
    "RNN_TANH": tanh_step,
    "RNN_RELU": relu_step,
    "GRU": gru_step,
    "LSTM": lstm_step,
}


def gates(mode: str, x: Tensor, h: Tensor, weights: Weights) -> dict[str, Tensor]:
    """The gates of a step by name, (B, H) each: LSTM i, f, g, o; GRU r, z, n; none of an RNN."""
    if mode == "LSTM":
        return dict(zip("ifgo", _lstm_gates(x, h, weights), strict=True))
    if mode == "GRU":
        return dict(zip("rzn", _gru_gates(x, h, weights), strict=True))
    return {}


def run(
    mode: str,
    data: Tensor,
    layout: Layout,
    state: State,
    weights: Weights,
    *,
    reverse: bool = False,
    need_state: bool = True,
) -> tuple[Tensor, State]:
    """Run a cell's step over every step of a layout; see `rnnkit.kernels.interface`."""
    step = STEPS[mode]
    initial, current = state, tuple(s[:0] if reverse else s for s in state)
    outputs: list[Tensor] = [data] * layout.num_steps
    finished: list[State] = []
    for t, rows, n in walk(layout, reverse=reverse):
        if n < len(current[0]):
            finished.append(tuple(s[n:] for s in current))
        current = tuple(
            torch.cat([s[:n], s_0[len(s) : n]]) for s, s_0 in zip(current, initial, strict=True)
        )
        current = step(data[rows], current, weights)
        outputs[t] = current[0]
    # The longest sequence comes first and finishes last.
    parts = zip(current, *reversed(finished), strict=True)
    final = tuple(torch.cat(part) for part in parts)
    return torch.cat(outputs), final if need_state else final[:1]


def _gru_gates(x: Tensor, h: Tensor, weights: Weights) -> tuple[Tensor, Tensor, Tensor]:
    x_r, x_z, x_n = _from_input(x, weights).chunk(3, dim=-1)
    h_r, h_z, h_n = _from_hidden(h, weights).chunk(3, dim=-1)
    r, z = torch.sigmoid(x_r + h_r), torch.sigmoid(x_z + h_z)
    return r, z, torch.tanh(x_n + r * h_n)


def _lstm_gates(x: Tensor, h: Tensor, weights: Weights) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    i, f, g, o = (_from_input(x, weights) + _from_hidden(h, weights)).chunk(4, dim=-1)
    return torch.sigmoid(i), torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)


def _from_input(x: Tensor, weights: Weights) -> Tensor:
    return F.linear(x, weights.weight_ih, weights.bias_ih)


def _from_hidden(h: Tensor, weights: Weights) -> Tensor:
    return F.linear(h, weights.weight_hh, weights.bias_hh)
