"""What an option may be: a check, a description in words, and what text can give."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path

from rnnkit.errors import OptionError, check_option

__all__ = [
    "Anything",
    "Choice",
    "Domain",
    "Flag",
    "Function",
    "Number",
    "PathName",
    "Share",
    "Table",
    "Text",
    "Whole",
]

NAMES: dict[type, str] = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "a JSON object",
    type(None): "null",
}


class Domain(ABC):
    """The values that an option may have.

    kinds: the types that a value read from text (JSON) can have; none where text cannot give it.
    """

    kinds: tuple[type, ...] = ()

    @abstractmethod
    def holds(self, value: object) -> bool:
        """Whether the value is one of them."""

    @abstractmethod
    def __str__(self) -> str:
        """As the end of "... is expected"."""

    def check(self, name: str, value: object) -> None:
        """Raise OptionError, with the option's name, unless the value is one of them."""
        if not self.holds(value):
            raise OptionError(f"{name}={value!r}, but {self} is expected.")

    @property
    def expected(self) -> str:
        """What text should give, in words."""
        return " or ".join(NAMES[kind] for kind in self.kinds if kind in NAMES)


class Whole(Domain):
    """Whole numbers from `least` on. flags: whether True and False are 1 and 0.

    >>> Whole(1).check("batch_size", 0)
    Traceback (most recent call last):
        ...
    rnnkit.errors.OptionError: batch_size=0, but a whole number above 0 is expected.
    """

    kinds = (int,)

    def __init__(self, least: int, *, flags: bool = False) -> None:
        self.least, self.flags = least, flags

    def holds(self, value: object) -> bool:
        if not isinstance(value, Integral) or (isinstance(value, bool) and not self.flags):
            return False
        return int(value) >= self.least

    def __str__(self) -> str:
        numbers = "a whole number" + (" above 0" if self.least == 1 else f" from {self.least} on")
        return f"{numbers}, True or False" if self.flags else numbers


class Number(Domain):
    """Finite numbers, above a bound or from a bound on where there is one."""

    kinds = (float,)

    def __init__(self, *, above: float | None = None, least: float | None = None) -> None:
        self.above, self.least = above, least

    def holds(self, value: object) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool) or not math.isfinite(value):
            return False
        return (self.above is None or float(value) > self.above) and (
            self.least is None or float(value) >= self.least
        )

    def __str__(self) -> str:
        if self.above is not None:
            return f"a number above {self.above:g}"
        return "a number" if self.least is None else f"a number from {self.least:g} on"


class Share(Domain):
    """Shares from 0 up to 1, which is among them if `closed`.

    >>> Share().check("dropout", 1.0)
    Traceback (most recent call last):
        ...
    rnnkit.errors.OptionError: dropout=1.0, but a share in [0, 1) is expected.
    """

    kinds = (float,)

    def __init__(self, *, closed: bool = False) -> None:
        self.closed = closed

    def holds(self, value: object) -> bool:
        if not isinstance(value, Real) or isinstance(value, bool):
            return False
        return 0.0 <= float(value) < 1.0 or (self.closed and float(value) == 1.0)

    def __str__(self) -> str:
        return f"a share in [0, 1{']' if self.closed else ')'}"


class Flag(Domain):
    """True or False."""

    kinds = (bool,)

    def holds(self, value: object) -> bool:
        return type(value).__name__ in ("bool", "bool_")

    def __str__(self) -> str:
        return "True or False"


class Choice(Domain):
    """One of a few names. They may be given as a function, where more can be added later."""

    kinds = (str,)

    def __init__(self, names: Sequence[str] | Callable[[], Sequence[str]]) -> None:
        self._names = names

    @property
    def names(self) -> Sequence[str]:
        """Those that there are now."""
        return self._names() if callable(self._names) else self._names

    def holds(self, value: object) -> bool:
        return isinstance(value, str) and value in self.names

    def check(self, name: str, value: object) -> None:
        """As every domain, and the nearest of the names is named."""
        if not self.holds(value):
            check_option(name, value, self.names)

    def __str__(self) -> str:
        return "one of " + ", ".join(map(repr, self.names))


class Text(Domain):
    """A text."""

    kinds = (str,)

    def holds(self, value: object) -> bool:
        return isinstance(value, str)

    def __str__(self) -> str:
        return "a text"


class PathName(Domain):
    """The name of a file."""

    kinds = (str,)

    def holds(self, value: object) -> bool:
        return isinstance(value, str | Path)

    def __str__(self) -> str:
        return "the name of a file"


class Table(Domain):
    """A name that is known, or a dict."""

    kinds = (str, dict)

    def __init__(self, *names: str) -> None:
        self.names = names

    def holds(self, value: object) -> bool:
        return isinstance(value, Mapping) or (isinstance(value, str) and value in self.names)

    def __str__(self) -> str:
        return " or ".join([*map(repr, self.names), "a dict"])


class Function(Domain):
    """A function, which only Python can give."""

    def holds(self, value: object) -> bool:
        return callable(value)

    def __str__(self) -> str:
        return "a function"


class Anything(Domain):
    """What only Python can give, and is checked where it is used.

    words: how it is described. kinds: what text can give of it all the same.
    """

    def __init__(self, words: str, *kinds: type) -> None:
        self.words, self.kinds = words, kinds

    def holds(self, value: object) -> bool:  # noqa: ARG002 - checked where it is used
        return True

    def __str__(self) -> str:
        return self.words
