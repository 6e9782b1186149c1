"""The decoder's state: any nested tuple, list or dict of arrays with one row a sequence."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar, cast

import numpy as np

from rnnkit.errors import ShapeError
from rnnkit.nest import Array, Nest, arrays_of, map_arrays

__all__ = ["check_rows", "reorder"]

S = TypeVar("S")


def reorder(state: S, rows: np.ndarray) -> S:
    """Take rows of every array of a state, in the given order, repeats allowed.

    state: arrays (R, ...) of numpy or torch, None, or tuples, lists and dicts of such, nested as
        deep as you like.
    rows: (S,) int64, indices into the R rows.
    Returns the same nest with arrays (S, ...). Raises InputError at anything else in the state.

    >>> h, cache = reorder((np.array([[1.0], [2.0]]), {"steps": None}), np.array([1, 1]))
    >>> h.tolist(), cache
    ([[2.0], [2.0]], {'steps': None})
    """
    return map_arrays(lambda array: array[rows], state)


def check_rows(state: object, batch_size: int) -> None:
    """Raise ShapeError unless every array of the state has `batch_size` rows."""
    arrays: Iterator[Array] = arrays_of(cast(Nest[Array], state))
    for array in arrays:
        if len(array.shape) == 0 or array.shape[0] != batch_size:
            raise ShapeError(
                f"state holds an array of shape {tuple(array.shape)}, but batch_size="
                f"{batch_size} rows were expected in dimension 0. Move the batch to the front "
                f"(torch's h_0 has it second: h_0.transpose(0, 1))."
            )
