"""Sentences of words in batches: ids of the words, and the spellings of the distinct ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from rnnkit.batch import pack, pack_spellings
from rnnkit.packed import Packed
from rnnkit.vectorize import WordVectorizer

__all__ = ["Sentences", "Source"]


class Source(NamedTuple):
    """What a network reads of a batch.

    x: packed ids (N, C) or numbers (N, F). characters: packed (M, 1) ids of the batch's distinct
    words, and spelling: (N,) which of them each row is; None where nothing is spelled.
    """

    x: Packed
    characters: Packed | None = None
    spelling: Tensor | None = None


class Sentences:
    """Sentences as word ids and spellings, from which batches are taken by index."""

    def __init__(self, vectorizer: WordVectorizer, sentences: Sequence[Sequence[str]]) -> None:
        self.rows = [row[:, None] for row in vectorizer.transform(sentences)]
        index: dict[str, int] = {}
        self._forms = [
            np.array([index.setdefault(word, len(index)) for word in sentence])
            for sentence in sentences
        ]
        self._spellings = [vectorizer.spell(word)[:, None] for word in index]

    def batch(self, indices: np.ndarray) -> Source:
        """The chosen sentences, each distinct word spelled once."""
        x = pack([self.rows[i] for i in indices])
        forms = [self._forms[i] for i in indices]
        return Source(x, *pack_spellings(forms, self._spellings, x))
