"""Sentences with one tag a token: CoNLL-U, and plain columns of tokens and tags."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rnnkit.data.textfile import extension, read_lines
from rnnkit.errors import DataError, OptionError, check_option

__all__ = ["TaggedSentences", "read_conllu", "read_tagged"]

CONLLU_COLUMNS = (
    *("id", "form", "lemma", "upos", "xpos"),
    *("feats", "head", "deprel", "deps", "misc"),
)


@dataclass(frozen=True)
class TaggedSentences:
    """Sentences as lists of tokens, the tag of each token, and where each sentence came from.

    tokens, tags: one list a sentence, equally long and never empty.
    lines: the line of the file (from 1) of each sentence's first token.
    """

    tokens: list[list[str]]
    tags: list[list[str]]
    lines: list[int]
    path: Path

    def __len__(self) -> int:
        return len(self.lines)


def read_conllu(path: str | Path, *, form: str = "form", tag: str = "upos") -> TaggedSentences:
    r"""Read the words of a CoNLL-U file, gzipped or not, and one column as their tags.

    form, tag: id, form, lemma, upos, xpos, feats, head, deprel, deps or misc, each as the string
    that is in the file (feats is not taken apart). Comments, multi-word tokens (1-2) and empty
    nodes (8.1) are left out, as the score of a tagger leaves them out.

    Raises DataError naming the line: not ten columns, ids that are not 1, 2, 3, ..., an empty
    value, a column that holds nothing but '_'. OptionError for an unknown column.
    Source: the CoNLL-U format, https://universaldependencies.org/format.html

    >>> from tempfile import TemporaryDirectory
    >>> rest = "\t_\t_\t0\troot\t_\t_"
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "tiny.conllu")
    ...     _ = path.write_text(f"1\tDogs\tdog\tNOUN{rest}\n2\trun\trun\tVERB{rest}\n\n")
    ...     sentences = read_conllu(path)
    >>> sentences.tokens, sentences.tags
    ([['Dogs', 'run']], [['NOUN', 'VERB']])
    """
    # Our own reader: the conllu package keeps no line numbers and lets missing columns and
    # gaps between ids through.
    check_option("form", form, CONLLU_COLUMNS)
    check_option("tag", tag, CONLLU_COLUMNS)
    places = CONLLU_COLUMNS.index(form), CONLLU_COLUMNS.index(tag)
    path = Path(path)
    blocks = (_words(block, path) for block in _blocks(path, comments=True))
    sentences = _tagged([words for words in blocks if words], places, (form, tag), path)
    for name, values in ((form, sentences.tokens), (tag, sentences.tags)):
        if all(value == "_" for sentence in values for value in sentence):
            raise DataError(
                "every word has '_' (not given) here. Choose another column.",
                path=path,
                column=name,
            )
    return sentences


def read_tagged(
    path: str | Path,
    *,
    form: str | int | None = None,
    tag: str | int | None = None,
    delimiter: str = "\t",
) -> TaggedSentences:
    r"""Read tagged sentences: CoNLL-U for .conllu and .conllu.gz, otherwise plain columns.

    Plain columns: a token a line, a blank line between sentences, the same number of columns on
    every line (CoNLL-2003 has four, with delimiter=" "; its -DOCSTART- lines are left out).

    form, tag: names of columns for CoNLL-U (default 'form' and 'upos', see `read_conllu`);
    otherwise their places from 0, negative ones from the end (default 0 and -1).

    Raises DataError naming the line; OptionError for a name where a place belongs or the reverse.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "tiny.tsv")
    ...     _ = path.write_text("Dogs\tNOUN\nrun\tVERB\n\nStop\tVERB\n")
    ...     read_tagged(path).tokens
    [['Dogs', 'run'], ['Stop']]
    """
    if extension(path) == ".conllu":
        if isinstance(form, int) or isinstance(tag, int):
            raise OptionError("form= and tag= of a CoNLL-U file are names, such as 'form', 'upos'.")
        return read_conllu(path, form=form or "form", tag=tag or "upos")
    if isinstance(form, str) or isinstance(tag, str):
        raise OptionError(
            f"form= and tag= of {path} are places of columns (0, 1, ..., -1 for the last); names "
            f"are for files called .conllu."
        )
    return _read_columns(
        Path(path), 0 if form is None else form, -1 if tag is None else tag, delimiter
    )


_Row = tuple[int, list[str]]  # the line (from 1) and its fields


def _blocks(path: Path, *, delimiter: str = "\t", comments: bool = False) -> Iterator[list[_Row]]:
    """The runs of lines between blank lines, each line split into fields."""
    block: list[_Row] = []
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            if block:
                yield block
            block = []
        elif not (comments and line.startswith("#")):
            block.append((number, line.split(delimiter)))
    if block:
        yield block


def _words(block: list[_Row], path: Path) -> list[_Row]:
    """The rows of a CoNLL-U sentence that are words, with their ids and widths checked."""
    words: list[_Row] = []
    for line, fields in block:
        if len(fields) != len(CONLLU_COLUMNS):
            raise DataError(
                f"{len(CONLLU_COLUMNS)} columns separated by tabs were expected, but there are "
                f"{len(fields)}.",
                path=path,
                line=line,
            )
        if "-" in fields[0] or "." in fields[0]:
            continue
        if fields[0] != str(len(words) + 1):
            raise DataError(
                f"the id is {fields[0]!r}, but {len(words) + 1} comes next. Is a blank line "
                f"missing between two sentences?",
                path=path,
                line=line,
                column="id",
            )
        words.append((line, fields))
    return words


def _read_columns(path: Path, form: int, tag: int, delimiter: str) -> TaggedSentences:
    blocks = list(_blocks(path, delimiter=delimiter))
    width = len(blocks[0][0][1])
    for line, fields in (row for block in blocks for row in block):
        if len(fields) != width:
            raise DataError(
                f"there are {len(fields)} columns here, but {width} on the first line.",
                path=path,
                line=line,
            )
    for place in (form, tag):
        if width < 2 or not -width <= place < width:
            raise DataError(
                f"there is no column {place} beside the others: each line has {width} column(s). "
                f"Is delimiter={delimiter!r} right?",
                path=path,
                line=blocks[0][0][0],
            )
    blocks = [block for block in blocks if block[0][1][0] != "-DOCSTART-"]
    return _tagged(blocks, (form, tag), (form, tag), path)


def _tagged(
    blocks: list[list[_Row]],
    places: tuple[int, int],
    names: tuple[str | int, str | int],
    path: Path,
) -> TaggedSentences:
    if not blocks:
        raise DataError("there are no sentences in the file.", path=path)
    for place, name in zip(places, names, strict=True):
        for line, fields in (row for block in blocks for row in block):
            if not fields[place]:
                raise DataError("the value is empty.", path=path, line=line, column=name)
    tokens, tags = ([[row[1][place] for row in block] for block in blocks] for place in places)
    return TaggedSentences(tokens, tags, [block[0][0] for block in blocks], path)
