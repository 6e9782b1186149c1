"""The exceptions of rnnkit: one base, and each also a kind of the builtin that fits.

Every message says what was expected, what came, and what to do, in the caller's names.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

__all__ = [
    "ArchiveError",
    "DataError",
    "InputError",
    "MissingDependencyError",
    "OptionError",
    "RnnkitError",
    "ShapeError",
    "TrainingError",
    "check_option",
]


class RnnkitError(Exception):
    """Base of everything that rnnkit raises on purpose."""


class ShapeError(RnnkitError, ValueError):
    """A tensor's size, dtype or the lengths beside it do not fit."""


class InputError(RnnkitError, ValueError):
    """What was given to an estimator cannot be used as it is."""


class OptionError(RnnkitError, ValueError):
    """An option has a value that is not known or out of range."""


class TrainingError(RnnkitError, RuntimeError):
    """Training cannot go on: the loss or a gradient is no longer finite.

    where: the `rnnkit.learn.NotFinite` that says where that began; None if nobody has looked.
    fitted: an estimator's `fit` puts one here that has the best weights so far.
    """

    def __init__(self, message: str, *, where: Any = None) -> None:
        self.where = where
        self.fitted: Any = None
        super().__init__(message)


class ArchiveError(RnnkitError, ValueError):
    """A model file cannot be read or written."""


class MissingDependencyError(RnnkitError, ImportError):
    """An optional package is needed and not installed."""


class DataError(InputError):
    """A file does not hold what it should; says where.

    >>> str(DataError("'text' is empty", path="reviews.tsv", line=3, column="text"))
    "reviews.tsv, line 3, column text: 'text' is empty"
    """

    def __init__(
        self,
        message: str,
        *,
        path: str | Path | None = None,
        line: int | None = None,
        column: str | int | None = None,
    ) -> None:
        self.path, self.line, self.column = path, line, column
        where = [str(path)] if path is not None else []
        where += [f"line {line}"] if line is not None else []
        where += [f"column {column}"] if column is not None else []
        super().__init__(f"{', '.join(where)}: {message}" if where else message)


def check_option(name: str, value: object, known: Iterable[object]) -> None:
    """Refuse a value that is not one of `known`, and name the nearest.

    >>> check_option("cell", "lstn", ["rnn", "gru", "lstm", "none"])
    Traceback (most recent call last):
        ...
    rnnkit.errors.OptionError: cell='lstn' is not known. Did you mean 'lstm'? \
Known: 'rnn', 'gru', 'lstm', 'none'.
    """
    choices = list(known)
    if any(value == choice and type(value) is type(choice) for choice in choices):
        return
    near = difflib.get_close_matches(str(value), [str(choice) for choice in choices], n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    listed = ", ".join(repr(choice) for choice in choices)
    raise OptionError(f"{name}={value!r} is not known.{hint} Known: {listed}.")
