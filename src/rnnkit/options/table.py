"""Options as fields of dataclasses: each says its default, meaning and domain once.

A class of options is a keyword-only dataclass. What derives from its fields: the constructor,
scikit-learn's `get_params`, the checks, the command line's options, and the reference page.

>>> from rnnkit.options import Whole
>>> @options
... class Sizes:
...     hidden_size: int = option(64, "units of a layer", Whole(1))
>>> @options
... class Large(Sizes):
...     hidden_size: int = 512  # another default; the rest is said already
>>> Large().hidden_size, options_of(Large)["hidden_size"].meaning
(512, 'units of a layer')
>>> check(Large(hidden_size=0))
Traceback (most recent call last):
    ...
rnnkit.errors.OptionError: hidden_size=0, but a whole number above 0 is expected.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar, cast, dataclass_transform

from rnnkit.errors import OptionError
from rnnkit.options.domains import NAMES, Domain

__all__ = [
    "ANSWERS",
    "DATA",
    "NETWORK",
    "TRAINING",
    "Option",
    "check",
    "option",
    "options",
    "options_of",
    "parse",
]

T = TypeVar("T")
C = TypeVar("C", bound=type)

# Under this name a field keeps what was said of it.
_SAID = "rnnkit"

DATA, NETWORK, TRAINING, ANSWERS = "Data", "Network", "Training", "Answers"


@dataclass(frozen=True)
class Option:
    """One option of an estimator.

    meaning: in words, without the name. domain: what it may be; optional: or None.
    group: "Data", "Network", "Training" or "Answers".
    """

    name: str
    default: object
    meaning: str
    domain: Domain
    optional: bool
    group: str

    def check(self, value: object) -> None:
        """Raise OptionError unless the value is in the domain."""
        if not (self.optional and value is None):
            self.domain.check(self.name, value)

    @property
    def allowed(self) -> str:
        """What it may be, in words."""
        return f"{self.domain}, or None" if self.optional else str(self.domain)


def option(
    default: T,
    meaning: str,
    domain: Domain,
    *,
    optional: bool = False,
    group: str = TRAINING,
) -> T:
    """A field of a class of options; see `Option`. None is allowed where it is the default."""
    said = (meaning, domain, optional or default is None, group)
    return field(default=default, metadata={_SAID: said})


@dataclass_transform(kw_only_default=True, field_specifiers=(option,))
def options(cls: C) -> C:
    """Make a class one of options; a field without `option` changes the default of a base's."""
    return cast(C, dataclass(kw_only=True, eq=False, repr=False)(cls))


def options_of(cls: type) -> Mapping[str, Option]:
    """The options of a class by name, in the order of its fields."""
    return {one.name: _option(cls, one.name, one.default) for one in fields(cls)}


def _option(cls: type, name: str, default: object) -> Option:
    """A field, with what the nearest class of its bases says of it."""
    for base in cls.__mro__:
        own = base.__dict__.get("__dataclass_fields__", {}).get(name)
        if own is not None and _SAID in own.metadata:
            meaning, domain, optional, group = own.metadata[_SAID]
            return Option(name, default, meaning, domain, optional or default is None, group)
    raise TypeError(f"{cls.__name__}.{name} has a default and no meaning: use option(...).")


def check(holder: object) -> None:
    """Raise OptionError unless every option of an object is in its domain."""
    for one in options_of(type(holder)).values():
        one.check(getattr(holder, one.name))


def parse(one: Option, text: str) -> Any:
    """The value that a text means, JSON or a plain text; its domain is not yet checked.

    >>> from rnnkit.options import Whole
    >>> parse(Option("hidden_size", 64, "units", Whole(1), False, NETWORK), "32")
    32
    """
    kinds = (*one.domain.kinds, type(None)) if one.optional else one.domain.kinds
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    # A bool is an int to Python, but not to a user; a whole number is a number to both.
    if type(value) in kinds or (type(value) is int and float in kinds):
        return value
    if str in kinds:
        return text
    expected = " or ".join(NAMES[kind] for kind in kinds if kind in NAMES)
    raise OptionError(f"{one.name}={text}: {expected} is expected.")
