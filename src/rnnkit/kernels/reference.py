"""The cells' equations in plain torch, one step at a time: the oracle of every other kernel.

Slow and readable; autograd does the backward, of any order.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rnnkit.kernels.interface import State, Weights, walk
from rnnkit.packed import Layout
from rnnkit.recurrence import CellSpec, Namespace

__all__ = ["advance", "run"]

# mypy does not take a module whose functions have more arguments for it.
_TORCH: Namespace[Tensor] = torch  # type: ignore[assignment]


def advance(
    spec: CellSpec, x: Tensor, state: State, weights: Weights
) -> tuple[State, tuple[Tensor, ...]]:
    """One step: the state after it, and the cell's gates in their order, (B, H) each.

    x: (B, I); state: (B, P) of h, (B, H) of the others.
    """
    products: State = (F.linear(x, weights.weight_ih, weights.bias_ih),)
    if weights.weight_hh is not None:
        products = (*products, F.linear(state[0], weights.weight_hh, weights.bias_hh))
    new, gates = spec.step(_TORCH, products, state)
    if weights.weight_hr is not None:
        new = (F.linear(new[0], weights.weight_hr), *new[1:])
    return new, gates


def run(
    spec: CellSpec,
    data: Tensor,
    layout: Layout,
    state: State,
    weights: Weights,
    *,
    reverse: bool = False,
    need_state: bool = True,
) -> tuple[Tensor, State]:
    """Run a cell's step over every step of a layout; see `rnnkit.kernels.interface`."""
    initial, current = state, tuple(s[:0] if reverse else s for s in state)
    outputs: list[Tensor] = [data] * layout.num_steps
    finished: list[State] = []
    for t, rows, n in walk(layout, reverse=reverse):
        if n < len(current[0]):
            finished.append(tuple(s[n:] for s in current))
        current = tuple(
            torch.cat([s[:n], s_0[len(s) : n]]) for s, s_0 in zip(current, initial, strict=True)
        )
        current, _ = advance(spec, data[rows], current, weights)
        outputs[t] = current[0]
    # The longest sequence comes first and finishes last.
    parts = zip(current, *reversed(finished), strict=True)
    final = tuple(torch.cat(part) for part in parts)
    return torch.cat(outputs), final if need_state else final[:1]
