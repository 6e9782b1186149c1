"""The few functions of arrays that the cells' equations are written with.

`torch` itself is such a namespace, and `rnnkit.recurrence.on_numpy.NUMPY` is one of numpy arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self, TypeVar

__all__ = ["A", "Array", "Namespace"]


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
