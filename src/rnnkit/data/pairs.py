"""Sentence pairs: one table with a column a language, or two files line by line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rnnkit.data.table import Table, format_of, read_table, without_empty
from rnnkit.data.textfile import read_lines
from rnnkit.errors import DataError, OptionError

__all__ = ["Pairs", "read_pairs"]


@dataclass(frozen=True)
class Pairs:
    """Source and target texts, and where each pair came from.

    lines: the line of the file (from 1) on which each pair begins.
    skipped: how many pairs were left out because a side was empty.
    """

    sources: list[str]
    targets: list[str]
    lines: list[int]
    path: Path
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.lines)


def read_pairs(
    path: str | Path,
    target_path: str | Path | None = None,
    *,
    source: str | None = None,
    target: str | None = None,
    format: str | None = None,  # noqa: A002 (as in `read_table`)
    quoting: bool | None = None,
    delimiter: str | None = None,
    skip_empty: bool = False,
) -> Pairs:
    r"""Read sentence pairs, from files gzipped or not.

    Three forms:
    - `read_pairs("pairs.tsv.gz", source="en", target="ko")`: two named columns of a CSV, TSV,
      JSONL or Parquet file (format, quoting and delimiter as in `read_table`);
    - `read_pairs("pairs.tsv")`: the first two columns of a CSV or TSV file without a header;
    - `read_pairs("train.en.gz", "train.de.gz")`: two files whose lines belong together.

    A pair whose source or target is blank is refused, or left out and counted in `Pairs.skipped`
    when skip_empty is True. Texts are kept as they are in the file.

    Raises DataError naming file, line and column; OptionError if the parameters do not fit.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "pairs.tsv")
    ...     _ = path.write_text("en\tko\nHello.\t안녕.\n", encoding="utf-8")
    ...     pairs = read_pairs(path, source="en", target="ko")
    >>> pairs.sources, pairs.targets, pairs.lines
    (['Hello.'], ['안녕.'], [2])
    """
    if (source is None) != (target is None):
        raise OptionError(
            f"source={source!r} and target={target!r}: name both columns, or neither for a file "
            f"without a header."
        )
    if source is not None and source == target:
        raise OptionError(f"source= and target= are both {source!r}, but two columns are needed.")
    if target_path is not None:
        if any(option is not None for option in (source, format, quoting, delimiter)):
            raise OptionError(
                "source=, target=, format=, quoting= and delimiter= are for one file with columns, "
                "but two files were given. Leave them out."
            )
        table = _zip_lines(Path(path), Path(target_path))
        return _pairs(without_empty(table, list(table.columns), skip=skip_empty))
    if source is None and (format or format_of(path)) in ("jsonl", "parquet"):
        raise OptionError(f"{path} has named columns: say which with source= and target=.")
    names = ["0", "1"] if source is None or target is None else [source, target]
    table = read_table(
        path,
        names,
        format=format,
        header=source is not None,
        quoting=quoting,
        delimiter=delimiter,
        required=names,
        skip_empty=skip_empty,
    )
    return _pairs(table)


def _zip_lines(path: Path, target_path: Path) -> Table:
    sources, targets = read_lines(path), read_lines(target_path)
    if len(sources) != len(targets):
        raise DataError(
            f"{len(sources)} lines here, but {len(targets)} in {target_path}. Line i of one file "
            f"must be the translation of line i of the other.",
            path=path,
        )
    lines = list(range(1, len(sources) + 1))
    columns = {f"source ({path.name})": sources, f"target ({target_path.name})": targets}
    return Table(columns, lines, path)


def _pairs(table: Table) -> Pairs:
    for name, values in table.columns.items():
        for line, value in zip(table.lines, values, strict=True):
            if not isinstance(value, str):
                raise DataError(
                    f"a text was expected, but this is {value!r} ({type(value).__name__}).",
                    path=table.path,
                    line=line,
                    column=name,
                )
    sources, targets = table.columns.values()
    return Pairs(sources, targets, table.lines, table.path, table.skipped)
