"""What a translator reads and says: texts, and texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np

from rnnkit.codecs.codec import Codec, Examples, Given, Json, Sequences
from rnnkit.codecs.reading import Text, read_texts, required
from rnnkit.codecs.sentences import (
    SourceVectorizer,
    TargetVectorizer,
    load_source,
    load_target,
    source_vectorizer,
    split_words,
    target_ids,
    target_vectorizer,
)
from rnnkit.codecs.sequences import token_labels
from rnnkit.codecs.tagger import spelled_sentences
from rnnkit.options import TranslatorOptions
from rnnkit.vectorize import WordVectorizer

__all__ = ["TranslatorCodec"]


class TranslatorCodec(Codec[Text, list[Text]]):
    """Sources to rows of ids, targets to ids and back.

    source, target: their vectorizers. length_limit: how many times as long as its source a target
    is, and the longest, in training.
    """

    source: SourceVectorizer
    target: TargetVectorizer
    length_limit: tuple[float, float]

    def __init__(self, source_level: str, target_level: str, normalize: str | None) -> None:
        self.source_level, self.target_level = source_level, target_level
        self.normalize = normalize

    @classmethod
    def begin(
        cls,
        options: TranslatorOptions,
        X: object,
        y: object,
        *,
        classes: object = None,
    ) -> tuple[Self, Examples[Text, list[Text]]]:
        """See `Codec.begin`."""
        required(y, "Translator", "one translation for each text of X")
        codec = cls(options.source_level, options.target_level, options.normalize)
        codec.source = source_vectorizer(options)
        codec.target = target_vectorizer(
            options.target_level,
            subwords=options.subwords,
            lower=False,
            num_words=options.target_num_words,
            min_count=options.min_count,
        )
        return codec, codec.read(X, y)

    def read(self, X: object, y: object = None) -> Examples[Text, list[Text]]:
        """See `Codec.read`."""
        return Examples(read_texts(X, "X"), None if y is None else read_texts(y, "y"))

    def learn(
        self,
        options: TranslatorOptions,
        examples: Examples[Text, list[Text]],
    ) -> None:
        """Learn both vocabularies, and how long targets are."""
        words, targets = self._words(examples.inputs), examples.known
        self.source.fit(words)
        self.target.fit(targets)
        lengths = [
            (len(source), len(target))
            for source, target in zip(
                self.source.transform(words), self.encode_targets(targets), strict=True
            )
        ]
        # Of very short sources the ratio says little.
        ratios = [target / source for source, target in lengths if source >= 5 or target <= 5]
        longest = max(target for _, target in lengths)
        self.length_limit = min(max(ratios, default=4.0), 4.0), float(longest)

    def encode(self, inputs: list[Text]) -> Sequences:
        """(T, C) ids of each source, and where it is read by words their characters."""
        words = self._words(inputs)
        if isinstance(self.source, WordVectorizer):
            return spelled_sentences(self.source, words)
        return Sequences(self.source.transform(words))

    def encode_targets(self, targets: Sequence[Text]) -> list[np.ndarray]:
        """(U,) ids of each target without the boundary."""
        return target_ids(self.target, targets)

    def longest_answers(self, lengths: np.ndarray) -> np.ndarray:
        """(n,) the most tokens of an answer to sources of these lengths."""
        ratio, longest = self.length_limit
        # In float32, as training has it, so that no limit depends on who asks.
        limit = lengths.astype(np.float32) * np.float32(ratio) + np.float32(10)
        most: np.ndarray = np.minimum(limit, longest + 10).astype(np.int64)
        return most

    def rare(self) -> list[int]:
        """See `Codec.rare`."""
        return list(self.source.rare())

    def step_labels(self, one: Text) -> list[str]:
        """The tokens of a source."""
        (words,) = self._words([one])
        if isinstance(self.source, WordVectorizer):
            return list(words)
        return token_labels(self.source, words)

    def _words(self, X: Sequence[Text]) -> list[Text]:
        """Strings as words, numbers and punctuation marks where the source is read by words."""
        return split_words(X, self.normalize) if self.source_level == "word" else list(X)

    def to_json(self) -> Json:
        """Plain values."""
        return {
            "source_level": self.source_level,
            "target_level": self.target_level,
            "normalize": self.normalize,
            "source": self.source.get_config(),
            "target": self.target.get_config(),
            "length_limit": list(self.length_limit),
        }

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        codec = cls(data["source_level"], data["target_level"], data["normalize"])
        codec.source = load_source(codec.source_level, data["source"])
        codec.target = load_target(codec.target_level, data["target"])
        ratio, longest = data["length_limit"]
        codec.length_limit = ratio, longest
        return codec
