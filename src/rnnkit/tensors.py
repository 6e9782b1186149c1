"""torch's tensors and numpy's arrays for the same numbers: they share memory."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from rnnkit.archive import BFLOAT16
from rnnkit.errors import InputError

__all__ = ["from_arrays", "to_arrays"]


def to_arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    """What `rnnkit.archive.write` takes. Raises InputError for a dtype that no file can hold.

    >>> to_arrays({"weight": torch.ones(2)})["weight"]
    array([1., 1.], dtype=float32)
    """
    return {name: _to_array(name, tensor) for name, tensor in tensors.items()}


def from_arrays(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """What `rnnkit.archive.read` gave, as tensors.

    >>> from_arrays({"weight": np.ones(2, dtype=np.float32)})["weight"]
    tensor([1., 1.])
    """
    return {name: _from_array(array) for name, array in arrays.items()}


def _to_array(name: str, tensor: Tensor) -> np.ndarray:
    if tensor.dtype == torch.bfloat16:
        bits: np.ndarray = tensor.view(torch.int16).numpy(force=True)
        return bits.view(BFLOAT16)
    try:
        array: np.ndarray = tensor.numpy(force=True)
    except TypeError:
        raise InputError(
            f"tensor {name!r} is {tensor.dtype}, which a model file cannot hold. Convert it, for "
            f"example with .float()."
        ) from None
    return array


def _from_array(array: np.ndarray) -> Tensor:
    if array.dtype == BFLOAT16:
        return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)
    return torch.from_numpy(array)
