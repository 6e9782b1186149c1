"""Other libraries' weights to ours and back, by what each cell's spec says of their gate orders.

| | gates | kernels | bias |
|---|---|---|---|
| ours (PyTorch) | LSTM i, f, g, o; GRU r, z, n | (G*H, I), (G*H, H) | two, (G*H,) each |
| Keras | LSTM i, f, c, o; GRU z, r, h | (I, G*H), (H, G*H) | (G*H,); GRU (2, 3*H) |
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from rnnkit.errors import OptionError, ShapeError, check_option
from rnnkit.recurrence import CellSpec, Keras, by_mode, cell_modes

__all__ = ["from_keras", "to_keras"]


def from_keras(
    mode: str,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None = None,
    *,
    reset_after: bool = True,
) -> dict[str, Tensor]:
    """A Keras layer's weights as those of a cell here.

    mode: "RNN_TANH", "RNN_RELU", "GRU" or "LSTM". kernel: (I, G*H); recurrent_kernel: (H, G*H);
    bias: (G*H,), for a GRU (2, 3*H), or None; the order is that of Keras' `get_weights()`.
    Returns weight_ih, weight_hh and, with a bias, bias_ih and bias_hh: the state_dict of an
    `LSTMCell`, or of an `LSTM` once `_l0` is added to each name.
    Raises OptionError for reset_after=False, ShapeError if the sizes disagree.

    >>> weights = from_keras("GRU", np.ones((3, 6)), np.ones((2, 6)), np.zeros((2, 6)))
    >>> {name: tuple(tensor.shape) for name, tensor in weights.items()}
    {'weight_ih': (6, 3), 'weight_hh': (6, 2), 'bias_ih': (6,), 'bias_hh': (6,)}
    """
    spec, keras = _known(mode, reset_after)
    _check_shapes(spec, keras, kernel, recurrent_kernel, bias)

    def ours(rows: Tensor) -> Tensor:
        return _reordered(rows, keras.blocks, spec.blocks)

    weights = {
        "weight_ih": ours(torch.tensor(kernel).t()),
        "weight_hh": ours(torch.tensor(recurrent_kernel).t()),
    }
    if bias is None:
        return weights
    # One bias where Keras has one: ours adds two, so the other is zero.
    pair = torch.tensor(bias if keras.biases == 2 else np.stack([bias, 0 * bias]))
    bias_ih, bias_hh = map(ours, pair)
    return weights | {"bias_ih": bias_ih, "bias_hh": bias_hh}


def to_keras(mode: str, weights: Mapping[str, Tensor]) -> list[np.ndarray]:
    """The inverse of `from_keras`: kernel, recurrent_kernel and, with biases, bias.

    What Keras' `set_weights` takes; a GRU's layer must have reset_after=True, its default.

    >>> keras = to_keras("LSTM", {"weight_ih": torch.ones(8, 3), "weight_hh": torch.ones(8, 2)})
    >>> [array.shape for array in keras]
    [(3, 8), (2, 8)]
    """
    spec, keras = _known(mode, reset_after=True)
    theirs = {
        name: _reordered(tensor.detach(), spec.blocks, keras.blocks)
        for name, tensor in weights.items()
    }
    given = [theirs["weight_ih"].t(), theirs["weight_hh"].t()]
    if "bias_ih" in theirs:
        pair = torch.stack([theirs["bias_ih"], theirs["bias_hh"]])
        given.append(pair if keras.biases == 2 else pair.sum(dim=0))
    return [np.ascontiguousarray(tensor.numpy()) for tensor in given]


def _reordered(rows: Tensor, given: tuple[str, ...], wanted: tuple[str, ...]) -> Tensor:
    """Blocks of rows in another order; with biases, which have no columns, too."""
    blocks = dict(zip(given, rows.chunk(len(given)), strict=True))
    return torch.cat([blocks[name] for name in wanted])


def _known(mode: str, reset_after: bool) -> tuple[CellSpec, Keras]:
    """The cell, and how Keras keeps it."""
    found = {known: by_mode(known) for known in cell_modes()}
    keras = {known: spec.keras for known, spec in found.items() if spec.keras is not None}
    check_option("mode", mode, keras)
    if not reset_after:
        raise OptionError(
            "reset_after=False resets the state before its product, an equation that our GRU does "
            "not have. Train the Keras GRU with reset_after=True, its default."
        )
    return found[mode], keras[mode]


def _check_shapes(
    spec: CellSpec,
    keras: Keras,
    kernel: np.ndarray,
    recurrent_kernel: np.ndarray,
    bias: np.ndarray | None,
) -> None:
    columns = spec.num_blocks * recurrent_kernel.shape[0]
    expected: dict[str, tuple[int, ...]] = {
        "kernel": (kernel.shape[0], columns),
        "recurrent_kernel": (recurrent_kernel.shape[0], columns),
        "bias": (2, columns) if keras.biases == 2 else (columns,),
    }
    given = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
    for name, array in given.items():
        if array is not None and array.shape != expected[name]:
            raise ShapeError(
                f"{spec.mode}: {name} has shape {array.shape} but {expected[name]} was expected."
            )
