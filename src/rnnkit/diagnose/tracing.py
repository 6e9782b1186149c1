"""What a model held while it read one input: states and gates, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from rnnkit.bptt import Tensors
from rnnkit.diagnose.flow import plain
from rnnkit.diagnose.plotting import Draw, Panels, figure
from rnnkit.diagnose.recurrences import Held, hold
from rnnkit.diagnose.subject import Model, kept_gradients, subject_of
from rnnkit.errors import InputError
from rnnkit.nest import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["LayerTrace", "StateTrace", "trace"]

MOST_LABELS = 60


@dataclass(frozen=True)
class LayerTrace:
    """One layer and direction: h, c (LSTM) and the gates by name, (T, H) each, in order of time.

    signed: the names of those in (-1, 1), or without bounds; the others are in (0, 1).
    """

    layer: str
    h: np.ndarray
    c: np.ndarray | None
    gates: dict[str, np.ndarray]
    signed: tuple[str, ...] = ("h", "c")


@dataclass(frozen=True)
class StateTrace:
    """What `trace` has found. layers: in the order in which they ran. labels: of the T steps."""

    layers: list[LayerTrace]
    labels: list[str]

    def __getitem__(self, layer: str) -> LayerTrace:
        """A layer by its name."""
        return next(one for one in self.layers if one.layer == layer)

    def summary(self) -> str:
        """How large the states are and how far the gates are open, on average."""
        lines = []
        for one in self.layers:
            parts = [f"mean |h| {np.abs(one.h).mean():.3f}"]
            if one.c is not None:
                parts.append(
                    f"mean |c| {np.abs(one.c).mean():.3f}, largest {np.abs(one.c).max():.2f}"
                )
            parts += [f"{gate} {values.mean():.3f}" for gate, values in one.gates.items()]
            lines.append(f"{one.layer} ({len(one.h)} steps): {', '.join(parts)}")
        return "\n".join(lines)

    def panels(self) -> Panels:
        """A map of every layer's h, c and gates over the steps, by title."""
        found: dict[str, Draw] = {}
        for one in self.layers:
            named = {"h": one.h, **({} if one.c is None else {"c": one.c}), **one.gates}
            for name, values in named.items():
                found[f"{one.layer} {name}"] = self._map(values, signed=name in one.signed)
        return found

    def plot(self) -> Figure:
        """All charts as a matplotlib figure."""
        return figure(self.panels())

    def to_dict(self) -> dict[str, Json]:
        """Plain values, for JSON."""
        return {
            "labels": self.labels,
            "layers": [
                {
                    "layer": one.layer,
                    "h": plain(one.h),
                    "c": plain(one.c),
                    "gates": {gate: plain(values) for gate, values in one.gates.items()},
                }
                for one in self.layers
            ],
        }

    def _map(self, values: np.ndarray, *, signed: bool) -> Draw:
        def draw(axes: Axes) -> None:
            limit = max(1e-9, float(np.abs(values).max())) if signed else 1.0
            picture = axes.imshow(
                values.T,
                aspect="auto",
                interpolation="nearest",
                cmap="RdBu_r" if signed else "viridis",
                vmin=-limit if signed else 0.0,
                vmax=limit,
            )
            axes.figure.colorbar(picture, ax=axes)
            axes.grid(visible=False)
            axes.set_ylabel("unit")
            if len(self.labels) <= MOST_LABELS:
                axes.set_xticks(range(len(self.labels)), self.labels, rotation=90, fontsize=7)
            else:
                axes.set_xlabel("step")

        return draw


def trace(
    model: Model, x: object, *, state: Tensors = None, batch_first: bool = False
) -> StateTrace:
    """Show h, c and the gates of every recurrent layer over the steps of one input.

    model, x: a fitted estimator and one input as it takes them (a text, a list of tokens, a
        series); or a module (input, state) -> (output, state) and one sequence, (T, I).
    Runs in eval mode without gradients, at the speed of the layers' kernels. One-step cells (a
    translator's decoder) are not shown. Raises InputError if the model has no recurrent layer.

    >>> from rnnkit.cells import LSTM
    >>> shown = trace(LSTM(2, 3), torch.ones(5, 2))
    >>> shown.layers[0].c.shape, sorted(shown["l0"].gates)
    ((5, 3), ['f', 'g', 'i', 'o'])
    """
    if isinstance(model, nn.Module):
        if not isinstance(x, torch.Tensor) or x.dim() < 2:
            raise InputError("x is expected to be one sequence, a tensor (T, I).")
        one = x.unsqueeze(0 if batch_first else 1)
        subject = subject_of(model, one, None, state=state, batch_first=batch_first)
    elif hasattr(model, "subject"):
        subject = model.subject([x])
    else:
        subject = subject_of(model, None, None)  # says what was expected
    with kept_gradients(subject.module):
        held = hold(subject.module, subject.forward)
    if not held:
        raise InputError(
            f"{type(subject.module).__name__} has no recurrent layer whose states could be shown."
        )
    steps = max(len(one.h) for one in held)
    labels = subject.labels if subject.labels is not None else [str(t) for t in range(steps)]
    return StateTrace([_first(one) for one in held if one.h.shape[1] == 1], labels)


def _first(held: Held) -> LayerTrace:
    c = None if held.c is None else held.c[:, 0]
    gates = {gate: values[:, 0] for gate, values in held.gates.items()}
    return LayerTrace(held.layer, held.h[:, 0], c, gates, ("h", "c", *held.spec.signed))
