"""The decoder's state: any nested tuple, list or dict of tensors with one row a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from rnnkit.errors import InputError, ShapeError

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
    if state is None:
        return None
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    if isinstance(state, dict):
        return {key: reorder(value, rows) for key, value in state.items()}
    if isinstance(state, tuple) and hasattr(state, "_fields"):  # a NamedTuple
        return type(state)(*(reorder(value, rows) for value in state))
    if isinstance(state, (tuple, list)):
        return type(state)(reorder(value, rows) for value in state)
    raise _unknown(state)


def check_rows(state: Any, batch_size: int) -> None:
    """Raise ShapeError unless every tensor of the state has `batch_size` rows."""
    for tensor in _tensors(state):
        if tensor.ndim == 0 or tensor.shape[0] != batch_size:
            raise ShapeError(
                f"state holds a tensor of shape {tuple(tensor.shape)}, but batch_size="
                f"{batch_size} rows were expected in dimension 0. Move the batch to the front "
                f"(torch's h_0 has it second: h_0.transpose(0, 1))."
            )


def device_of(state: Any) -> torch.device:
    """Where the state's tensors live, the CPU if there are none."""
    return next((tensor.device for tensor in _tensors(state)), torch.device("cpu"))


def _tensors(state: Any) -> Iterator[Tensor]:
    if isinstance(state, Tensor):
        yield state
    elif isinstance(state, (tuple, list, dict)):
        for value in state.values() if isinstance(state, dict) else state:
            yield from _tensors(value)
    elif state is not None:
        raise _unknown(state)


def _unknown(state: object) -> InputError:
    return InputError(
        f"state holds a {type(state).__name__}, but only tensors, None, tuples, lists and dicts "
        f"can be reordered. Unpack it into one of those."
    )
