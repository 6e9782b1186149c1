"""Sentences of words to ids: the word, and the characters that it is spelled with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rnnkit.vectorize.features import OOV, keep_frequent, seen_once
from rnnkit.vectorize.tokenizer import Tokenizer, tokenizer_from_json

__all__ = ["WordVectorizer"]


class WordVectorizer:
    """Lists of words to word ids, and each distinct word to the ids of its characters.

    Words are counted without regard to case (`lower`), characters with it, so that the network
    sees a capital letter once a word. Index 1 is an unknown word or character.

    >>> vectorizer = WordVectorizer().fit([["Dogs", "bark"], ["dogs", "sleep"]])
    >>> vectorizer.transform([["dogs", "meow"]])[0].tolist()
    [2, 1]
    >>> len(vectorizer.spell("Dogs"))
    4
    """

    def __init__(
        self, *, lower: bool = True, normalize: str | None = None, min_count: int = 1
    ) -> None:
        self.min_count = min_count
        self.tokenizer = Tokenizer(lower=lower, oov_token=OOV, normalize=normalize)
        self.characters = Tokenizer(
            lower=False, char_level=True, oov_token=OOV, normalize=normalize
        )

    def fit(self, sentences: Iterable[Sequence[str]]) -> WordVectorizer:
        """Learn the words, and the characters of the distinct ones."""
        known = [list(sentence) for sentence in sentences]
        self.tokenizer.fit_on_texts(known)
        keep_frequent(self.tokenizer, self.min_count)
        self.characters.fit_on_texts(sorted({word for sentence in known for word in sentence}))
        return self

    @property
    def size(self) -> int:
        """Indices of words: the size of their embedding."""
        return max(self.tokenizer.vocabulary_size, 2)

    @property
    def num_characters(self) -> int:
        """Indices of characters: the size of their embedding."""
        return max(self.characters.vocabulary_size, 2)

    def rare(self) -> list[int]:
        """Indices of the words that training saw once."""
        return seen_once(self.tokenizer, self.size)

    def transform(self, sentences: Sequence[Sequence[str]]) -> list[np.ndarray]:
        """(T,) int64 word ids for each sentence."""
        rows = self.tokenizer.texts_to_sequences([list(sentence) for sentence in sentences])
        return [np.asarray(row, dtype=np.int64) for row in rows]

    def spell(self, word: str) -> np.ndarray:
        """Character ids of a word; an empty word is one step of index 0."""
        return np.asarray(self.characters.texts_to_sequences([word])[0] or [0], dtype=np.int64)

    def get_config(self) -> dict[str, Any]:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {
            "min_count": self.min_count,
            "tokenizer": self.tokenizer.to_json(),
            "characters": self.characters.to_json(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> WordVectorizer:
        """The vectorizer that `get_config` described."""
        vectorizer = cls(min_count=config["min_count"])
        vectorizer.tokenizer = tokenizer_from_json(config["tokenizer"])
        vectorizer.characters = tokenizer_from_json(config["characters"])
        return vectorizer
