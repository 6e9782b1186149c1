"""The few functions of arrays that the cells' equations are written with.

`torch` itself is such a namespace, and `NUMPY` is one of numpy arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["NUMPY", "A", "Array", "Namespace"]


class Array(Protocol):
    """What an equation does with an array besides the functions of its namespace."""

    def __add__(self, other: Self, /) -> Self: ...
    def __sub__(self, other: Self, /) -> Self: ...
    def __mul__(self, other: Self, /) -> Self: ...
    def __rmul__(self, other: float, /) -> Self: ...
    def __rsub__(self, other: float, /) -> Self: ...


A = TypeVar("A", bound=Array)


class Namespace(Protocol[A]):
    """Functions of one kind of arrays, element by element but for `chunk`.

    chunk: (B, count * H) -> `count` times (B, H), along the axis.
    """

    def tanh(self, x: A, /) -> A: ...
    def sigmoid(self, x: A, /) -> A: ...
    def relu(self, x: A, /) -> A: ...
    def exp(self, x: A, /) -> A: ...
    def chunk(self, x: A, count: int, axis: int, /) -> Sequence[A]: ...


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
