"""Options of the command line to parameters of an estimator."""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Iterable, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

from rnnkit.errors import OptionError, check_option
from rnnkit.recurrence import cell_choices

__all__ = ["estimator_parameters"]


def estimator_parameters(
    estimator: Any, options: Mapping[str, Any], settings: Iterable[str]
) -> dict[str, Any]:
    """Keyword arguments of the estimator: the options that were given, then NAME=VALUE settings.

    A VALUE is JSON, or a string where it is none. Raises OptionError for a name that the estimator
    does not have, and for a value of the wrong type.

    >>> def estimator(*, lr: float = 0.1, lower: bool = True, normalize: str | None = None): ...
    >>> estimator_parameters(estimator, {"lr": None}, ["lower=false", "normalize=NFC"])
    {'lower': False, 'normalize': 'NFC'}
    """
    given = {name: value for name, value in options.items() if value is not None}
    if "cell" in given:
        check_option("--cell", given["cell"], cell_choices())
    known = _known(estimator)
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise OptionError(f"--set {setting!r}: NAME=VALUE is expected, such as clip_norm=1.0.")
        check_option("--set", name, known)
        given[name] = _value(name, text, known[name])
    return given


def _known(estimator: Any) -> dict[str, tuple[Any, ...]]:
    """Each parameter that text can give, and its types."""
    construct = estimator.__init__ if inspect.isclass(estimator) else estimator
    hints = get_type_hints(construct)
    kinds = {
        name: _kinds(hints[name])
        for name in inspect.signature(construct).parameters
        if name in hints
    }
    return {
        name: allowed
        for name, allowed in kinds.items()
        if any(kind in (bool, int, float, str, dict) for kind in allowed)
    }


def _kinds(hint: Any) -> tuple[Any, ...]:
    parts = get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
    return tuple(get_origin(part) or part for part in parts)


def _value(name: str, text: str, allowed: tuple[Any, ...]) -> Any:
    try:
        value = json.loads(text)
    except ValueError:
        value = text
    if _fits(value, allowed):
        return value
    if str in allowed:
        return text
    expected = " or ".join(_NAMES[kind] for kind in allowed if kind in _NAMES)
    raise OptionError(f"--set {name}={text}: {expected} is expected.")


_NAMES = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a text",
    dict: "a JSON object",
    type(None): "null",
}


def _fits(value: Any, allowed: tuple[Any, ...]) -> bool:
    # A bool is an int to Python, but not to a user; a whole number is a number to both.
    return type(value) in allowed or (type(value) is int and float in allowed)
