"""Columns of tables, whose values must be of one kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeGuard, TypeVar

from rnnkit.errors import DataError

if TYPE_CHECKING:
    from rnnkit.data import Table

__all__ = ["SUFFIXES", "cells", "is_label", "is_text", "is_text_or_words", "is_words"]

SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")

Cell = TypeVar("Cell")


def is_text(value: object) -> TypeGuard[str]:
    """A string."""
    return isinstance(value, str)


def is_label(value: object) -> TypeGuard[object]:
    """One value of any type."""
    return not isinstance(value, list | dict)


def is_words(value: object) -> TypeGuard[list[str]]:
    """A list of strings that is not empty."""
    return isinstance(value, list) and bool(value) and all(map(is_text, value))


def is_text_or_words(value: object) -> TypeGuard[str | list[str]]:
    """A string, or a list of strings."""
    return is_text(value) or (isinstance(value, list) and all(map(is_text, value)))


def cells(
    table: Table, column: str, fits: Callable[[object], TypeGuard[Cell]], expected: str
) -> list[Cell]:
    """The values of a column. Raises DataError, which names the line, for one that does not fit."""
    found: list[Cell] = []
    for line, value in zip(table.lines, table[column], strict=True):
        if not fits(value):
            raise DataError(
                f"{expected} was expected, but this is {value!r:.60} ({type(value).__name__}).",
                path=table.path,
                line=line,
                column=column,
            )
        found.append(value)
    return found
