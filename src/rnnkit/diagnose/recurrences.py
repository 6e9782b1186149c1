"""The recurrent layers inside a module: their weights, and what they hold while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from rnnkit.cells import Recurrent, is_layer, spec_of
from rnnkit.cells.checks import Hidden, Lengths
from rnnkit.nest import map_arrays
from rnnkit.packed import Packed
from rnnkit.recurrence import CellSpec

__all__ = ["Held", "Recurrence", "RecurrentWeights", "hold", "recurrences", "recurrent_weights"]


Layer: TypeAlias = Recurrent | nn.RNNBase
Batch: TypeAlias = Tensor | Packed | PackedSequence
"""What recurrent layers are, and what they read."""


@dataclass(frozen=True)
class RecurrentWeights:
    """W_hh of one layer and direction, or of a cell, gate by gate: (H, P) each."""

    layer: str
    kind: str
    gates: dict[str, np.ndarray]

    @property
    def singular_values(self) -> dict[str, np.ndarray]:
        """Of each gate's block, the largest first."""
        return {gate: np.linalg.svd(block, compute_uv=False) for gate, block in self.gates.items()}

    @property
    def spectral_radius(self) -> dict[str, float]:
        """Largest modulus of an eigenvalue; of square blocks, which a projection makes none."""
        return {
            gate: float(np.abs(np.linalg.eigvals(block)).max())
            for gate, block in self.gates.items()
            if block.shape[0] == block.shape[1]
        }


class Recurrence(NamedTuple):
    """One layer and direction, or a cell: its name here, its module and what ends its weights'."""

    layer: str
    part: nn.Module
    suffix: str
    spec: CellSpec

    @property
    def kind(self) -> str:
        """The class of its module."""
        return type(self.part).__name__


def recurrences(module: nn.Module) -> list[Recurrence]:
    """Every recurrence inside a module: `encoder.l0_reverse` of a layer; a cell by its own name."""
    return [
        Recurrence((name + suffix.replace("_l", ".l", 1)).lstrip("."), part, suffix, spec)
        for name, part in module.named_modules()
        if (spec := spec_of(part)) is not None
        for suffix in _suffixes(part)
    ]


def _suffixes(part: nn.Module) -> list[str]:
    if not is_layer(part):
        return [""]
    directions = ("", "_reverse") if part.bidirectional else ("",)
    return [f"_l{layer}{end}" for layer in range(part.num_layers) for end in directions]


def recurrent_weights(module: nn.Module) -> list[RecurrentWeights]:
    """Every W_hh inside a module, of rnnkit's and of torch's layers and cells."""
    weights = [
        (one, getattr(one.part, "weight_hh" + one.suffix, None)) for one in recurrences(module)
    ]
    return [
        RecurrentWeights(one.layer, one.kind, _blocks(one.spec, weight))
        for one, weight in weights
        if isinstance(weight, Tensor)
    ]


@dataclass(frozen=True)
class Held:
    """What one layer and direction held: (T, B, H) each, zeros past `lengths`, (B,).

    h and c as in the equations; gates by name. spec: the layer's cell.
    """

    layer: str
    spec: CellSpec
    h: np.ndarray
    c: np.ndarray | None
    gates: dict[str, np.ndarray]
    lengths: np.ndarray

    def valid(self, values: np.ndarray) -> np.ndarray:
        """(N, H) the rows of all sequences' own steps."""
        inside = np.arange(len(values))[:, None] < self.lengths[None, :]
        rows: np.ndarray = values[inside]
        return rows


@torch.no_grad()
def hold(module: nn.Module, forward: Callable[[], object]) -> list[Held]:
    """Run a module and show what each recurrent layer inside held at every step, in order.

    Layers of torch.nn are shown too; cells, which take a single step, are not.
    """
    held: list[Held] = []
    handles = [
        part.register_forward_pre_hook(_holder(name, held), with_kwargs=True)
        for name, part in module.named_modules()
        if is_layer(part)
    ]
    try:
        forward()
    finally:
        for handle in handles:
            handle.remove()
    return held


def _holder(name: str, held: list[Held]) -> Callable[..., None]:
    def note(part: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        held.extend(_traced(name, part, *args, **kwargs))

    return note


def _traced(
    name: str,
    part: Layer,
    x: Batch,
    hx: Hidden | None = None,
    *,
    lengths: Lengths | None = None,
    **_: object,
) -> Iterator[Held]:
    layer = _ours(part)
    time_dim = 1 if layer.batch_first else 0
    padded, hx, lengths = _padded(x, hx, lengths, layer.batch_first)
    steps, batch = padded.shape[time_dim], padded.shape[1 - time_dim]
    sizes = np.asarray([steps] * batch if lengths is None else lengths, dtype=np.int64)
    traces = layer.trace(padded, hx, lengths=lengths)
    for one, trace in zip(recurrences(layer), traces, strict=True):

        def array(tensor: Tensor) -> np.ndarray:
            shown = tensor.transpose(0, 1) if layer.batch_first else tensor
            values: np.ndarray = shown.double().numpy()
            return values

        c = None if trace.c is None else array(trace.c)
        gates = {gate: array(values) for gate, values in trace.gates.items()}
        yield Held(f"{name}.{one.layer}".lstrip("."), layer.spec, array(trace.h), c, gates, sizes)


def _padded(
    x: Batch, hx: Hidden | None, lengths: Lengths | None, batch_first: bool
) -> tuple[Tensor, Hidden | None, Lengths | None]:
    """Any form of a batch as a padded one, in the form that the layer reads."""
    if isinstance(x, Packed):
        padded = x.layout.pad(x.data)  # states are in the layout's sorted order, too
        return padded.transpose(0, 1) if batch_first else padded, hx, x.layout.lengths
    if isinstance(x, PackedSequence):
        padded, sizes = pad_packed_sequence(x, batch_first=batch_first)
        return padded, hx, sizes
    if x.dim() == 2:
        return x.unsqueeze(0 if batch_first else 1), _with_batch(hx), lengths
    return x, hx, lengths


def _with_batch(hx: Hidden | None) -> Hidden | None:
    return map_arrays(lambda state: state.unsqueeze(1), hx)


def _ours(part: Layer) -> Recurrent:
    """A layer of rnnkit with the weights of one of torch's."""
    spec = spec_of(part)
    if isinstance(part, Recurrent):
        return part
    assert spec is not None
    weight = next(part.parameters())
    layer = Recurrent(
        spec,
        part.input_size,
        part.hidden_size,
        part.num_layers,
        part.bias,
        part.batch_first,
        bidirectional=part.bidirectional,
        proj_size=part.proj_size,
        device=weight.device,
        dtype=weight.dtype,
    )
    layer.load_state_dict(part.state_dict())
    return layer.eval()


def _blocks(spec: CellSpec, weight: Tensor) -> dict[str, np.ndarray]:
    blocks = weight.detach().double().cpu().chunk(spec.num_blocks)
    return {name: block.numpy() for name, block in zip(spec.blocks, blocks, strict=True)}
