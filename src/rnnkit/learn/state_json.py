"""Nested states as JSON and named tensors, for a file without pickle."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from torch import Tensor

from rnnkit.errors import ArchiveError
from rnnkit.nest import Json

__all__ = ["Nested", "State", "from_json", "to_json"]

State: TypeAlias = Mapping[str, Any]
"""What a `state_dict` gives: nested dicts, lists, tuples, plain values and tensors."""

Plain: TypeAlias = bool | int | float | str | None

Nested: TypeAlias = (
    "Tensor | Plain | Sequence[Nested] | Mapping[str, Nested] | Mapping[int, Nested]"
)
"""What a state can hold."""


def to_json(value: Nested, tensors: dict[str, Tensor]) -> Json:
    """A nest of dicts, lists, tuples, plain values and tensors as JSON; tensors are added there.

    A NamedTuple comes back as a tuple. Raises ArchiveError at anything else.

    >>> tensors = {}
    >>> plain = to_json({1: (Tensor([2.0]), None)}, tensors)
    >>> list(tensors), from_json(plain, tensors)
    (['0'], {1: (tensor([2.]), None)})
    """
    if isinstance(value, Tensor):
        name = str(len(tensors))
        tensors[name] = value.detach().clone()  # parts of one memory are kept apart
        return {"tensor": name}
    if isinstance(value, Mapping):
        pairs = value.items()
        return {"dict": [[to_json(k, tensors), to_json(v, tensors)] for k, v in pairs]}
    if isinstance(value, tuple | list):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [to_json(one, tensors) for one in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ArchiveError(f"a {type(value).__name__} cannot be kept in a file: {value!r:.60}")


def from_json(plain: Json, tensors: Mapping[str, Tensor]) -> Any:
    """What `to_json` was given. Raises KeyError, TypeError or ValueError at anything else."""
    if not isinstance(plain, dict):
        return plain
    ((kind, value),) = plain.items()
    if kind == "tensor":
        # In memory of its own: where it begins decides how some operators round.
        return tensors[value].clone()
    if kind == "dict":
        return {from_json(k, tensors): from_json(v, tensors) for k, v in value}
    parts = (from_json(one, tensors) for one in value)
    return {"tuple": tuple, "list": list}[kind](parts)
