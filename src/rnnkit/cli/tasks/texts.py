"""Texts to predict of: arguments, files, or standard input."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from rnnkit.cli.tasks.tables import SUFFIXES, cells, is_text, is_text_or_words
from rnnkit.errors import DataError

__all__ = ["Sentence", "read_sentences", "read_texts"]

CHUNK = 1000

Sentence = str | list[str]
"""Words in one string, or one by one."""

Text = TypeVar("Text", str, Sentence)


def read_texts(inputs: Sequence[str], column: str | None) -> Iterator[list[str]]:
    """The texts that the arguments stand for, some at a time.

    inputs: "-" for standard input, a file of lines, a table, or a text itself.
    column: of a table; None is "text".
    """

    def read(path: Path) -> Iterable[str]:
        from rnnkit import data

        if column is None and not _is_table(path):
            return data.read_lines(path)
        name = column or "text"
        return cells(data.read_table(path, [name]), name, is_text, "a text")

    return _in_chunks(_found(inputs, read), inputs)


def read_sentences(inputs: Sequence[str], column: str | None) -> Iterator[list[Sentence]]:
    """The same for sentences, which may be CoNLL-U too, or lists of words in a table."""

    def read(path: Path) -> Iterable[Sentence]:
        from rnnkit import data

        if column is not None or _is_table(path):
            name = column or "text"
            return cells(data.read_table(path, [name]), name, is_text_or_words, "a text")
        if _suffix(path) == ".conllu":
            # The tags are what is asked for: they may be missing, and the words stand in for them.
            return data.read_conllu(path, tag="form").tokens
        return data.read_lines(path)

    return _in_chunks(_found(inputs, read), inputs)


def _in_chunks(texts: Iterable[Text], inputs: Sequence[str]) -> Iterator[list[Text]]:
    # A person who types a line waits for its answer; a file is read in large pieces.
    size = 1 if "-" in inputs and sys.stdin.isatty() else CHUNK
    iterator = iter(texts)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


def _found(inputs: Sequence[str], read: Callable[[Path], Iterable[Text]]) -> Iterator[Text]:
    for given in inputs:
        if given == "-":
            yield from _standard_input()
        elif _is_file(given):
            yield from read(Path(given))
        elif _looks_like_a_file(given):
            raise DataError("there is no such file.", path=given)
        else:
            yield given


def _suffix(path: Path) -> str:
    from rnnkit.data.textfile import extension

    return extension(path)


def _is_table(path: Path) -> bool:
    return _suffix(path) in SUFFIXES


def _is_file(given: str) -> bool:
    try:
        return Path(given).exists()
    except (OSError, ValueError):  # a text too long for a name, or with a null character
        return False


def _looks_like_a_file(given: str) -> bool:
    known = (*SUFFIXES, ".txt", ".conllu")
    return not any(map(str.isspace, given)) and _suffix(Path(given)) in known


def _standard_input() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"byte 0x{line[error.start]:02x} is not UTF-8.", path="standard input", line=number
            ) from None
