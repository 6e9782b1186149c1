"""The functions of `rnnkit.recurrence.arrays` on numpy arrays."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rnnkit.recurrence.arrays import Namespace

__all__ = ["NUMPY"]


class _Numpy:
    """`Namespace` of numpy arrays; float32 stays float32.

    >>> NUMPY.sigmoid(np.float32([0.0, -1000.0])).tolist()
    [0.5, 0.0]
    """

    def tanh(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        y: NDArray[np.floating] = np.tanh(x)
        return y

    def exp(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        y: NDArray[np.floating] = np.exp(x)
        return y

    def chunk(self, x: NDArray[np.floating], count: int, axis: int) -> list[NDArray[np.floating]]:
        return np.split(x, count, axis)

    def sigmoid(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        # 1 / (1 + exp(-x)), which overflows for a large -x.
        y: NDArray[np.floating] = np.exp(-np.logaddexp(0, -x))
        return y

    def relu(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        y: NDArray[np.floating] = np.maximum(x, 0)
        return y


NUMPY: Namespace[NDArray[np.floating]] = _Numpy()
