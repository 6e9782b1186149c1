"""Running text to ids and back: what a language model reads and writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import repeat
from typing import TypedDict

import numpy as np

from rnnkit.errors import OptionError, check_option
from rnnkit.reserved import RESERVED, UNKNOWN
from rnnkit.vectorize.features import LEVELS
from rnnkit.vectorize.text import from_jamo, prepare

__all__ = ["END_MARKS", "DocumentVectorizer"]

END_MARKS = ("line", "document", "none")

# Conjoining vowels and final consonants, which go on with the syllable before them.
_GOES_ON = ("\u1160", "\u11ff")


class Config(TypedDict):
    """What a model file holds of a `DocumentVectorizer`: its parameters, and what it has learnt."""

    level: str
    lower: bool
    normalize: str | None
    num_words: int | None
    min_count: int
    end_mark: str
    tokens: list[str]
    rare: list[int]


class DocumentVectorizer:
    """Texts to arrays of ids: words split at white space, characters, or jamo, nothing filtered.

    Index 0 is `<eos>`, which ends a line or a document; index 1 is `<unk>`, any unknown token. The
    others follow by falling count, equal counts as first seen. A text that holds these two as words
    means these indices (the Penn Treebank of Mikolov et al. 2010 does).

    level: "word", "char" or "jamo". Token lists are taken as they are, but for `lower` and
        `normalize`, and are one line each.
    lower, normalize: as in `Tokenizer`.
    num_words: keep the indices below it. min_count: tokens seen less often are unknown.
    end_mark: after what an `<eos>` stands: "line" (each line of a text), "document" (each text) or
        "none". Line breaks are white space to words, and characters of their own to the others,
        but for "line", where `<eos>` stands for them.

    >>> vectorizer = DocumentVectorizer(end_mark="line").fit(["a cat\\na dog"])
    >>> [ids.tolist() for ids in vectorizer.transform(["a dog\\n", "a bird"])]
    [[2, 4, 0], [2, 1, 0]]
    >>> "".join(vectorizer.pieces([2, 4, 0, 2]))
    'a dog\\na'
    """

    EOS = RESERVED
    MARKS = ("<eos>", "<unk>")

    def __init__(
        self,
        *,
        level: str = "word",
        lower: bool = False,
        normalize: str | None = None,
        num_words: int | None = None,
        min_count: int = 1,
        end_mark: str = "document",
    ) -> None:
        check_option("level", level, LEVELS)
        check_option("end_mark", end_mark, END_MARKS)
        if min_count < 1:
            raise OptionError(f"min_count={min_count}, but it must be at least 1.")
        if num_words is not None and num_words <= len(self.MARKS):
            raise OptionError(
                f"num_words={num_words}, but indices 0 and 1 are {self.MARKS[0]} and "
                f"{self.MARKS[1]}: it must be at least 3."
            )
        self.level, self.lower, self.normalize = level, lower, normalize
        self.num_words, self.min_count, self.end_mark = num_words, min_count, end_mark
        self._know(())

    def fit(self, texts: Iterable[str | Sequence[str]]) -> DocumentVectorizer:
        """Learn the vocabulary."""
        counts = Counter[str]()
        for text in texts:
            for line in self._lines(text):
                counts.update(line)
        ranked = [token for token, count in counts.most_common() if count >= self.min_count]
        known = [token for token in ranked if token not in self.MARKS]
        if self.num_words is not None:
            known = known[: self.num_words - len(self.MARKS)]
        self._know(known, once=(token for token in known if counts[token] == 1))
        return self

    def _know(self, tokens: Iterable[str], *, once: Iterable[str] = ()) -> None:
        self.tokens = [*self.MARKS, *tokens]
        self._index = {token: index for index, token in enumerate(self.tokens)}
        self._rare = [self._index[token] for token in once]

    @property
    def size(self) -> int:
        """How many indices there are, the two marks among them."""
        return len(self.tokens)

    def rare(self) -> list[int]:
        """Indices of tokens that training saw once."""
        return list(self._rare)

    def transform(self, texts: Iterable[str | Sequence[str]]) -> list[np.ndarray]:
        """(T,) int64 ids of each text, its end marks among them."""
        return [self._ids(text) for text in texts]

    def prompt(self, text: str | Sequence[str]) -> np.ndarray:
        """(T,) ids of a text that goes on: the line or document at its end is not ended."""
        ids = self._ids(text)
        if self.end_mark == "none" or (self.end_mark == "line" and text[-1:] == "\n"):
            return ids
        return ids[:-1]

    def pieces(self, ids: Iterable[int], *, after: str | Sequence[str] = "") -> Iterator[str]:
        """Texts, one a token, that are put together by `"".join`; an end mark is a line break.

        after: what stands before them. The jamo of a syllable come together, once it is whole.
        """
        tokens = ("\n" if index == self.EOS else self.tokens[index] for index in ids)
        if self.level == "word":
            return _spaced(tokens, begins=not after or after[-1][-1:].isspace())
        return _composed(tokens) if self.level == "jamo" else iter(tokens)

    def get_config(self) -> Config:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {
            "level": self.level,
            "lower": self.lower,
            "normalize": self.normalize,
            "num_words": self.num_words,
            "min_count": self.min_count,
            "end_mark": self.end_mark,
            "tokens": self.tokens[len(self.MARKS) :],
            "rare": self.rare(),
        }

    @classmethod
    def from_config(cls, config: Config) -> DocumentVectorizer:
        """The vectorizer that `get_config` described."""
        vectorizer = cls(
            level=config["level"],
            lower=config["lower"],
            normalize=config["normalize"],
            num_words=config["num_words"],
            min_count=config["min_count"],
            end_mark=config["end_mark"],
        )
        vectorizer._know(config["tokens"])
        vectorizer._rare = config["rare"]
        return vectorizer

    def _ids(self, text: str | Sequence[str]) -> np.ndarray:
        ids: list[int] = []
        for line in self._lines(text):
            ids += map(self._index.get, line, repeat(UNKNOWN))
            if self.end_mark != "none":
                ids.append(self.EOS)
        return np.asarray(ids, dtype=np.int64)

    def _lines(self, text: str | Sequence[str]) -> Iterator[Sequence[str]]:
        """The tokens of whatever gets an end mark: lines, or the whole text."""
        if not isinstance(text, str):
            yield [prepare(token, self.normalize, self.lower, jamo=False) for token in text]
            return
        whole = prepare(text, self.normalize, self.lower, jamo=self.level == "jamo")
        lines = whole.split("\n") if self.end_mark == "line" else [whole]
        if len(lines) > 1 and not lines[-1]:
            lines.pop()  # the last line break ends a line and begins none
        for line in lines:
            yield line.split() if self.level == "word" else line


def _spaced(tokens: Iterable[str], *, begins: bool) -> Iterator[str]:
    """Words with a space before each that begins no line."""
    for token in tokens:
        yield token if begins or token == "\n" else " " + token
        begins = token == "\n"


def _composed(tokens: Iterable[str]) -> Iterator[str]:
    """Jamo put together to syllables, each given when the next one begins."""
    held = ""
    for token in tokens:
        if held and not _GOES_ON[0] <= token <= _GOES_ON[1]:
            yield from_jamo(held)
            held = ""
        held += token
    if held:
        yield from_jamo(held)
