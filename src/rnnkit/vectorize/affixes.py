"""Words to the ids of their beginnings and endings."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TypedDict

import numpy as np

from rnnkit.errors import ArchiveError
from rnnkit.reserved import FIRST, RESERVED, UNKNOWN

__all__ = ["AffixVectorizer"]


class Config(TypedDict):
    """What a model file holds of an `AffixVectorizer`; the affixes of each column, by index."""

    longest: int
    min_count: int
    affixes: list[list[str]]


class AffixVectorizer:
    """Words to integer arrays (T, 2n): prefixes of 1 to n characters, then suffixes of 1 to n.

    What a word begins and ends with tells much about its part of speech, above all where the word
    itself is unknown (Ratnaparkhi 1996, table 1). Index 0: the word is shorter than that; index 1:
    an affix that fewer than `min_count` distinct words of the training data share, so that the
    vector of unknown affixes is learnt from real ones.

    >>> vectorizer = AffixVectorizer(2).fit(["walking", "singing", "walks"])
    >>> vectorizer.sizes
    [3, 3, 3, 3]
    >>> vectorizer.transform(["wing", "s"]).tolist()
    [[2, 1, 2, 2], [1, 0, 1, 0]]
    """

    def __init__(self, longest: int, *, min_count: int = 2) -> None:
        self.longest, self.min_count = longest, min_count
        self._index: list[dict[str, int]] = [{} for _ in range(2 * longest)]

    def fit(self, words: Iterable[str]) -> AffixVectorizer:
        """Learn the affixes of the distinct words."""
        distinct = sorted(set(words))
        self._index = [self._learn(distinct, column) for column in range(2 * self.longest)]
        return self

    @property
    def sizes(self) -> list[int]:
        """Indices of each column: the sizes of their embeddings."""
        return [FIRST + len(index) for index in self._index]

    def transform(self, words: Iterable[str]) -> np.ndarray:
        """(T, 2n) int64, a row a word."""
        rows = [self._row(word) for word in words]
        return np.array(rows, dtype=np.int64).reshape(len(rows), 2 * self.longest)

    def _learn(self, words: list[str], column: int) -> dict[str, int]:
        affixes = (self._affix(word, column) for word in words)
        counts = Counter(affix for affix in affixes if affix is not None)
        kept = [affix for affix, count in counts.items() if count >= self.min_count]
        return {affix: index for index, affix in enumerate(kept, FIRST)}

    def _row(self, word: str) -> list[int]:
        affixes = (self._affix(word, column) for column in range(2 * self.longest))
        return [
            RESERVED if affix is None else index.get(affix, UNKNOWN)
            for affix, index in zip(affixes, self._index, strict=True)
        ]

    def _affix(self, word: str, column: int) -> str | None:
        """The affix of a column, None where the word is too short for it."""
        length = column % self.longest + 1
        if len(word) < length:
            return None
        return word[:length] if column < self.longest else word[-length:]

    def get_config(self) -> Config:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {
            "longest": self.longest,
            "min_count": self.min_count,
            "affixes": [list(index) for index in self._index],
        }

    @classmethod
    def from_config(cls, config: Config) -> AffixVectorizer:
        """The vectorizer that `get_config` described.

        Raises ArchiveError where it has not two columns of affixes for each length.
        """
        if len(config["affixes"]) != 2 * config["longest"]:
            raise ArchiveError(
                f"affixes of 1 to {config['longest']} characters do not fit into "
                f"{len(config['affixes'])} columns."
            )
        vectorizer = cls(config["longest"], min_count=config["min_count"])
        vectorizer._index = [
            {affix: index for index, affix in enumerate(column, FIRST)}
            for column in config["affixes"]
        ]
        return vectorizer
