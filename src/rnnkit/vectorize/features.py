"""Texts to columns of ids: the token of each step, and hashed n-grams and words around it."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypedDict

import numpy as np

from rnnkit.errors import InputError, OptionError, check_option
from rnnkit.vectorize.text import FILTERS, prepare
from rnnkit.vectorize.tokenizer import Tokenizer, tokenizer_from_json

__all__ = ["LEVELS", "OOV", "TextVectorizer"]

LEVELS = ("word", "char", "jamo")
OOV = "<oov>"

# Each is a column of ids, and a table of vectors.
MOST_NGRAMS = 64

Text = str | Sequence[str]


def keep_frequent(tokenizer: Tokenizer, min_count: int) -> None:
    """Make the tokens of a fitted tokenizer unknown that were counted less often."""
    if min_count > 1:
        # word_index is sorted by count, so that a minimum count is a maximum index.
        frequent = sum(n >= min_count for n in tokenizer.word_counts.values()) + 2
        tokenizer.num_words = min(tokenizer.num_words or frequent, frequent)


def seen_once(tokenizer: Tokenizer, size: int) -> list[int]:
    """Indices, among the first `size`, of the tokens that were counted once."""
    index = tokenizer.word_index
    once = (index[token] for token, count in tokenizer.word_counts.items() if count == 1)
    return [i for i in once if 1 < i < size]


class Config(TypedDict):
    """What a model file holds of a `TextVectorizer`; the tokenizer is JSON in Keras' form."""

    level: str
    ngrams: int
    words: bool
    buckets: int
    min_count: int
    max_length: int | None
    truncating: str
    tokenizer: str


class TextVectorizer:
    """Texts to integer arrays (T, C), one row a step, C columns of ids.

    Column 0 is the `Tokenizer`'s index (1 is any unknown token). With `ngrams` = n, columns 1 to
    n - 1 are the buckets of the 2- to n-grams that end at the step; with `words`, the last column
    is the bucket of the whitespace-delimited word that a character belongs to. Hashed columns need
    no vocabulary and know spellings that training never saw (Weinberger et al. 2009).
    Index 0 is reserved. A text without any token becomes one step of zeros, so that a network can
    answer it.

    level: "word" (Keras' filters and split), "char" or "jamo".
    min_count: tokens seen less often are unknown. num_words: keep that many indices at most.
    max_length: steps kept; `truncating` "pre" drops from the front, "post" from the end.

    >>> vectorizer = TextVectorizer(level="char", ngrams=2, buckets=100).fit(["무 무무"])
    >>> vectorizer.transform(["무무", ""])[0][:, 0].tolist(), vectorizer.sizes
    ([2, 2], [4, 101])
    """

    def __init__(
        self,
        *,
        level: str = "word",
        lower: bool = True,
        filters: str = FILTERS,
        normalize: str | None = None,
        analyzer: Callable[[str], list[str]] | None = None,
        num_words: int | None = None,
        min_count: int = 1,
        ngrams: int = 1,
        words: bool = False,
        buckets: int = 2**16,
        max_length: int | None = None,
        truncating: str = "pre",
    ) -> None:
        check_option("level", level, LEVELS)
        check_option("truncating", truncating, ["pre", "post"])
        if ngrams < 1 or buckets < 1 or min_count < 1:
            raise OptionError(
                f"ngrams={ngrams}, buckets={buckets} and min_count={min_count} must be at least 1."
            )
        if ngrams > MOST_NGRAMS:
            raise OptionError(f"ngrams={ngrams}, but {MOST_NGRAMS} at most can be learnt from.")
        if max_length is not None and max_length < 1:
            raise OptionError(f"max_length={max_length}, but at least one step must be kept.")
        if words and level == "word":
            raise OptionError("whole words are added to characters: use level='char'.")
        if level == "jamo" and words:
            raise OptionError("words=True is for level='char', not for level='jamo'.")
        self.level, self.min_count, self.num_words = level, min_count, num_words
        self.ngrams, self.words, self.buckets = ngrams, words, buckets
        self.max_length, self.truncating = max_length, truncating
        self.tokenizer = Tokenizer(
            num_words=num_words,
            lower=lower,
            filters=filters,
            char_level=level != "word",
            oov_token=OOV,
            analyzer=analyzer,
            normalize=normalize,
            jamo=level == "jamo",
        )

    def fit(self, texts: Iterable[Text]) -> TextVectorizer:
        """Learn the vocabulary."""
        self.tokenizer.fit_on_texts(texts)
        keep_frequent(self.tokenizer, self.min_count)
        return self

    def learn(self, tokens: Sequence[str], rare: Sequence[str] = ()) -> TextVectorizer:
        """Know these tokens and no others, such as those of a vocabulary learnt elsewhere.

        tokens: by falling count. rare: which of them were counted once.
        """
        once = set(rare)
        self.tokenizer.fit_on_texts(
            [list(tokens), [token for token in tokens if token not in once]]
        )
        return self

    @property
    def sizes(self) -> list[int]:
        """Indices of each column: the sizes of its embedding."""
        hashed = self.ngrams - 1 + self.words
        return [max(self.tokenizer.vocabulary_size, 2), *[self.buckets + 1] * hashed]

    def rare(self) -> list[int]:
        """Indices seen once in training: what stands closest to an unknown token."""
        return seen_once(self.tokenizer, self.sizes[0])

    def transform(self, texts: Sequence[Text]) -> list[np.ndarray]:
        """(T, C) int64 ids for each text."""
        ids = self.tokenizer.texts_to_sequences(texts)
        columns = [[np.asarray(row or [0], dtype=np.int64) for row in ids]]
        columns += [self._grams(columns[0], n) for n in range(2, self.ngrams + 1)]
        if self.words:
            columns.append([self._word_buckets(text) for text in texts])
        for position, parts in enumerate(zip(*columns, strict=True)):
            if len({len(part) for part in parts}) > 1:
                raise InputError(
                    f"text {position} has {len(parts[0])} characters for the network and "
                    f"{len(parts[-1])} in its words: words=True needs strings, not token lists."
                )
        return [self._truncated(np.stack(parts, axis=1)) for parts in zip(*columns, strict=True)]

    def inverse(self, ids: Sequence[int]) -> str:
        """The text of the indices of column 0."""
        separator = " " if self.level == "word" else ""
        return self.tokenizer.sequences_to_texts([list(ids)], separator=separator)[0]

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """What each index of column 0 stands for; "?" where it stands for nothing."""
        known = self.tokenizer.index_word
        return [str(known.get(int(index), "?")) for index in ids]

    def _grams(self, rows: list[np.ndarray], n: int) -> list[np.ndarray]:
        """Buckets of the n ids that end at each step, 0s standing before the first."""
        lengths = np.array([len(row) for row in rows], dtype=np.int64)
        flat = np.concatenate(rows).astype(np.uint64) if len(rows) else np.empty(0, np.uint64)
        step = np.arange(len(flat)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        mixed = np.zeros_like(flat)
        for back in range(n - 1, -1, -1):
            earlier = np.where(step >= back, np.roll(flat, back), 0).astype(np.uint64)
            mixed = (mixed ^ earlier) * np.uint64(0x9E3779B97F4A7C15)
            mixed ^= mixed >> np.uint64(29)
        hashed = (mixed % np.uint64(self.buckets)).astype(np.int64) + 1
        return np.split(hashed, np.cumsum(lengths)[:-1])

    def _word_buckets(self, text: Text) -> np.ndarray:
        """One bucket a character: that of its word, 0 for white space."""
        string = text if isinstance(text, str) else "".join(text)
        string = prepare(string, self.tokenizer.normalize, self.tokenizer.lower, jamo=False)
        runs = re.findall(r"\s+|\S+", string)
        buckets = [0 if run.isspace() else self._bucket(run) for run in runs]
        lengths = [len(run) for run in runs]
        return np.repeat(np.asarray(buckets or [0], dtype=np.int64), lengths or [1])

    def _bucket(self, word: str) -> int:
        return zlib.crc32(word.encode("utf-8", "surrogatepass")) % self.buckets + 1

    def get_config(self) -> Config:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {
            "level": self.level,
            "ngrams": self.ngrams,
            "words": self.words,
            "buckets": self.buckets,
            "min_count": self.min_count,
            "max_length": self.max_length,
            "truncating": self.truncating,
            "tokenizer": self.tokenizer.to_json(),
        }

    @classmethod
    def from_config(
        cls, config: Config, *, analyzer: Callable[[str], list[str]] | None = None
    ) -> TextVectorizer:
        """The vectorizer that `get_config` described; a callable analyzer is given again."""
        vectorizer = cls(
            level=config["level"],
            ngrams=config["ngrams"],
            words=config["words"],
            buckets=config["buckets"],
            min_count=config["min_count"],
            max_length=config["max_length"],
            truncating=config["truncating"],
        )
        tokenizer = tokenizer_from_json(config["tokenizer"])
        tokenizer.analyzer = analyzer
        vectorizer.tokenizer = tokenizer
        return vectorizer

    def _truncated(self, ids: np.ndarray) -> np.ndarray:
        if self.max_length is None:
            return ids
        return ids[-self.max_length :] if self.truncating == "pre" else ids[: self.max_length]
