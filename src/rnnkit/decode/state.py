"""The decoder's state: any nested tuple, list or dict of tensors with one row a sequence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnnkit.errors import ShapeError
from rnnkit.nest import arrays_of, map_arrays

__all__ = ["check_rows", "device_of", "reorder"]


def reorder(state: Any, rows: Tensor) -> Any:
    """Take rows of every tensor of a state, in the given order, repeats allowed.

    state: tensors (R, ...), None, or tuples, lists and dicts of such, nested as deep as you like.
    rows: (S,) indices into the R rows.
    Returns the same nest with tensors (S, ...). Raises InputError at anything else in the state.

    >>> h, cache = reorder((torch.tensor([[1.0], [2.0]]), {"steps": None}), torch.tensor([1, 1]))
    >>> h.tolist(), cache
    ([[2.0], [2.0]], {'steps': None})
    """
    return map_arrays(lambda tensor: tensor.index_select(0, rows), state)


def check_rows(state: Any, batch_size: int) -> None:
    """Raise ShapeError unless every tensor of the state has `batch_size` rows."""
    for tensor in arrays_of(state):
        if tensor.ndim == 0 or tensor.shape[0] != batch_size:
            raise ShapeError(
                f"state holds a tensor of shape {tuple(tensor.shape)}, but batch_size="
                f"{batch_size} rows were expected in dimension 0. Move the batch to the front "
                f"(torch's h_0 has it second: h_0.transpose(0, 1))."
            )


def device_of(state: Any) -> torch.device:
    """Where the state's tensors live, the CPU if there are none."""
    return next((tensor.device for tensor in arrays_of(state)), torch.device("cpu"))
