"""What a recurrence held inside at every step: states and gates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from rnnkit.kernels import native, reference
from rnnkit.kernels.dispatch import NATIVE, chosen
from rnnkit.kernels.interface import Padded, State, Weights, zero_state
from rnnkit.recurrence import CellSpec

__all__ = ["Trace", "trace"]


@dataclass(frozen=True)
class Trace:
    """One layer in one direction, step by step; zeros past each sequence's length.

    states, gates: by name, in the cell's order, (T, B, H) each: LSTM h, c and i, f, g, o; GRU h and
    r, z, n; RNN h. With a projection h has P features.
    """

    states: dict[str, Tensor]
    gates: dict[str, Tensor] = field(default_factory=dict)

    @property
    def h(self) -> Tensor:
        """The output, (T, B, P)."""
        return self.states["h"]

    @property
    def c(self) -> Tensor | None:
        """The memory, of a cell that has one."""
        return self.states.get("c")

    def map(self, function: Callable[[Tensor], Tensor]) -> Trace:
        """The same with a function applied to every tensor."""

        def mapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
            return {name: function(tensor) for name, tensor in tensors.items()}

        return Trace(mapped(self.states), mapped(self.gates))


@torch.no_grad()
def trace(
    spec: CellSpec,
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
    name = chosen(x.dtype, x.device.type, spec.kernels)
    run = _trace_native if name == NATIVE else _trace_reference
    values = run(spec, x, form, state, weights, reverse)
    return Trace(
        {name: values[name] for name in spec.states}, {name: values[name] for name in spec.gates}
    )


def _trace_native(
    spec: CellSpec, x: Tensor, form: Padded, state: State | None, weights: Weights, reverse: bool
) -> dict[str, Tensor]:
    results = native.forward(spec, x, form, state, weights, reverse=reverse, keep=True)
    values = {"h": results.y}
    if not spec.kept:
        return values
    steps, sequences = x.shape[:2]
    rows = results.kept[: form.layout(steps, sequences).num_rows]
    for name, column in zip(spec.kept, rows.chunk(len(spec.kept), dim=1), strict=True):
        values[name] = form.unpack(column, steps, sequences)
    return values


def _trace_reference(
    spec: CellSpec, x: Tensor, form: Padded, state: State | None, weights: Weights, reverse: bool
) -> dict[str, Tensor]:
    steps, sequences = x.shape[:2]
    state = state or zero_state(spec, x, sequences, weights)
    layout = form.layout(steps, sequences)
    lengths = layout.lengths[layout.inverse]
    seen: list[dict[str, Tensor]] = [{}] * steps
    for t in reversed(range(steps)) if reverse else range(steps):
        valid = (t < lengths)[:, None]
        new, gates = reference.advance(spec, x[t], state, weights)
        values = dict(zip((*spec.states, *spec.gates), (*new, *gates), strict=True))
        seen[t] = {name: torch.where(valid, value, 0) for name, value in values.items()}
        state = tuple(torch.where(valid, a, b) for a, b in zip(new, state, strict=True))
    return {name: torch.stack([values[name] for values in seen]) for name in seen[0]}
