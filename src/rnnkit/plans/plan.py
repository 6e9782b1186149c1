"""Plans as JSON and back: each field is held against its type, whoever wrote the file."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, Union, get_args, get_origin, get_type_hints

from rnnkit.errors import ArchiveError

__all__ = ["Plan", "plan_from_json"]

Json = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """A description of a network, or of a part of one: what it is made of, and how large.

    Subclasses are frozen dataclasses of numbers, texts, flags, tuples of them, and other plans;
    each is known by its name. `rnnkit.networks.build` makes the module, and an archive keeps the
    plan beside the weights.

    >>> from rnnkit.plans import Encoder
    >>> plan = Encoder("gru", 8, 16)
    >>> plan_from_json(plan.to_json()) == plan
    True
    """

    kinds: ClassVar[dict[str, type[Plan]]] = {}

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        Plan.kinds[cls.__name__] = cls

    def parts(self) -> Iterator[Plan]:
        """This plan, and all that stand in it."""
        yield self
        for value in (getattr(self, one.name) for one in fields(self)):
            if isinstance(value, Plan):
                yield from value.parts()

    def to_json(self) -> Json:
        """Plain values; "plan" names the class."""
        values = {one.name: _plain(getattr(self, one.name)) for one in fields(self)}
        return {"plan": type(self).__name__, **values}

    @classmethod
    def from_json(cls, data: object) -> Self:
        """The plan that `to_json` wrote, if it is one of this class.

        Raises ArchiveError for anything else.
        """
        found = plan_from_json(data)
        if not isinstance(found, cls):
            raise ArchiveError(
                f"a plan of a {cls.__name__} was expected, but a {type(found).__name__} came."
            )
        return found


def plan_from_json(data: object) -> Plan:
    """The plan of any class. Raises ArchiveError where a field is missing, unknown or mistyped."""
    kind = _kind(data)
    if kind is None or not isinstance(data, Mapping):
        raise ArchiveError(f"no plan of a network that is known: {data!r:.60}.")
    hints = get_type_hints(kind)
    values = {name: value for name, value in data.items() if name != "plan"}
    known = {one.name for one in fields(kind)}
    if set(values) != known:
        differ = ", ".join(sorted(set(values) ^ known))
        raise ArchiveError(
            f"the plan of a {kind.__name__} has other fields than expected: {differ}."
        )
    return kind(**{name: _typed(kind, name, value, hints[name]) for name, value in values.items()})


def _kind(data: object) -> type[Plan] | None:
    """Which plan the data says that it is."""
    name = data.get("plan") if isinstance(data, Mapping) else None
    return Plan.kinds.get(name) if isinstance(name, str) else None


def _plain(value: object) -> object:
    if isinstance(value, Plan):
        return value.to_json()
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


def _typed(kind: type[Plan], name: str, value: object, hint: Any) -> object:
    """The value as its annotation has it."""
    for one in get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,):
        if get_origin(one) is tuple and isinstance(value, list):
            return tuple(_typed(kind, name, item, get_args(one)[0]) for item in value)
        if type(value) is one or (one is float and type(value) is int):
            return value
        part = _kind(value)
        if part is not None and isinstance(one, type) and issubclass(part, one):
            return plan_from_json(value)
    raise ArchiveError(f"the plan of a {kind.__name__} has {name}={value!r:.60}.")
