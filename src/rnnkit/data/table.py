"""Tables of rows and named columns: CSV, TSV, JSONL and Parquet files."""

from __future__ import annotations

import csv
import difflib
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

from rnnkit.data.textfile import extension, read_bytes, read_lines, read_text
from rnnkit.errors import DataError, InputError, MissingDependencyError, OptionError, check_option

__all__ = ["Table", "Value", "read_table", "rows_of_split"]

FORMATS = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".parquet": "parquet",
}


Value: TypeAlias = Any
"""What a field of a table holds: a string in CSV; in JSONL and Parquet whatever was written."""

T = TypeVar("T")


@dataclass(frozen=True)
class Table:
    """Named columns of equal length, and where each row came from.

    columns: name -> values, in the order they were asked for.
    lines: the line of the file (from 1) on which each row begins; for Parquet, the row (from 1).
    skipped: how many rows were left out because a required value was empty.
    """

    columns: dict[str, list[Value]]
    lines: list[int]
    path: Path
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.lines)

    def __getitem__(self, name: str) -> list[Value]:
        if name not in self.columns:
            raise _unknown_column(name, list(self.columns), self.path)
        return self.columns[name]


def read_table(
    path: str | Path,
    columns: Sequence[str] | None = None,
    *,
    format: str | None = None,  # noqa: A002 (the field's own word, as in `open(mode=...)`)
    header: Sequence[str] | bool = True,
    quoting: bool | None = None,
    delimiter: str | None = None,
    required: Sequence[str] = (),
    skip_empty: bool = False,
) -> Table:
    r"""Read columns of a CSV, TSV, JSONL or Parquet file, gzipped or not.

    columns: the names to read; None reads all.
    format: 'csv', 'tsv', 'jsonl' or 'parquet'; None goes by the extension (.csv, .tsv, .txt,
        .jsonl, .ndjson, .parquet, each maybe followed by .gz).
    header (CSV, TSV): True, the first line names the columns; False, there is no such line and
        the columns are called '0', '1', ...; or the names themselves, for a file without them.
    quoting (CSV, TSV): whether ``"`` quotes a field, which may then span lines. None is True for
        CSV and False for TSV, where a ``"`` is a character like any other.
    delimiter (CSV, TSV): None is a comma for CSV and a tab for TSV.
    required: columns in which every row must have a value that is not blank. A row without one is
        refused, or left out and counted in `Table.skipped` when skip_empty is True.

    CSV and TSV values are strings, '' where there is nothing; JSONL and Parquet values keep their
    type, None where there is nothing. Blank lines are not rows. All of the file is read at once.

    Raises DataError naming file, line and column; OptionError for an unknown format.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "reviews.tsv")
    ...     _ = path.write_text("id\ttext\tlabel\n7\tso \"good\"\t1\n", encoding="utf-8")
    ...     table = read_table(path, ["text", "label"])
    >>> table["text"], table["label"], table.lines
    (['so "good"'], ['1'], [2])
    """
    path = Path(path)
    wanted = [columns] if isinstance(columns, str) else columns
    if wanted is not None and not set(required) <= set(wanted):
        raise OptionError(f"required={list(required)} must be among columns={list(wanted)}.")
    kind = format_of(path) if format is None else format
    check_option("format", kind, dict.fromkeys(FORMATS.values()))
    if kind in ("csv", "tsv"):
        separator = delimiter or ("," if kind == "csv" else "\t")
        quoted = kind == "csv" if quoting is None else quoting
        if quoted and len(separator) != 1:
            raise OptionError(
                f"delimiter={separator!r} has {len(separator)} characters, but where fields are "
                f"quoted it must be one. Pass quoting=False, or another delimiter."
            )
        table = _read_delimited(path, wanted, header, separator, quoted)
    elif header is not True or quoting is not None or delimiter is not None:
        raise OptionError(
            f"header=, quoting= and delimiter= are for CSV and TSV, but {path} is read as {kind}. "
            f"Leave them out."
        )
    else:
        table = (_read_jsonl if kind == "jsonl" else _read_parquet)(path, wanted)
    return without_empty(table, required, skip=skip_empty)


def without_empty(table: Table, required: Sequence[str], *, skip: bool) -> Table:
    """Refuse (or leave out and count) the rows in which a required column is blank."""
    full = [True] * len(table)
    for name in required:
        for row, value in enumerate(table[name]):
            if value is None or (isinstance(value, str) and not value.strip()):
                if not skip:
                    raise DataError(
                        "the value is empty. Fill it in, or pass skip_empty=True to leave such "
                        "rows out.",
                        path=table.path,
                        line=table.lines[row],
                        column=name,
                    )
                full[row] = False
    if all(full):
        return table
    if not any(full):
        raise DataError(f"no row has a value in {_listed(required)}.", path=table.path)
    columns = {name: _where(full, values) for name, values in table.columns.items()}
    return Table(columns, _where(full, table.lines), table.path, skipped=full.count(False))


def _where(mask: list[bool], values: list[T]) -> list[T]:
    return [value for value, keep in zip(values, mask, strict=True) if keep]


def rows_of_split(splits: Sequence[str] | None, split: str, path: Path) -> list[int]:
    """The places of one part of the data. Raises InputError, naming the known, if it has none."""
    known = sorted(set(splits or []))
    if split not in known:
        raise InputError(
            f"{path} has no split {split!r}; known: "
            f"{', '.join(map(repr, known)) or 'none, pass split= to the reader'}."
        )
    return [place for place, one in enumerate(splits or []) if one == split]


def format_of(path: str | Path) -> str:
    """The format that a file's extension stands for. Raises DataError if it stands for none."""
    suffix = extension(path)
    if suffix not in FORMATS:
        known = " ".join(FORMATS)
        raise DataError(
            f"the extension {suffix!r} is not known. Known: {known}, each maybe followed by .gz. "
            f"For another name, pass format= ({_listed(dict.fromkeys(FORMATS.values()))}).",
            path=path,
        )
    return FORMATS[suffix]


# --- CSV and TSV ---------------------------------------------------------------------------------


def _read_delimited(
    path: Path,
    columns: Sequence[str] | None,
    header: Sequence[str] | bool,
    delimiter: str,
    quoted: bool,
) -> Table:
    rows = (_quoted_rows if quoted else _plain_rows)(path, delimiter)
    first_line, first = next(rows)
    if header is True:
        names = first
        lines, fields = [], []
    else:
        names = [str(i) for i in range(len(first))] if header is False else list(header)
        _check_width(first, names, path, first_line)
        lines, fields = [first_line], [first]
    for line, row in rows:
        if len(row) != len(names):
            _check_width(row, names, path, line)
        lines.append(line)
        fields.append(row)
    if not fields:
        raise DataError("there is a header but no row below it.", path=path)
    wanted = _check_columns(names if columns is None else columns, names, path)
    places = {name: names.index(name) for name in wanted}
    return Table({name: [row[i] for row in fields] for name, i in places.items()}, lines, path)


def _plain_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(read_lines(path), start=1):
        if line:
            yield number, line.split(delimiter)


def _quoted_rows(path: Path, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    text = read_text(path)
    # newline="" leaves the line ends inside quotes as they are, as the csv module asks for.
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            with _field_size_limit(len(text)):
                row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{error} (in the record that begins on this line). If '\"' does not quote fields "
                f"in this file, pass quoting=False.",
                path=path,
                line=line,
            ) from error
        if row:
            yield line, row


@contextmanager
def _field_size_limit(size: int) -> Iterator[None]:
    """Let one field be as long as the file; the module's own limit is 128 KiB, and global."""
    before = csv.field_size_limit()
    csv.field_size_limit(max(before, size))
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _check_width(row: list[str], names: Sequence[str], path: Path, line: int) -> None:
    if len(row) != len(names):
        raise DataError(
            f"this row has {len(row)} fields, but there are {len(names)} columns: "
            f"{_listed(names)}.",
            path=path,
            line=line,
        )


# --- JSONL and Parquet ---------------------------------------------------------------------------


def _read_jsonl(path: Path, columns: Sequence[str] | None) -> Table:
    lines, rows = [], []
    for number, line in enumerate(read_lines(path), start=1):
        if line.strip():
            lines.append(number)
            rows.append(_json_object(line, path, number))
    names = list(dict.fromkeys(name for row in rows for name in row))
    wanted = _check_columns(names if columns is None else columns, names, path)
    return Table({name: [row.get(name) for row in rows] for name in wanted}, lines, path)


def _json_object(line: str, path: Path, number: int) -> dict[str, Value]:
    try:
        value = json.loads(line)
    except json.JSONDecodeError as error:
        raise DataError(
            f"this is not JSON: {error.msg}. Each line must be one JSON object.",
            path=path,
            line=number,
            column=error.colno,
        ) from error
    if not isinstance(value, dict):
        raise DataError(
            f'each line must be a JSON object such as {{"text": "..."}}, but this is a '
            f"{type(value).__name__}.",
            path=path,
            line=number,
        )
    return value


def _read_parquet(path: Path, columns: Sequence[str] | None) -> Table:
    raw = read_bytes(path)
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise MissingDependencyError(
            f"{path}: reading Parquet needs pyarrow. Run: pip install 'rnnkit[parquet]'"
        ) from error
    try:
        file = parquet.ParquetFile(io.BytesIO(raw))
        names = list(file.schema_arrow.names)
        wanted = _check_columns(names if columns is None else columns, names, path)
        values = file.read(columns=wanted).to_pydict()
    except (pyarrow.ArrowException, OSError) as error:
        raise DataError(
            f"this is not a Parquet file that can be read: {error}", path=path
        ) from error
    if file.metadata.num_rows == 0:
        raise DataError("there are columns but no row.", path=path)
    return Table(
        {name: values[name] for name in wanted},
        list(range(1, file.metadata.num_rows + 1)),
        path,
    )


# --- Names ---------------------------------------------------------------------------------------


def _check_columns(wanted: Sequence[str], names: Sequence[str], path: Path) -> list[str]:
    for name in wanted:
        if name not in names:
            raise _unknown_column(name, names, path)
        if names.count(name) > 1:
            raise DataError(
                f"{names.count(name)} columns have this name. Rename one.", path=path, column=name
            )
    return list(wanted)


def _unknown_column(name: str, names: Sequence[str], path: Path) -> DataError:
    near = difflib.get_close_matches(name, names, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return DataError(f"there is no column {name!r}.{hint} Columns: {_listed(names)}.", path=path)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names)
