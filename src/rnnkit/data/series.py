"""Long tables of series: one row a step, with a column that says whose step it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple, TypeAlias, TypeVar

import numpy as np

from rnnkit.data.table import Table, Value, read_table
from rnnkit.errors import DataError, InputError, OptionError

__all__ = ["SeriesTable", "Windows", "read_series"]


Time: TypeAlias = float | str | datetime
"""A number, or a moment: as the file writes it (ISO 8601), or parsed."""

T = TypeVar("T")


class Windows(NamedTuple):
    """Examples cut from series: what was known before a time, and what it was to foretell.

    series: (length, F) each. labels: one each. times: of the labels. ids: whose they are.
    """

    series: list[np.ndarray]
    labels: list[Value]
    times: list[Time]
    ids: list[Value]

    def __len__(self) -> int:
        return len(self.series)

    def between(self, begin: Value = None, end: Value = None) -> Windows:
        """Those whose label's time is from `begin` on and before `end`; None is no border.

        What lies in a window is always older than its label, so that examples before a time know
        nothing of what came after it.
        """
        chosen = [
            place
            for place, time in enumerate(self.times)
            if (begin is None or time >= begin) and (end is None or time < end)
        ]
        return Windows(
            [self.series[place] for place in chosen],
            [self.labels[place] for place in chosen],
            [self.times[place] for place in chosen],
            [self.ids[place] for place in chosen],
        )


@dataclass(frozen=True)
class SeriesTable:
    """Series from a long table, each in the order of its time.

    series: (steps, features) each, NaN where a value is missing. labels: for each series what its
    steps are labeled with, as the file has it; empty lists without a label column.
    times: of the steps, numbers or the file's strings. ids: whose each series is.
    features: names of the columns. lines: where each series' first row stands in the file.
    """

    series: list[np.ndarray]
    labels: list[list[Value]]
    times: list[list[Time]]
    ids: list[Value]
    features: list[str]
    lines: list[int]
    path: Path

    def __len__(self) -> int:
        return len(self.series)

    def last_labels(self) -> list[Value]:
        """One label a series: that of its last step."""
        return [labels[-1] for labels in self.labels]

    def windows(self, length: int, *, ahead: int = 1) -> Windows:
        """For each step with a label, the `length` steps up to the one `ahead` steps before it.

        ahead=1 foretells the next step's label; ahead=0 lets the window end with the step itself.
        Steps with fewer steps before them have no window.
        Raises OptionError for a length below 1, InputError where no series is long enough.

        >>> table = SeriesTable([np.arange(4.0)[:, None]], [["a", "b", "c", ""]], [[1, 2, 3, 4]],
        ...                     ["firm"], ["x"], [2], Path("table.csv"))
        >>> [(x.ravel().tolist(), label) for x, label, *_ in zip(*table.windows(2))]
        [([0.0, 1.0], 'c')]
        """
        if length < 1 or ahead < 0:
            raise OptionError(f"length={length} must be 1 or more, ahead={ahead} 0 or more.")
        found: list[tuple[np.ndarray, Value, Time, Value]] = []
        for series, labels, times, name in zip(
            self.series, self.labels, self.times, self.ids, strict=True
        ):
            found += [
                (series[end - length : end], labels[end - 1 + ahead], times[end - 1 + ahead], name)
                for end in range(length, len(series) + 1 - ahead)
                if not _is_blank(labels[end - 1 + ahead])
            ]
        if not found:
            raise InputError(f"no series has {length + ahead} steps and a label at the last one.")
        return Windows(*map(list, zip(*found, strict=True)))


def read_series(
    path: str | Path,
    *,
    id: str,  # noqa: A002 - what the column is called everywhere
    time: str | None = None,
    label: str | None = None,
    features: Sequence[str] | None = None,
    ignore: Sequence[str] = (),
) -> SeriesTable:
    r"""Read series from a table with a row a step (CSV, TSV, JSONL, Parquet).

    id: the column that says whose step a row is. time: the column to sort by, numbers or dates in
        ISO 8601; None keeps the file's order. label: what is to be foretold, as it is in the file.
    features: the columns of numbers; None takes all others, but for those in `ignore`. An empty
        field, or one that says 'nan', is a missing value.
    A time is not a feature: where it should be one, name it in `features` too.
    Raises DataError naming line and column where a value is no number or time, or a time occurs
    twice in a series.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "firms.csv")
    ...     _ = path.write_text("firm,year,debt,failed\nA,2001,2.5,0\nA,2000,,0\nB,2000,1,1\n")
    ...     table = read_series(path, id="firm", time="year", label="failed")
    >>> table.ids, table.series[0].tolist(), table.last_labels()
    (['A', 'B'], [[nan], [2.5]], ['0', '1'])
    """
    table = read_table(path)
    named = [name for name in (id, time, label) if name is not None]
    for name in [*named, *(features or ())]:
        table[name]  # raises, with the nearest name
    chosen = (
        [name for name in table.columns if name not in named and name not in ignore]
        if features is None
        else list(features)
    )
    if not chosen:
        raise DataError("there is no column of numbers beside the named ones.", path=path)
    numbers = np.array([_numbers(table, name) for name in chosen]).T
    times = list(range(len(table))) if time is None else _times(table, time)
    rows_of: dict[Value, list[int]] = {}
    for row, whose in enumerate(table[id]):
        rows_of.setdefault(whose, []).append(row)
    for rows in rows_of.values():
        rows.sort(key=lambda row: times[row])
        _check_distinct(table, time, times, rows)
    shown = times if time is None else table[time]
    return SeriesTable(
        [numbers[rows] for rows in rows_of.values()],
        [[] if label is None else [table[label][row] for row in rows] for rows in rows_of.values()],
        [[_shown(shown[row], times[row]) for row in rows] for rows in rows_of.values()],
        list(rows_of),
        chosen,
        [table.lines[min(rows)] for rows in rows_of.values()],
        table.path,
    )


def _numbers(table: Table, column: str) -> list[float]:
    return [_number(table, row, column, value) for row, value in enumerate(table[column])]


def _number(table: Table, row: int, column: str, value: Value) -> float:
    if _is_blank(value):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError):
        raise DataError(
            f"a number was expected, but this is {value!r:.40}. Name the columns of numbers with "
            f"features=, or leave this one out with ignore=.",
            path=table.path,
            line=table.lines[row],
            column=column,
        ) from None


def _times(table: Table, column: str) -> list[Value]:
    """All as numbers, or all as moments: what the first one is."""
    values = table[column]
    parse = _finite if _parsed(_finite, values[0]) is not None else datetime.fromisoformat
    times = [_parsed(parse, value) for value in values]
    for row, time in enumerate(times):
        if time is None:
            raise DataError(
                f"a number or a date such as 2015-12-31 was expected, like those before it, but "
                f"this is {values[row]!r:.40}.",
                path=table.path,
                line=table.lines[row],
                column=column,
            )
    return times


def _parsed(parse: Callable[[Value], T], value: Value) -> T | None:
    try:
        return parse(value)
    except (TypeError, ValueError):
        return None


def _finite(value: Value) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(value)
    return number


def _shown(given: Value, parsed: Value) -> Time:
    """Numbers as numbers; dates as they are written, which sorts them too."""
    return parsed if isinstance(parsed, float) else given


def _check_distinct(table: Table, time: str | None, times: list[Value], rows: list[int]) -> None:
    for before, row in pairwise(rows):
        if times[before] == times[row]:
            raise DataError(
                f"this time stands on line {table.lines[before]} too, for the same series.",
                path=table.path,
                line=table.lines[row],
                column=time,
            )


def _is_blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and value.strip().lower() in ("", "nan"))
