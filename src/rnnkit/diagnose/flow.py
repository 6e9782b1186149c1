"""Where gradients die or explode: their norm by lag, and what in the weights and gates does it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from torch import nn

from rnnkit.bptt import Loss, Tensors
from rnnkit.cells import spec_of
from rnnkit.diagnose.plotting import Draw, Panels, figure
from rnnkit.diagnose.recurrences import Held, RecurrentWeights, hold, recurrences, recurrent_weights
from rnnkit.diagnose.subject import Model, Subject, kept_gradients, subject_of
from rnnkit.diagnose.watching import Walk, Watched, mean_by_lag, watched
from rnnkit.errors import InputError
from rnnkit.nest import Json

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["GateUse", "GradientFlow", "LayerFlow", "gradient_flow"]

Curves: TypeAlias = dict[str, np.ndarray | None]
"""The curves of a `LayerFlow`, by its fields' names."""

HORIZON = 1e-3
"""The share of its start to which a gradient has fallen at the effective horizon."""

EXPLODED = 1e3
"""The multiple of its start above which a gradient is said to explode."""

LOW, HIGH = 0.1, 0.9
"""A gate below or above is saturated (Karpathy, Johnson & Fei-Fei 2016, section 4.2)."""

_BUCKETS = 8


@dataclass(frozen=True)
class GateUse:
    """How a layer's gates are used on the examples.

    low, high: by gate, the share of its values below 0.1 and above 0.9; of tanh, of |values| above
    0.9 (high alone). time_scales: (H,) steps after which a unit of memory has fallen to 1/e when
    nothing is written to it, -1 / ln f with f the unit's mean forget gate (GRU: z); None without.
    """

    low: dict[str, float]
    high: dict[str, float]
    time_scales: np.ndarray | None


@dataclass(frozen=True)
class LayerFlow:
    """One layer and direction.

    by_lag: (T,) mean norm of dL/dh_t at each lag where L enters this layer at the last step that it
    reads alone, so that what arrives has come through the recurrence. total: the same with L as it
    is in training. cell: as by_lag, of dL/dc_t (LSTM). NaN where no sequence is that long; None
    where it cannot be told. weights and gates as far as the layer has them.
    """

    layer: str
    kind: str
    by_lag: np.ndarray | None = None
    total: np.ndarray | None = None
    cell: np.ndarray | None = None
    weights: RecurrentWeights | None = None
    gates: GateUse | None = None

    @property
    def horizon(self) -> int | None:
        """The first lag where the gradient is below 1/1000 of its start; None if there is none."""
        start = self._start
        if start is None or self.by_lag is None:
            return None
        below = np.flatnonzero(self.by_lag[start:] < HORIZON * self.by_lag[start])
        return int(below[0]) + start if len(below) else None

    @property
    def growth(self) -> float | None:
        """The gradient at the largest lag over that at the start."""
        start = self._start
        if start is None or self.by_lag is None:
            return None
        known = self.by_lag[np.isfinite(self.by_lag)]
        return float(known[-1] / self.by_lag[start])

    @property
    def exploding(self) -> bool:
        """Whether the gradient is more than 1000 times its start at the largest lag."""
        return self.growth is not None and not self.growth <= EXPLODED

    @property
    def _start(self) -> int | None:
        """The first lag with a gradient."""
        if self.by_lag is None:
            return None
        with np.errstate(invalid="ignore"):
            known = np.flatnonzero(self.by_lag > 0)
        return int(known[0]) if len(known) else None


@dataclass(frozen=True)
class GradientFlow:
    """What `gradient_flow` has found.

    layers: in the order in which the module holds them. loss_by_length: rows of shortest and
    longest length, number of examples and mean loss.
    """

    layers: list[LayerFlow]
    loss_by_length: list[tuple[int, int, int, float]] = field(default_factory=list)

    def __getitem__(self, layer: str) -> LayerFlow:
        """A layer by its name."""
        return next(one for one in self.layers if one.layer == layer)

    def summary(self) -> str:
        """What is to be known of each layer, in sentences."""
        lines = [line for layer in self.layers for line in _describe(layer)]
        if self.loss_by_length:
            lines.append("loss by length:")
            lines += [
                f"  {_span(low, high):>12} steps  {loss:.4f}  ({count} examples)"
                for low, high, count, loss in self.loss_by_length
            ]
        return "\n".join(lines)

    def panels(self) -> Panels:
        """The charts, by title."""
        found = {
            "Gradient through the recurrence, by lag": _lines(self.layers, "by_lag"),
            "dL/dh in training, by lag": _lines(self.layers, "total"),
            "Singular values of W_hh": _singular(self.layers),
            "Saturated gates": _saturation(self.layers),
            "How long units remember": _memory(self.layers),
            "Loss by length": _losses(self.loss_by_length),
        }
        return {title: draw for title, draw in found.items() if draw is not None}

    def plot(self) -> Figure:
        """All charts as a matplotlib figure."""
        return figure(self.panels())

    def to_dict(self) -> dict[str, Json]:
        """Plain values, for JSON; what is not finite is None."""
        return {
            "layers": [_layer_dict(layer) for layer in self.layers],
            "loss_by_length": [
                {"shortest": low, "longest": high, "examples": count, "loss": loss}
                for low, high, count, loss in self.loss_by_length
            ],
        }


def gradient_flow(
    model: Model,
    batch: object,
    *,
    loss: Loss | None = None,
    state: Tensors = None,
    batch_first: bool = False,
) -> GradientFlow:
    """How far gradients travel through a model, before, during or after its training.

    model, batch: a fitted estimator and (X, y); or a module (input, state) -> (output, state) and
        its input, (T, B, ...) or (B, T, ...) with batch_first, and then `loss` as
        `rnnkit.bptt.backward` takes it. Without a loss |y_T|^2 / 2 of the last output is taken: a
        loss at the last step alone, by which lags can be told.
    Every step is run by itself in eval mode, so long sequences take a while; the module's
    gradients and mode are left as they were.
    Lag 0 is the last step that a layer reads of each sequence (of a reverse direction its first).
    Norms are means over the sequences. Raises InputError if the model has no recurrence.

    >>> import torch
    >>> layer = torch.nn.RNN(2, 8)
    >>> flow = gradient_flow(layer, torch.randn(30, 4, 2))
    >>> flow.layers[0].layer, flow.layers[0].by_lag.shape, flow.layers[0].horizon < 30
    ('l0', (30,), True)
    """
    subject = subject_of(model, batch, loss, state=state, batch_first=batch_first)
    with kept_gradients(subject.module):
        gradients = dict(_stepwise(subject) if subject.stepwise else _inside(subject))
        held = {one.layer: one for one in hold(subject.module, subject.forward)}
    weights = {one.layer: one for one in recurrent_weights(subject.module)}
    kinds = {one.layer: one.kind for one in recurrences(subject.module)}
    if not kinds and not gradients:
        raise InputError(
            f"{type(subject.module).__name__} has no recurrent layer: nothing goes back through "
            f"time. A model with cell='none' has no memory to look into."
        )
    names = list(dict.fromkeys([*kinds, *gradients]))
    layers = [
        LayerFlow(
            name,
            kinds.get(name, type(subject.module).__name__),
            **gradients.get(name, {}),
            weights=weights.get(name),
            gates=_gate_use(held[name]) if name in held else None,
        )
        for name in names
    ]
    return GradientFlow(layers, _by_length(subject))


# -- gradients by lag ---------------------------------------------------------------------------


def _inside(subject: Subject) -> Iterator[tuple[str, Curves]]:
    """Of the layers of a network that is run as a whole."""
    walks: dict[bool, dict[str, list[Walk]]] = {}
    for last_only in (True, False):
        with watched(subject.module, last_only=last_only) as watching:
            run = subject.last if last_only and subject.last is not None else subject.backward
            run(None)
        walks[last_only] = {name: one.walks for name, one in watching.items() if one.walks}
    for name, through in walks[True].items():
        part = subject.module.get_submodule(name)
        for label, (place, cell), number in _places(name, part):
            total = None
            if number < len(walks[False][name]) and hasattr(part, "weights"):
                total = mean_by_lag(walks[False][name][number], place, with_output=True)
            yield label, _curves(through[number], place, cell, total, hasattr(part, "weights"))


def _places(name: str, part: Any) -> Iterator[tuple[str, tuple[int, int | None], int]]:
    """Each layer's name, where its h and c stand in the state, and which walk is its own."""
    if hasattr(part, "num_directions"):
        for walk in range(part.num_layers * part.num_directions):
            layer, direction = divmod(walk, part.num_directions)
            suffix = f".l{layer}" + ("_reverse" if direction else "")
            yield (name + suffix).lstrip("."), (0, _cell_place(part)), walk
    elif hasattr(part, "cells"):  # a decoder, whose layers' states stand side by side
        place = 0
        for layer, cell in enumerate(part.cells):
            memory = _cell_place(cell)
            yield f"{name}.cells.{layer}", (place, None if memory is None else place + memory), 0
            place += _num_states(cell)
    else:  # a cell, run over a whole sequence
        yield name, (0, _cell_place(part)), 0


def _num_states(part: nn.Module) -> int:
    """How many vectors a layer, a cell or its feed-forward contrast carries."""
    spec = spec_of(part)
    return 1 if spec is None else len(spec.states)


def _cell_place(part: nn.Module) -> int | None:
    """Which of them is the memory, c; None without."""
    return 1 if _num_states(part) > 1 else None


def _curves(
    walk: Walk, place: int, cell: int | None, total: np.ndarray | None, with_output: bool
) -> Curves:
    return {
        "by_lag": mean_by_lag(walk, place, with_output=with_output),
        "total": total,
        "cell": None if cell is None else mean_by_lag(walk, cell),
    }


def _stepwise(subject: Subject) -> Iterator[tuple[str, Curves]]:
    """Of a module that is itself run step by step, whatever it is made of."""
    policy = Watched(num_streams=subject.num_streams)
    subject.backward(policy)
    (walk,) = policy.walks
    names = [one.layer for one in recurrences(subject.module)]
    places = sorted(walk.states)
    # A pair (h, c) of n layers each, as torch gives it; otherwise every vector stands for itself.
    pairs = len(names) > 0 and len(places) == 2 * len(names)
    for number, place in enumerate(places[: len(names)] if pairs else places):
        matching = pairs or len(places) == len(names)
        label = names[number] if matching else f"state {place}"
        cell = places[len(names) + number] if pairs else None
        yield label, _curves(walk, place, cell, None, with_output=False)


# -- gates and losses ---------------------------------------------------------------------------


def _gate_use(held: Held) -> GateUse:
    low, high = {}, {}
    for gate, values in (held.gates or {"h": held.h}).items():
        rows = held.valid(values)
        if gate in (*held.spec.signed, "h"):
            high[gate] = float((np.abs(rows) > HIGH).mean())
        else:
            low[gate], high[gate] = float((rows < LOW).mean()), float((rows > HIGH).mean())
    if held.spec.remembers is None:
        return GateUse(low, high, None)
    forget = held.gates[held.spec.remembers]
    mean = np.clip(held.valid(forget).mean(axis=0), 1e-12, 1 - 1e-12)
    return GateUse(low, high, -1.0 / np.log(mean))


def _by_length(subject: Subject) -> list[tuple[int, int, int, float]]:
    """Mean loss of examples of like length, in groups of equal number."""
    if subject.each is None:
        return []
    lengths, losses = subject.each()
    order = np.argsort(lengths, kind="stable")
    groups = np.array_split(order, min(_BUCKETS, len(np.unique(lengths))))
    return [
        (
            int(lengths[group].min()),
            int(lengths[group].max()),
            len(group),
            float(losses[group].mean()),
        )
        for group in groups
        if len(group)
    ]


# -- in words -----------------------------------------------------------------------------------


def _describe(layer: LayerFlow) -> Iterator[str]:
    yield f"{layer.layer or 'module'} ({layer.kind})"
    if layer.by_lag is not None:
        yield f"  gradient: {_travel(layer)}"
    if layer.weights is not None:
        largest = [f"{gate} {s[0]:.2f}" for gate, s in layer.weights.singular_values.items()]
        yield f"  W_hh: largest singular value {', '.join(largest)}"
        radius = [f"{gate} {r:.2f}" for gate, r in layer.weights.spectral_radius.items()]
        if radius:
            yield f"  W_hh: spectral radius {', '.join(radius)}"
    if layer.gates is not None:
        shut = [
            f"{gate} {100 * (layer.gates.low.get(gate, 0.0) + high):.0f} %"
            for gate, high in layer.gates.high.items()
        ]
        yield f"  saturated: {', '.join(shut)}"
        if layer.gates.time_scales is not None:
            low, middle, high = np.percentile(layer.gates.time_scales, [5, 50, 95])
            yield f"  units remember {middle:.1f} steps (5 to 95 %: {low:.1f} to {high:.1f})"


def _travel(layer: LayerFlow) -> str:
    assert layer.by_lag is not None
    longest = int(np.flatnonzero(~np.isnan(layer.by_lag))[-1])
    if layer.growth is None:
        return "none arrives"
    if layer.exploding:
        return f"explodes: {layer.growth:.1e} times its start at lag {longest}"
    if layer.horizon is not None:
        return f"vanishes: below 1/1000 of its start from lag {layer.horizon} on (of {longest})"
    return f"arrives: {layer.growth:.1e} of its start at lag {longest}"


def _span(low: int, high: int) -> str:
    return f"{low}" if low == high else f"{low} to {high}"


def _layer_dict(layer: LayerFlow) -> dict[str, Json]:
    weights, gates = layer.weights, layer.gates
    return {
        "layer": layer.layer,
        "kind": layer.kind,
        "by_lag": plain(layer.by_lag),
        "total": plain(layer.total),
        "cell": plain(layer.cell),
        "horizon": layer.horizon,
        "growth": plain(layer.growth),
        "singular_values": None
        if weights is None
        else {gate: plain(values) for gate, values in weights.singular_values.items()},
        "spectral_radius": None if weights is None else weights.spectral_radius,
        "gates_low": None if gates is None else gates.low,
        "gates_high": None if gates is None else gates.high,
        "time_scales": None if gates is None else plain(gates.time_scales),
    }


def plain(values: np.ndarray | float | None) -> Json:
    """Numbers for JSON: None for what is not finite."""
    if values is None:
        return None
    if isinstance(values, np.ndarray):
        return [plain(value) for value in values]
    return float(values) if np.isfinite(values) else None


# -- as charts ----------------------------------------------------------------------------------


def _lines(layers: list[LayerFlow], curve: str) -> Draw | None:
    shown = [(one, getattr(one, curve)) for one in layers if getattr(one, curve) is not None]
    shown = [(one, values) for one, values in shown if np.nansum(values) > 0]
    if not shown:
        return None

    def draw(axes: Axes) -> None:
        for one, values in shown:
            positive = np.where(values > 0, values, np.nan)
            axes.plot(np.arange(len(values)), positive, label=one.layer or one.kind)
            if curve == "by_lag" and one.horizon is not None:
                axes.axvline(one.horizon, color=axes.lines[-1].get_color(), ls=":", lw=1)
        axes.set_yscale("log")
        axes.set_xlabel("lag (steps)")
        axes.set_ylabel("mean norm")
        axes.legend()

    return draw


def _singular(layers: list[LayerFlow]) -> Draw | None:
    shown = [one for one in layers if one.weights is not None]
    if not shown:
        return None

    def draw(axes: Axes) -> None:
        for one in shown:
            assert one.weights is not None
            for gate, values in one.weights.singular_values.items():
                axes.plot(np.arange(1, len(values) + 1), values, lw=1, label=f"{one.layer} {gate}")
        axes.axhline(1.0, color="black", lw=0.8, ls="--")
        axes.set_xlabel("rank")
        axes.set_ylabel("singular value")
        if sum(len(one.weights.gates) for one in shown if one.weights) <= 12:
            axes.legend()

    return draw


def _saturation(layers: list[LayerFlow]) -> Draw | None:
    shown = [
        (f"{one.layer} {gate}", one.gates.low.get(gate, 0.0), high)
        for one in layers
        if one.gates is not None
        for gate, high in one.gates.high.items()
    ]
    if not shown:
        return None

    def draw(axes: Axes) -> None:
        names, low, high = zip(*shown, strict=True)
        places = np.arange(len(names))
        axes.barh(places, [-100 * share for share in low], label="below 0.1")
        axes.barh(places, [100 * share for share in high], label="above 0.9 (tanh: either end)")
        axes.set_yticks(places, names, fontsize=7)
        axes.invert_yaxis()
        axes.axvline(0, color="black", lw=0.8)
        axes.set_xlabel("share of values, % (left: shut, right: open)")
        axes.legend()

    return draw


def _memory(layers: list[LayerFlow]) -> Draw | None:
    shown = [
        (one.layer, one.gates.time_scales)
        for one in layers
        if one.gates is not None and one.gates.time_scales is not None
    ]
    if not shown:
        return None

    def draw(axes: Axes) -> None:
        for name, scales in shown:
            axes.plot(np.linspace(0, 100, len(scales)), np.sort(scales), label=name)
        everything = np.concatenate([scales for _, scales in shown])
        if everything.max() > 20 * everything.min():
            axes.set_yscale("log")
        axes.set_xlabel("units, % (sorted)")
        axes.set_ylabel("steps until 1/e is left")
        axes.legend()

    return draw


def _losses(rows: list[tuple[int, int, int, float]]) -> Draw | None:
    if len(rows) < 2:
        return None

    def draw(axes: Axes) -> None:
        places = np.arange(len(rows))
        axes.bar(places, [loss for *_, loss in rows])
        axes.set_xticks(places, [_span(low, high) for low, high, *_ in rows], fontsize=7)
        axes.set_xlabel("length (steps)")
        axes.set_ylabel("mean loss")

    return draw
