"""torch's weights in ONNX' order: LSTM i, o, f, c; GRU z, r, h."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from torch import Tensor

_ORDER = {"RNN": [0], "GRU": [1, 0, 2], "LSTM": [0, 3, 1, 2]}


def onnx_weights(
    cell: str, weights: Mapping[str, Tensor], *, layer: int = 0, directions: int = 1
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """W (D, G*H, I), R (D, G*H, H) and B (D, 2*G*H) of one layer, from a `torch.nn` state_dict."""
    suffixes = [f"_l{layer}", f"_l{layer}_reverse"][:directions]

    def stack(name: str) -> np.ndarray:
        return np.stack([_reorder(cell, weights[name + suffix].numpy()) for suffix in suffixes])

    biases = np.concatenate([stack("bias_ih"), stack("bias_hh")], axis=1)
    return stack("weight_ih"), stack("weight_hh"), biases


def _reorder(cell: str, rows: np.ndarray) -> np.ndarray:
    order = _ORDER[cell]
    gates = np.split(rows, len(order))
    return np.concatenate([gates[gate] for gate in order])
