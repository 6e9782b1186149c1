"""Sequences in batches, and sentences whose words are spelled: what tagger and translator read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import Tensor

from rnnkit.batch import pack, pack_spellings
from rnnkit.networks import CharacterEmbedding, TokenEmbedding, WordEmbedding
from rnnkit.packed import Packed
from rnnkit.vectorize import WordVectorizer

__all__ = ["Sentences", "Sequences", "Source", "source_embedding", "spelled"]


class Source(NamedTuple):
    """What a network reads of a batch.

    x: packed ids (N, C) or numbers (N, F). characters: packed (M, 1) ids of the batch's distinct
    words, and spelling: (N,) which of them each row is; None where nothing is spelled.
    """

    x: Packed
    characters: Packed | None = None
    spelling: Tensor | None = None


class Sequences:
    """Sequences as rows of numbers, from which batches are taken by index."""

    def __init__(self, rows: list[np.ndarray]) -> None:
        self.rows = rows

    def batch(self, indices: np.ndarray) -> Source:
        """The chosen sequences."""
        return Source(pack([self.rows[i] for i in indices]))


class Sentences(Sequences):
    """Sentences as ids of words and affixes, and spellings."""

    def __init__(self, vectorizer: WordVectorizer, sentences: Sequence[Sequence[str]]) -> None:
        super().__init__(vectorizer.transform(sentences))
        index: dict[str, int] = {}
        self._forms = [
            np.array([index.setdefault(word, len(index)) for word in sentence])
            for sentence in sentences
        ]
        self._spellings = [vectorizer.spell(word)[:, None] for word in index]

    def batch(self, indices: np.ndarray) -> Source:
        """The chosen sentences, each distinct word spelled once."""
        x = super().batch(indices).x
        forms = [self._forms[i] for i in indices]
        return Source(x, *pack_spellings(forms, self._spellings, x))


def spelled(
    words: TokenEmbedding,
    vectorizer: WordVectorizer,
    *,
    character_size: int,
    hidden_size: int,
    cell: str,
    dropout: float,
) -> WordEmbedding:
    """The vectors of words beside those that their spelling gives.

    dropout: that of the whole network, of which the characters get a quarter on either side.
    """
    characters = CharacterEmbedding(
        vectorizer.num_characters, character_size, hidden_size, cell=cell, dropout=dropout / 4
    )
    return WordEmbedding(words, characters)


def source_embedding(
    source: Any,
    embedding_size: int,
    *,
    rare_dropout: float,
    character_size: int,
    character_hidden_size: int,
    cell: str,
    dropout: float,
) -> WordEmbedding | TokenEmbedding:
    """The vectors of what a fitted vectorizer gives; words are spelled too."""
    is_spelled = isinstance(source, WordVectorizer)
    tokens = TokenEmbedding(
        [source.size] if is_spelled else source.sizes,
        embedding_size,
        rare=source.rare(),
        rare_dropout=rare_dropout,
    )
    if not is_spelled:
        return tokens
    return spelled(
        tokens,
        source,
        character_size=character_size,
        hidden_size=character_hidden_size,
        cell=cell,
        dropout=dropout,
    )
