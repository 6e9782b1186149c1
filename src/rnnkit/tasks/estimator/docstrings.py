"""The options of an estimator at the end of its docstring."""

from __future__ import annotations

import inspect

from rnnkit.options.page import parameters

__all__ = ["tell_options"]


def tell_options(cls: type) -> None:
    """Let `help(cls)` list the options, if the class has a docstring.

    One that writes its own `__init__` takes what that says, and its docstring stays as it is.
    """
    if cls.__doc__ and "__init__" not in vars(cls):
        cls.__doc__ = _Docstring(cls.__doc__)  # type: ignore[assignment]


class _Docstring:
    """Put together when it is read: `@options` adds fields after the class was made."""

    def __init__(self, text: str) -> None:
        self._text = inspect.cleandoc(text)

    def __get__(self, holder: object, cls: type) -> str:
        return f"{self._text}\n\n{parameters(cls)}\n"
