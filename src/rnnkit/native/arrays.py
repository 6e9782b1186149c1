"""numpy arrays as the C interface takes them: an address, and strides in elements."""

from __future__ import annotations

import numpy as np

__all__ = ["address", "contiguous_rows", "rows"]

_ABSENT = (0, 0, 0)


def address(array: np.ndarray | None) -> int:
    """Where an array's data is; 0 (NULL) where there is none. Keep the array until C is done."""
    return 0 if array is None else int(array.__array_interface__["data"][0])


def contiguous_rows(array: np.ndarray) -> np.ndarray:
    """The same numbers, a copy only where the last dimension is not contiguous."""
    fits = array.strides[-1] == array.itemsize or array.shape[-1] == 1
    return array if fits else np.ascontiguousarray(array)


def rows(array: np.ndarray | None) -> tuple[int, int, int]:
    """`rnnkit_rows`: the data, and the strides of a step and of a row.

    array: padded (T, B, F) or packed (N, F), its last dimension contiguous; None is absent.

    >>> rows(np.zeros((3, 2, 5), dtype=np.float32))[1:]
    (10, 5)
    >>> rows(np.zeros((6, 5)))[1:]
    (0, 5)
    """
    if array is None:
        return _ABSENT
    *steps, row, _ = (stride // array.itemsize for stride in array.strides)
    return address(array), steps[0] if steps else 0, row
