"""Nested states as JSON and named tensors, for a file without pickle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from rnnkit.errors import ArchiveError

__all__ = ["from_plain", "to_plain"]


def to_plain(value: Any, tensors: dict[str, Tensor]) -> Any:
    """A nest of dicts, lists, tuples, plain values and tensors as JSON; tensors are added there.

    A NamedTuple comes back as a tuple. Raises ArchiveError at anything else.

    >>> tensors = {}
    >>> plain = to_plain({1: (Tensor([2.0]), None)}, tensors)
    >>> list(tensors), from_plain(plain, tensors)
    (['0'], {1: (tensor([2.]), None)})
    """
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().clone()  # parts of one memory are kept apart
        return {"tensor": name}
    if isinstance(value, Mapping):
        pairs = value.items()
        return {"dict": [[to_plain(k, tensors), to_plain(v, tensors)] for k, v in pairs]}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [to_plain(one, tensors) for one in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ArchiveError(f"a {type(value).__name__} cannot be kept in a file: {value!r:.60}")


def from_plain(plain: Any, tensors: Mapping[str, Tensor]) -> Any:
    """What `to_plain` was given."""
    if not isinstance(plain, dict):
        return plain
    ((kind, value),) = plain.items()
    if kind == "tensor":
        # In memory of its own: where it begins decides how some operators round.
        return tensors[value].clone()
    if kind == "dict":
        return {from_plain(k, tensors): from_plain(v, tensors) for k, v in value}
    parts = [from_plain(one, tensors) for one in value]
    return tuple(parts) if kind == "tuple" else parts
