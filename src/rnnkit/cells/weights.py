"""Other libraries' weights to ours and back: the only place that knows other gate orders.

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
from rnnkit.kernels import GATES

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
    _check_mode(mode, reset_after)
    _check_shapes(mode, kernel, recurrent_kernel, bias)
    weights = {
        "weight_ih": _swap_gates(mode, torch.tensor(kernel).t()),
        "weight_hh": _swap_gates(mode, torch.tensor(recurrent_kernel).t()),
    }
    if bias is None:
        return weights
    # One bias where Keras has one: ours adds two, so the other is zero.
    pair = torch.tensor(bias) if mode == "GRU" else torch.tensor(np.stack([bias, 0 * bias]))
    bias_ih, bias_hh = (_swap_gates(mode, row) for row in pair)
    return weights | {"bias_ih": bias_ih, "bias_hh": bias_hh}


def to_keras(mode: str, weights: Mapping[str, Tensor]) -> list[np.ndarray]:
    """The inverse of `from_keras`: kernel, recurrent_kernel and, with biases, bias.

    What Keras' `set_weights` takes; a GRU's layer must have reset_after=True, its default.

    >>> keras = to_keras("LSTM", {"weight_ih": torch.ones(8, 3), "weight_hh": torch.ones(8, 2)})
    >>> [array.shape for array in keras]
    [(3, 8), (2, 8)]
    """
    _check_mode(mode, reset_after=True)
    ours = {name: _swap_gates(mode, tensor.detach()) for name, tensor in weights.items()}
    keras = [ours["weight_ih"].t(), ours["weight_hh"].t()]
    if "bias_ih" in ours:
        pair = torch.stack([ours["bias_ih"], ours["bias_hh"]])
        keras.append(pair if mode == "GRU" else pair.sum(dim=0))
    return [np.ascontiguousarray(tensor.numpy()) for tensor in keras]


def _swap_gates(mode: str, rows: Tensor) -> Tensor:
    """A GRU's first two gates change places; the other orders are the same."""
    if mode != "GRU":
        return rows.contiguous()
    first, second, last = rows.chunk(3)
    return torch.cat([second, first, last])


def _check_mode(mode: str, reset_after: bool) -> None:
    check_option("mode", mode, GATES)
    if not reset_after:
        raise OptionError(
            "reset_after=False resets the state before its product, an equation that our GRU does "
            "not have. Train the Keras GRU with reset_after=True, its default."
        )


def _check_shapes(
    mode: str, kernel: np.ndarray, recurrent_kernel: np.ndarray, bias: np.ndarray | None
) -> None:
    columns = GATES[mode] * recurrent_kernel.shape[0]
    expected: dict[str, tuple[int, ...]] = {
        "kernel": (kernel.shape[0], columns),
        "recurrent_kernel": (recurrent_kernel.shape[0], columns),
        "bias": (2, columns) if mode == "GRU" else (columns,),
    }
    given = {"kernel": kernel, "recurrent_kernel": recurrent_kernel, "bias": bias}
    for name, array in given.items():
        if array is not None and array.shape != expected[name]:
            raise ShapeError(
                f"{mode}: {name} has shape {array.shape} but {expected[name]} was expected."
            )
