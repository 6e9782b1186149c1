"""DATA of the command line: files to examples and targets, for each task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnkit import data
from rnnkit.data import Table
from rnnkit.errors import DataError, OptionError

__all__ = [
    "READERS",
    "TABLE_SUFFIXES",
    "Dataset",
    "check_known",
    "read_classes",
    "read_tags",
    "read_translations",
    "suffix_of",
]

TABLE_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@dataclass(frozen=True)
class Dataset:
    """Examples X (or one text) and targets y (None: X holds them), from one file.

    lines: on which each example begins. skipped: how many rows were left out because they were
    empty. names: what the examples are called.
    """

    X: list[Any] | str
    y: list[Any] | None
    lines: list[int]
    path: Path
    skipped: int = 0
    names: list[str] | None = None

    def __len__(self) -> int:
        return len(self.lines)

    def describe(self, noun: str) -> str:
        """One line for people."""
        left_out = f" ({self.skipped:,} left out: empty)" if self.skipped else ""
        return f"{self.path}: {len(self):,} {noun}{left_out}"


def read_classes(path: Path, *, text: str | None, label: str | None) -> Dataset:
    """Texts and labels (as strings, whatever their type in the file) from a table."""
    names = text or "text", label or "label"
    if names[0] == names[1]:
        raise OptionError(f"--text and --label are both {names[0]!r}, but two columns are needed.")
    table = data.read_table(path, names, required=names, skip_empty=True)
    texts = [
        _checked(table, row, names[0], isinstance(value, str), "a text")
        for row, value in enumerate(table[names[0]])
    ]
    labels = [
        str(_checked(table, row, names[1], not isinstance(value, list | dict), "one label"))
        for row, value in enumerate(table[names[1]])
    ]
    return Dataset(texts, labels, table.lines, table.path, table.skipped)


def read_tags(path: Path, *, form: str | None, tag: str | None) -> Dataset:
    """Tokens and tags from CoNLL-U, from columns, or from lists in JSONL or Parquet."""
    if suffix_of(path) in (".jsonl", ".ndjson", ".parquet"):
        return _read_tag_lists(path, form or "tokens", tag or "tags")
    if suffix_of(path) == ".conllu":
        found = data.read_tagged(path, form=form, tag=tag)
    else:
        found = data.read_tagged(path, form=_place(form, "form"), tag=_place(tag, "tag"))
    return Dataset(found.tokens, found.tags, found.lines, found.path)


def read_translations(
    path: Path, *, source: str | None, target: str | None, target_file: Path | None = None
) -> Dataset:
    """Sources and targets from two columns, or from two files line by line."""
    if (source is None) != (target is None):
        raise OptionError("--source and --target go together: name both columns, or neither.")
    if target_file is not None and source is not None:
        raise OptionError("--target-file is for two files of lines: leave --source/--target out.")
    if source is None and target_file is None and suffix_of(path) in (".jsonl", ".parquet"):
        raise OptionError(f"{path} has named columns: say which with --source and --target.")
    pairs = data.read_pairs(path, target_file, source=source, target=target, skip_empty=True)
    return Dataset(pairs.sources, pairs.targets, pairs.lines, pairs.path, pairs.skipped)


def read_labeled_series(path: Path, *, label: str | None, **columns: Any) -> Dataset:
    """Series and the label (as a string) that each has in all rows, or at the end of a .ts line."""
    if suffix_of(path) == ".ts":
        _check_no_columns(path, label=label, **columns)
        found = data.read_ts(path)
        if not found.labels:
            raise DataError("the file has no labels (@classLabel true).", path=path)
        return Dataset(found.series, list(map(str, found.labels)), found.lines, found.path)
    table = _read_table_of_series(path, label=label or "label", **columns)
    for line, labels in zip(table.lines, table.labels, strict=True):
        if len(set(labels)) > 1:
            raise DataError(
                f"a series has one label, but this one has {sorted(set(map(str, labels)))}. For "
                f"a label at every step use Python: SequenceTagger.",
                path=path,
                line=line,
                column=label or "label",
            )
    last = [str(one) for one in table.last_labels()]
    return Dataset(table.series, last, table.lines, table.path, names=table.ids)


def read_unlabeled_series(path: Path, **columns: Any) -> Dataset:
    """Series alone."""
    if suffix_of(path) == ".ts":
        _check_no_columns(path, **columns)
        found = data.read_ts(path)
        return Dataset(found.series, None, found.lines, found.path)
    table = _read_table_of_series(path, label=None, **columns)
    return Dataset(table.series, None, table.lines, table.path, names=table.ids)


def read_captioned(
    path: Path, *, image: str | None, caption: str | None, folder: Path | None
) -> Dataset:
    """Image files and the captions of each."""
    found = data.read_captions(path, folder, image=image or "image", caption=caption or "caption")
    names = [str(one) for one in found.images]
    places = list(range(1, len(found) + 1))
    return Dataset(list(found.images), found.captions, places, path, found.skipped, names)


def read_labeled_frames(
    path: Path,
    *,
    clip: str | None,
    label: str | None,
    unit: str | None,
    every: int | None,
    **places: Any,
) -> Dataset:
    """Videos and the label (as a string) of each frame, None where it has none."""
    found = data.read_videos(
        path,
        clip=clip or "clip",
        label=label or "label",
        unit=unit or "frames",
        every=every or 1,
        **places,
    )
    labels = [[None if one is None else str(one) for one in row] for row in found.labels]
    return Dataset(list(found.videos), labels, found.lines, found.path, names=found.names)


def read_text(path: Path, *, text: str | None) -> Dataset:
    """One text, or the texts of a table's column."""
    if suffix_of(path) in TABLE_SUFFIXES:
        name = text or "text"
        table = data.read_table(path, [name], required=[name], skip_empty=True)
        texts = [
            _checked(table, row, name, isinstance(value, str), "a text")
            for row, value in enumerate(table[name])
        ]
        return Dataset(texts, None, table.lines, table.path, table.skipped)
    if text is not None:
        raise OptionError(f"--text names a column, but {path} is read as one text: leave it out.")
    lines = data.read_lines(path)
    return Dataset("\n".join(lines) + "\n", None, list(range(1, len(lines) + 1)), path)


def _check_no_columns(path: Path, **columns: Any) -> None:
    for name, value in columns.items():
        if value:
            raise OptionError(f"--{name} is for tables, but {path} is a .ts file: leave it out.")


def _read_table_of_series(
    path: Path,
    *,
    id: str | None,  # noqa: A002 - the option's name
    time: str | None,
    features: list[str] | None,
    ignore: list[str] | None,
    label: str | None,
) -> data.SeriesTable:
    if id is None:
        raise OptionError("--id is needed: the column that says whose step each row is.")
    return data.read_series(
        path, id=id, time=time, label=label, features=features or None, ignore=ignore or ()
    )


def check_known(
    dataset: Dataset, known: Sequence[str], label_of: Callable[[Any], Any] | None
) -> None:
    """Refuse a label that training has not seen, and say where it is.

    label_of: an element of y -> its labels, in order; None where there are none.
    """
    if label_of is None:
        return
    seen = set(known)
    for example, target in enumerate(dataset.y or []):
        for place, label in enumerate(label_of(target), start=1):
            if label not in seen:
                listed = ", ".join(map(repr, known[:20])) + (", ..." if len(known) > 20 else "")
                raise DataError(
                    f"{label!r}{_within(dataset, example, place)} was never seen in training. "
                    f"Known: {listed}.",
                    path=dataset.path,
                    line=dataset.lines[example],
                )


def _within(dataset: Dataset, example: int, place: int) -> str:
    """Where in an example that has several labels one of them is."""
    if not isinstance((dataset.y or [])[example], list):
        return ""
    if dataset.names is not None:
        return f" (in {dataset.names[example]}, which begins on this line)"
    return f" (token {place} of the sentence)"


def suffix_of(path: Path) -> str:
    """The extension in lower case, without a `.gz`."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _checked(table: Table, row: int, column: str, good: bool, expected: str) -> Any:
    value = table[column][row]
    if not good:
        raise DataError(
            f"{expected} was expected, but this is {value!r:.60} ({type(value).__name__}).",
            path=table.path,
            line=table.lines[row],
            column=column,
        )
    return value


def _read_tag_lists(path: Path, form: str, tag: str) -> Dataset:
    table = data.read_table(path, [form, tag], required=[form, tag])
    tokens, tags = (
        [
            _checked(table, row, name, _is_words(value), "a list of strings")
            for row, value in enumerate(table[name])
        ]
        for name in (form, tag)
    )
    for line, words, labels in zip(table.lines, tokens, tags, strict=True):
        if len(words) != len(labels):
            raise DataError(
                f"there are {len(words)} tokens in {form!r} but {len(labels)} tags in {tag!r}; "
                f"each token needs one.",
                path=path,
                line=line,
            )
    return Dataset(tokens, tags, table.lines, table.path)


def _is_words(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


def _place(name: str | None, option: str) -> int | None:
    """Columns of a file without a header are counted from 0."""
    if name is None:
        return None
    try:
        return int(name)
    except ValueError:
        raise OptionError(
            f"--{option} {name!r}: only CoNLL-U files (.conllu) have named columns; here it is a "
            f"place, 0 for the first column and -1 for the last."
        ) from None


READERS: dict[str, Callable[..., Dataset]] = {
    "classify": read_classes,
    "tag": read_tags,
    "translate": read_translations,
    "series": read_labeled_series,
    "forecast": read_unlabeled_series,
    "caption": read_captioned,
    "frames": read_labeled_frames,
    "language": read_text,
}
