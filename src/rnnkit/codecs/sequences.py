"""Texts, series or ids to rows of numbers: what classifiers and regressors read."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Self, TypeVar

import numpy as np

from rnnkit.codecs.codec import Codec, Examples, Given, Json, Sequences
from rnnkit.codecs.reading import read_like, read_sequences
from rnnkit.options import SequenceOptions
from rnnkit.options.inputs import Series
from rnnkit.vectorize import (
    IdVectorizer,
    SeriesVectorizer,
    SubwordVectorizer,
    TextVectorizer,
    WordVectorizer,
)

__all__ = [
    "NUMBERS",
    "SequenceCodec",
    "Vectorizer",
    "number_vectorizer",
    "rare_tokens",
    "token_labels",
]

Vectorizer = TextVectorizer | SeriesVectorizer | IdVectorizer
T = TypeVar("T")


class SequenceCodec(Codec[Any, T]):
    """Base of codecs that read sequences of one kind, and that learn targets of their own.

    vectorizer: what makes numbers of them. longest: steps of the longest series of training.
    """

    def __init__(self, kind: str, vectorizer: Vectorizer, longest: int | None = None) -> None:
        self.kind, self.vectorizer, self.longest = kind, vectorizer, longest

    @classmethod
    def of(cls, options: SequenceOptions, X: object) -> tuple[Self, list[Any]]:
        """A codec for sequences of the kind of these, and the sequences."""
        kind, sequences = read_sequences(X, options.inputs)
        kind = "text" if kind == "tokens" else kind
        return cls(kind, _vectorizer(options, kind)), sequences

    def sequences(self, X: object) -> list[Any]:
        """Sequences of the same kind."""
        return read_like(X, self.kind)[1]

    def learn(self, options: Any, examples: Examples[Any, T]) -> None:
        """Learn the vocabulary or scale, and what the targets ask for."""
        self.vectorizer.fit(examples.inputs)
        self.learn_beside(options, examples)

    def learn_beside(self, options: Any, examples: Examples[Any, T]) -> None:
        """Learn all but the vectorizer: how long series are, and what targets are like."""
        if self.kind == "series":
            self.longest = int(self.encode(examples.inputs).lengths.max())
        self.learn_targets(options, examples)

    def learn_targets(self, options: Any, examples: Examples[Any, T]) -> None:
        """Learn what targets are like, if that takes more than `begin` has seen."""

    @abstractmethod
    def encode_targets(self, targets: T) -> Any:
        """Targets as numbers."""

    def encode(self, inputs: list[Any]) -> Sequences:
        """(T, C) ids or (T, F) numbers of each."""
        return Sequences(self.vectorizer.transform(inputs))

    def rare(self) -> list[int]:
        """See `Codec.rare`."""
        return rare_tokens(self.vectorizer)

    def step_labels(self, one: Any) -> list[str]:
        """The tokens as the vocabulary has them, ids, or the numbers of a series' steps."""
        return token_labels(self.vectorizer, one)

    def to_json(self) -> Json:
        """Plain values."""
        vectorizer = self.vectorizer.get_config()
        return {"kind": self.kind, "vectorizer": vectorizer, "window": self.longest}

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        kind, config = data["kind"], data["vectorizer"]
        if kind == "text":
            vectorizer: Vectorizer = TextVectorizer.from_config(
                config, analyzer=given.get("analyzer")
            )
        else:
            vectorizer = NUMBERS[kind].from_config(config)
        return cls(kind, vectorizer, data["window"])


NUMBERS: dict[str, type[SeriesVectorizer] | type[IdVectorizer]] = {
    "series": SeriesVectorizer,
    "ids": IdVectorizer,
}
"""What makes rows of numbers, by the kind of the sequences."""


def number_vectorizer(options: Series, kind: str) -> SeriesVectorizer | IdVectorizer:
    """One of `NUMBERS`, which has learnt nothing."""
    if kind == "series":
        return SeriesVectorizer(scale=options.scale, missing=options.missing)
    return IdVectorizer()


def _vectorizer(options: SequenceOptions, kind: str) -> Vectorizer:
    if kind in NUMBERS:
        return number_vectorizer(options, kind)
    return TextVectorizer(
        level=options.level,
        lower=options.lower,
        normalize=options.normalize,
        analyzer=options.analyzer,
        num_words=options.num_words,
        min_count=options.min_count,
        ngrams=options.ngrams,
        words=options.whole_words,
        buckets=options.buckets,
        max_length=options.max_length,
        truncating=options.truncating,
    )


def rare_tokens(vectorizer: Vectorizer | WordVectorizer) -> list[int]:
    """Indices of tokens that training saw once; a series has none."""
    return [] if isinstance(vectorizer, SeriesVectorizer) else list(vectorizer.rare())


def token_labels(vectorizer: Vectorizer | SubwordVectorizer, sequence: Any) -> list[str]:
    """The tokens of a text as the vocabulary has them, ids, or the numbers of a series' steps."""
    (row,) = vectorizer.transform([sequence])
    if isinstance(vectorizer, TextVectorizer | SubwordVectorizer):
        return vectorizer.tokens(row[:, 0])
    if isinstance(vectorizer, IdVectorizer):
        return [str(int(index)) for index in row[:, 0]]
    return [str(step) for step in np.arange(len(row))]
