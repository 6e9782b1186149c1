"""Series from tables with a row a step, and from .ts files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli.dataset import Dataset
from rnnkit.errors import DataError, OptionError
from rnnkit.nest import Json

if TYPE_CHECKING:
    import numpy as np

    from rnnkit.data import SeriesTable

__all__ = ["Columns", "check_one_label", "names_of", "read_series", "read_table", "show_series"]


@dataclass(frozen=True)
class Columns:
    """Which columns of a table hold what, as the options say it."""

    id: str | None
    time: str | None
    feature: list[str] | None
    ignore: list[str] | None

    def refuse_for(self, path: Path, **others: str | None) -> None:
        """A .ts file has no columns. Raises OptionError if one was given."""
        for name, value in {**asdict(self), **others}.items():
            if value:
                raise OptionError(
                    f"--{name} is for tables, but {path} is a .ts file: leave it out."
                )


def read_series(path: Path, columns: Columns) -> Dataset[np.ndarray, None]:
    """Series alone."""
    from rnnkit import data
    from rnnkit.data.textfile import extension

    if extension(path) == ".ts":
        columns.refuse_for(path)
        found = data.read_ts(path)
        return Dataset(found.series, None, found.lines, found.path)
    table = read_table(path, columns)
    return Dataset(table.series, None, table.lines, table.path, names=table.ids)


def read_table(path: Path, columns: Columns, label: str | None = None) -> SeriesTable:
    """A table with a row a step. Raises OptionError without --id."""
    from rnnkit import data

    if columns.id is None:
        raise OptionError("--id is needed: the column that says whose step each row is.")
    return data.read_series(
        path,
        id=columns.id,
        time=columns.time,
        label=label,
        features=columns.feature or None,
        ignore=columns.ignore or (),
    )


def check_one_label(table: SeriesTable, column: str) -> None:
    """Raises DataError for a series whose rows have several labels."""
    for line, labels in zip(table.lines, table.labels, strict=True):
        if len(set(labels)) > 1:
            raise DataError(
                f"a series has one label, but this one has {sorted(set(map(str, labels)))}. For "
                f"a label at every step use Python: SequenceTagger.",
                path=table.path,
                line=line,
                column=column,
            )


def names_of(dataset: Dataset[np.ndarray, None]) -> Sequence[Json]:
    """What the series are called: by the column of --id, or by their lines."""
    return dataset.names or [f"line {line}" for line in dataset.lines]


def show_series(series: np.ndarray) -> str:
    """A series by its numbers."""
    return " ".join(map(str, series))
