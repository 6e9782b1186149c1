"""What a sequence classifier reads and says: sequences, and a label for each."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Self

import numpy as np

from rnnkit.codecs.codec import AnyExamples, Examples, Given, Json
from rnnkit.codecs.labels import Labels
from rnnkit.codecs.sequences import SequenceCodec
from rnnkit.options import ClassifierOptions

__all__ = ["ClassifierCodec"]


class ClassifierCodec(SequenceCodec[Any]):
    """Sequences to rows of numbers, and labels to numbers and back."""

    labels: Labels

    @classmethod
    def begin(
        cls,
        options: ClassifierOptions,
        X: object,
        y: object,
        *,
        classes: Iterable[Any] | None = None,
    ) -> tuple[Self, AnyExamples]:
        """See `Codec.begin`."""
        codec, sequences = cls.of(options, X)
        examples = Examples(sequences, np.asarray(y))
        codec.labels = Labels.seen(examples.known.tolist(), classes)
        return codec, examples

    def read(self, X: object, y: object = None) -> AnyExamples:
        """See `Codec.read`."""
        return Examples(self.sequences(X), None if y is None else np.asarray(y))

    def learn_targets(self, options: ClassifierOptions, examples: AnyExamples) -> None:
        """Learn the classes' weights."""
        self.labels.weigh(options.class_weight, examples.known)

    def encode_targets(self, targets: np.ndarray) -> np.ndarray:
        """(n,) the number of each label."""
        return self.labels.encode(targets.tolist())

    def groups(self, examples: AnyExamples) -> np.ndarray:
        """Held out are as many of each class."""
        classes: np.ndarray = examples.known
        return classes

    def to_json(self) -> Json:
        """Plain values."""
        return {**super().to_json(), **self.labels.to_json()}

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        codec = super().from_json(data, given)
        codec.labels = Labels.from_json(data)
        return codec
