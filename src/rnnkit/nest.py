"""Nests of arrays, which is what a state is, whatever module keeps it; and of plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, cast

from rnnkit.errors import InputError

__all__ = ["Array", "Json", "Nest", "arrays_of", "map_arrays"]

A = TypeVar("A")
N = TypeVar("N")

Nest: TypeAlias = A | tuple["Nest[A]", ...] | list["Nest[A]"] | dict[str, "Nest[A]"] | None
"""An array, None, or tuples, lists and dicts of such, nested as deep as you like."""

Json: TypeAlias = "bool | int | float | str | Sequence[Json] | Mapping[str, Json] | None"
"""What JSON can hold."""


class Array(Protocol):
    """An array by its form, numpy's or torch's: it has a shape and takes an index."""

    @property
    def shape(self) -> tuple[int, ...]:
        """The size of each dimension."""

    def __getitem__(self, index: object, /) -> object:
        """A part of it."""


def map_arrays(function: Callable[..., object], nest: N, *others: N) -> N:
    """The same nest with `function` applied to every array.

    nest: arrays (numpy's or torch's), None, or tuples, lists and dicts of such, nested as deep as
        you like.
    others: nests of the same form; their arrays are the function's further arguments.
    Raises InputError at anything else in a nest, or if one has another form.

    >>> import numpy as np
    >>> h, cache = map_arrays(lambda array: array + 1, (np.zeros(2), {"steps": None}))
    >>> h.tolist(), cache
    ([1.0, 1.0], {'steps': None})
    """
    return cast(N, _mapped(function, nest, others))


def _mapped(function: Callable[..., object], nest: object, others: Sequence[Any]) -> object:
    if nest is None:
        return None
    if _is_array(nest):
        return function(nest, *others)
    if not isinstance(nest, tuple | list | dict):
        raise _unknown(nest)
    for other in others:
        if not isinstance(other, type(nest)) or len(other) != len(nest):
            raise InputError(
                f"state is a {type(nest).__name__} of {len(nest)} parts, but a "
                f"{type(other).__name__} stands beside it. Both must have one form."
            )
    keys = nest if isinstance(nest, dict) else range(len(nest))
    values = [_mapped(function, nest[key], [other[key] for other in others]) for key in keys]
    return _like(nest, values)


def _like(nest: object, values: list[object]) -> object:
    """Those values in the nest's form."""
    if isinstance(nest, dict):
        return dict(zip(nest, values, strict=True))
    form = cast(Callable[..., object], type(nest))
    return form(*values) if hasattr(nest, "_fields") else form(values)


def arrays_of(nest: Nest[A]) -> Iterator[A]:
    """All arrays of a nest, in order. Raises InputError at anything else in it."""
    if _is_array(nest):
        yield cast(A, nest)
    elif isinstance(nest, tuple | list | dict):
        for value in nest.values() if isinstance(nest, dict) else nest:
            yield from arrays_of(value)
    elif nest is not None:
        raise _unknown(nest)


def _is_array(value: object) -> bool:
    return hasattr(value, "shape") and hasattr(value, "__getitem__")


def _unknown(nest: object) -> InputError:
    return InputError(
        f"state holds a {type(nest).__name__}, but only arrays, None, tuples, lists and dicts "
        f"can be a state. Unpack it into one of those."
    )
