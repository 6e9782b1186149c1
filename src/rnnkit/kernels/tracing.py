"""What a recurrence held inside at every step: states and gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rnnkit.kernels import native, reference
from rnnkit.kernels.dispatch import NATIVE, chosen
from rnnkit.kernels.interface import GATES, Padded, State, Weights, zero_state

__all__ = ["Trace", "trace"]

# The columns of a native reserve that are shown, in their order.
_COLUMNS = {"GRU": ("n", "r", "z"), "LSTM": ("i", "f", "g", "o", "c")}


@dataclass(frozen=True)
class Trace:
    """One layer in one direction, step by step; zeros past each sequence's length.

    h: (T, B, H), or P features with a projection. c: (T, B, H), of an LSTM, else None.
    gates: by name, (T, B, H) each: LSTM i, f, g, o; GRU r, z, n; none of an RNN.
    """

    h: Tensor
    c: Tensor | None = None
    gates: dict[str, Tensor] = field(default_factory=dict)

    def map(self, function: Callable[[Tensor], Tensor]) -> Trace:
        """The same with a function applied to every tensor."""
        gates = {name: function(gate) for name, gate in self.gates.items()}
        return Trace(function(self.h), None if self.c is None else function(self.c), gates)


@torch.no_grad()
def trace(
    mode: str,
    x: Tensor,
    form: Padded,
    state: State | None,
    weights: Weights,
    *,
    reverse: bool = False,
) -> Trace:
    """Run one layer in one direction over a padded batch and keep everything; no gradient.

    x: (T, B, I); state as in `rnnkit.kernels.run`.
    """
    name = chosen(x.dtype, x.device.type)
    run = _trace_native if name == NATIVE else _trace_reference
    values = run(mode, x, form, state, weights, reverse)
    h, c = values.pop("h"), values.pop("c", None)
    return Trace(h, c, values)


def _trace_native(
    mode: str, x: Tensor, form: Padded, state: State | None, weights: Weights, reverse: bool
) -> dict[str, Tensor]:
    results = native.forward(mode, x, form, state, weights, reverse=reverse, keep=True)
    names = _COLUMNS.get(mode, ())
    if not names:
        return {"h": results.y}
    steps, sequences = x.shape[:2]
    rows = results.kept[: form.layout(steps, sequences).num_rows]
    columns = torch.split(rows, weights.weight_ih.shape[0] // GATES[mode], dim=1)
    values = {
        name: form.unpack(column, steps, sequences)
        for name, column in zip(names, columns, strict=False)
    }
    return {"h": results.y, **values}


def _trace_reference(
    mode: str, x: Tensor, form: Padded, state: State | None, weights: Weights, reverse: bool
) -> dict[str, Tensor]:
    steps, sequences = x.shape[:2]
    state = state or zero_state(mode, x, sequences, weights)
    layout = form.layout(steps, sequences)
    lengths = layout.lengths[layout.inverse]
    seen: list[dict[str, Tensor]] = [{}] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        valid = (t < lengths)[:, None]
        gates = reference.gates(mode, x[t], state[0], weights)
        new = reference.STEPS[mode](x[t], state, weights)
        values = {**dict(zip(("h", "c"), new, strict=False)), **gates}
        seen[t] = {name: torch.where(valid, value, 0) for name, value in values.items()}
        state = tuple(torch.where(valid, a, b) for a, b in zip(new, state, strict=True))
    return {name: torch.stack([values[name] for values in seen]) for name in seen[0]}
