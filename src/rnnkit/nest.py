"""Nests of tensors: what a state is, whatever module keeps it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from torch import Tensor

from rnnkit.errors import InputError

__all__ = ["map_tensors", "tensors_of"]


def map_tensors(function: Callable[..., Any], nest: Any, *others: Any) -> Any:
    """The same nest with `function` applied to every tensor.

    nest: tensors, None, or tuples, lists and dicts of such, nested as deep as you like.
    others: nests of the same form; their tensors are the function's further arguments.
    Raises InputError at anything else in a nest, or if one has another form.

    >>> import torch
    >>> h, cache = map_tensors(lambda t: t + 1, (torch.zeros(2), {"steps": None}))
    >>> h.tolist(), cache
    ([1.0, 1.0], {'steps': None})
    """
    if nest is None:
        return None
    if isinstance(nest, Tensor):
        return function(nest, *others)
    if not isinstance(nest, tuple | list | dict):
        raise _unknown(nest)
    for other in others:
        if not isinstance(other, type(nest)) or len(other) != len(nest):
            raise InputError(
                f"state is a {type(nest).__name__} of {len(nest)} parts, but a "
                f"{type(other).__name__} stands beside it. Both must have one form."
            )
    if isinstance(nest, dict):
        return {
            key: map_tensors(function, value, *(other[key] for other in others))
            for key, value in nest.items()
        }
    values = (map_tensors(function, *parts) for parts in zip(nest, *others, strict=True))
    return type(nest)(*values) if hasattr(nest, "_fields") else type(nest)(values)


def tensors_of(nest: Any) -> Iterator[Tensor]:
    """All tensors of a nest, in order."""
    if isinstance(nest, Tensor):
        yield nest
    elif isinstance(nest, tuple | list | dict):
        for value in nest.values() if isinstance(nest, dict) else nest:
            yield from tensors_of(value)
    elif nest is not None:
        raise _unknown(nest)


def _unknown(nest: object) -> InputError:
    return InputError(
        f"state holds a {type(nest).__name__}, but only tensors, None, tuples, lists and dicts "
        f"can be a state. Unpack it into one of those."
    )
