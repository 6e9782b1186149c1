"""The recurrent layers inside a module: their weights, and what they hold while they run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pad_packed_sequence

from rnnkit.cells import GRU, LSTM, RNN
from rnnkit.packed import Packed

__all__ = ["GATES", "Held", "RecurrentWeights", "hold", "recurrent_weights"]

GATES = {1: ("h",), 3: ("r", "z", "n"), 4: ("i", "f", "g", "o")}
"""The names of the blocks of rows of a weight, by their number."""

_SUFFIXES = ("", "_reverse")


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


def recurrent_weights(module: nn.Module) -> list[RecurrentWeights]:
    """Every W_hh inside a module, of rnnkit's and of torch's layers and cells."""
    return [
        RecurrentWeights(_label(name, parameter), type(part).__name__, _blocks(part, weight))
        for name, part in module.named_modules()
        for parameter, weight in part.named_parameters(recurse=False)
        if parameter.startswith("weight_hh")
    ]


@dataclass(frozen=True)
class Held:
    """What one layer and direction held: (T, B, H) each, zeros past `lengths`, (B,).

    h and c as in the equations; gates by name.
    """

    layer: str
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
def hold(module: nn.Module, forward: Callable[[], Any]) -> list[Held]:
    """Run a module and show what each recurrent layer inside held at every step, in order.

    Layers of torch.nn are shown too; cells, which take a single step, are not.
    """
    held: list[Held] = []
    handles = [
        part.register_forward_pre_hook(_holder(name, held), with_kwargs=True)
        for name, part in module.named_modules()
        if _is_layer(part)
    ]
    try:
        forward()
    finally:
        for handle in handles:
            handle.remove()
    return held


def _is_layer(part: nn.Module) -> bool:
    return isinstance(part, RNN | GRU | LSTM | nn.RNN | nn.GRU | nn.LSTM)


def _holder(name: str, held: list[Held]) -> Callable[..., None]:
    def note(part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        held.extend(_traced(name, part, *args, **kwargs))

    return note


def _traced(
    name: str, part: Any, x: Any, hx: Any = None, *, lengths: Any = None, **_: Any
) -> Iterator[Held]:
    layer = _ours(part)
    time_dim = 1 if layer.batch_first else 0
    x, hx, lengths = _padded(x, hx, lengths, layer.batch_first)
    steps, batch = x.shape[time_dim], x.shape[1 - time_dim]
    sizes = np.asarray([steps] * batch if lengths is None else lengths, dtype=np.int64)
    suffixes = [
        f".l{number}{direction}"
        for number in range(layer.num_layers)
        for direction in _SUFFIXES[: layer.num_directions]
    ]
    for suffix, trace in zip(suffixes, layer.trace(x, hx, lengths=lengths), strict=True):

        def array(tensor: Tensor) -> np.ndarray:
            shown = tensor.transpose(0, 1) if layer.batch_first else tensor
            values: np.ndarray = shown.double().numpy()
            return values

        c = None if trace.c is None else array(trace.c)
        gates = {gate: array(values) for gate, values in trace.gates.items()}
        yield Held((name + suffix).lstrip("."), array(trace.h), c, gates, sizes)


def _padded(x: Any, hx: Any, lengths: Any, batch_first: bool) -> tuple[Tensor, Any, Any]:
    """Any form of a batch as a padded one, in the form that the layer reads."""
    if isinstance(x, Packed):
        padded = x.layout.pad(x.data)  # states are in the layout's sorted order, too
        return padded.transpose(0, 1) if batch_first else padded, hx, x.layout.lengths
    if isinstance(x, PackedSequence):
        padded, sizes = pad_packed_sequence(x, batch_first=batch_first)
        return padded, hx, sizes
    if x.dim() == 2:
        state = None if hx is None else _with_batch(hx)
        return x.unsqueeze(0 if batch_first else 1), state, lengths
    return x, hx, lengths


def _with_batch(hx: Any) -> Any:
    return tuple(s.unsqueeze(1) for s in hx) if isinstance(hx, tuple) else hx.unsqueeze(1)


def _ours(part: Any) -> Any:
    """A layer of rnnkit with the weights of one of torch's."""
    if isinstance(part, RNN | GRU | LSTM):
        return part
    options: dict[str, Any] = {
        "num_layers": part.num_layers,
        "bias": part.bias,
        "batch_first": part.batch_first,
        "bidirectional": part.bidirectional,
    }
    sizes = part.input_size, part.hidden_size
    weight = part.weight_ih_l0
    options |= {"dtype": weight.dtype, "device": weight.device}
    layer: nn.Module
    if isinstance(part, nn.LSTM):
        layer = LSTM(*sizes, proj_size=part.proj_size, **options)
    elif isinstance(part, nn.GRU):
        layer = GRU(*sizes, **options)
    else:
        layer = RNN(*sizes, nonlinearity=part.nonlinearity, **options)
    layer.load_state_dict(part.state_dict())
    return layer.eval()


def _label(name: str, parameter: str) -> str:
    """`encoder` and `weight_hh_l0_reverse` are `encoder.l0_reverse`; a cell is itself."""
    suffix = parameter.removeprefix("weight_hh").replace("_l", ".l", 1)
    return (name + suffix).lstrip(".")


def _blocks(part: nn.Module, weight: Tensor) -> dict[str, np.ndarray]:
    hidden = int(getattr(part, "hidden_size", weight.shape[1]))
    blocks = torch.split(weight.detach().double().cpu(), hidden)
    names = GATES.get(len(blocks), tuple(f"block {n}" for n in range(len(blocks))))
    return {name: block.numpy() for name, block in zip(names, blocks, strict=True)}
