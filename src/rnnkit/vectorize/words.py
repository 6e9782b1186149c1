"""Sentences of words to ids: the word, its affixes, and the characters that it is spelled with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

import numpy as np

from rnnkit.errors import OptionError
from rnnkit.vectorize.affixes import AffixVectorizer
from rnnkit.vectorize.affixes import Config as AffixConfig
from rnnkit.vectorize.features import OOV, keep_frequent, seen_once
from rnnkit.vectorize.text import prepare
from rnnkit.vectorize.tokenizer import Tokenizer, tokenizer_from_json

__all__ = ["WordVectorizer"]


class Config(TypedDict):
    """What a model file holds of a `WordVectorizer`; tokenizers are JSON in Keras' form."""

    min_count: int
    tokenizer: str
    characters: str
    affixes: NotRequired[AffixConfig]  # files of earlier versions know none


class WordVectorizer:
    """Lists of words to columns of ids, and each distinct word to the ids of its characters.

    Column 0 is the word; with `affixes` = n, columns 1 to 2n are its prefixes and suffixes of 1 to
    n characters (see `AffixVectorizer`). Words and affixes are counted without regard to case
    (`lower`), characters with it, so that the network sees a capital letter once a word. Index 1
    is an unknown word, affix or character.

    >>> vectorizer = WordVectorizer(affixes=1).fit([["Dogs", "bark"], ["cats", "sleep"]])
    >>> vectorizer.transform([["dogs", "sings"]])[0].tolist()
    [[2, 1, 2], [1, 1, 2]]
    >>> len(vectorizer.spell("Dogs"))
    4
    """

    def __init__(
        self,
        *,
        lower: bool = True,
        normalize: str | None = None,
        min_count: int = 1,
        affixes: int = 0,
    ) -> None:
        if not isinstance(affixes, int) or affixes < 0:
            raise OptionError(
                f"affixes={affixes!r}, but the length of the longest affix is expected, or 0 for "
                f"none."
            )
        self.min_count = min_count
        self.tokenizer = Tokenizer(lower=lower, oov_token=OOV, normalize=normalize)
        self.characters = Tokenizer(
            lower=False, char_level=True, oov_token=OOV, normalize=normalize
        )
        self.affixes = AffixVectorizer(affixes)

    def fit(self, sentences: Iterable[Sequence[str]]) -> WordVectorizer:
        """Learn the words, and the affixes and characters of the distinct ones."""
        known = [list(sentence) for sentence in sentences]
        distinct = sorted({word for sentence in known for word in sentence})
        self.tokenizer.fit_on_texts(known)
        keep_frequent(self.tokenizer, self.min_count)
        self.characters.fit_on_texts(distinct)
        self.affixes.fit(map(self._plain, distinct))
        return self

    @property
    def size(self) -> int:
        """Indices of words: the size of their embedding."""
        return max(self.tokenizer.vocabulary_size, 2)

    @property
    def sizes(self) -> list[int]:
        """Indices of each column: the sizes of their embeddings."""
        return [self.size, *self.affixes.sizes]

    @property
    def num_characters(self) -> int:
        """Indices of characters: the size of their embedding."""
        return max(self.characters.vocabulary_size, 2)

    def rare(self) -> list[int]:
        """Indices of the words that training saw once."""
        return seen_once(self.tokenizer, self.size)

    def transform(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """(T, 1 + 2n) int64 ids for each sentence."""
        rows = self.tokenizer.texts_to_sequences([list(sentence) for sentence in sentences])
        ids = [np.asarray(row, dtype=np.int64)[:, None] for row in rows]
        if not self.affixes.longest:
            return ids
        return [
            np.concatenate([row, self.affixes.transform(map(self._plain, sentence))], axis=1)
            for row, sentence in zip(ids, sentences, strict=True)
        ]

    def spell(self, word: str) -> np.ndarray:
        """Character ids of a word; an empty word is one step of index 0."""
        return np.asarray(self.characters.texts_to_sequences([word])[0] or [0], dtype=np.int64)

    def _plain(self, word: str) -> str:
        """The word as its affixes are counted."""
        return prepare(word, self.tokenizer.normalize, self.tokenizer.lower, jamo=False)

    def get_config(self) -> Config:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {
            "min_count": self.min_count,
            "tokenizer": self.tokenizer.to_json(),
            "characters": self.characters.to_json(),
            "affixes": self.affixes.get_config(),
        }

    @classmethod
    def from_config(cls, config: Config) -> WordVectorizer:
        """The vectorizer that `get_config` described."""
        vectorizer = cls(min_count=config["min_count"])
        vectorizer.tokenizer = tokenizer_from_json(config["tokenizer"])
        vectorizer.characters = tokenizer_from_json(config["characters"])
        if "affixes" in config:
            vectorizer.affixes = AffixVectorizer.from_config(config["affixes"])
        return vectorizer
