"""What a captioner reads and says: images, and one or several captions of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from rnnkit.codecs.codec import Codec, Examples, Given, Json, Sequences
from rnnkit.codecs.images import (
    Pictures,
    image_vectorizer,
    load_images,
    read_features,
)
from rnnkit.codecs.reading import required
from rnnkit.codecs.sentences import TargetVectorizer, load_target, target_ids, target_vectorizer
from rnnkit.data.inputs import read_captions_of, read_pictures
from rnnkit.options import CaptionerOptions
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer

__all__ = ["CaptionerCodec"]


class CaptionerCodec(Codec[Any, list[list[str]]]):
    """Images to arrays of one size, or features to rows; captions to ids and back.

    longest: tokens of the longest caption of training.
    """

    kind = "images"

    longest: int

    def __init__(
        self,
        vectorizer: ImageVectorizer | SeriesVectorizer,
        target: TargetVectorizer,
        target_level: str,
    ) -> None:
        self.vectorizer, self.target, self.target_level = vectorizer, target, target_level

    @classmethod
    def begin(
        cls,
        options: CaptionerOptions,
        X: object,
        y: object,
        *,
        classes: object = None,
    ) -> tuple[Self, Examples[Any, list[list[str]]]]:
        """See `Codec.begin`."""
        required(y, "Captioner", "a caption, or a list of captions, for each image of X")
        target = target_vectorizer(
            options.target_level,
            subwords=0,
            lower=options.lower,
            num_words=options.target_num_words,
            min_count=options.min_count,
        )
        codec = cls(image_vectorizer(options), target, options.target_level)
        return codec, codec.read(X, y)

    def read(self, X: object, y: object = None) -> Examples[Any, list[list[str]]]:
        """See `Codec.read`. Files of images are not yet opened."""
        pictures = isinstance(self.vectorizer, ImageVectorizer)
        images = read_pictures(X) if pictures else read_features(X)
        return Examples(images, None if y is None else read_captions_of(y, "y"))

    def learn(
        self,
        options: CaptionerOptions,
        examples: Examples[Any, list[list[str]]],
    ) -> None:
        """Learn the scale of the images, and the captions' vocabulary."""
        self.vectorizer.fit(examples.inputs)
        texts = [text for several in examples.known for text in several]
        self.target.fit(texts)
        self.longest = max(map(len, target_ids(self.target, texts)))

    def encode(self, inputs: list[Any]) -> Pictures | Sequences:
        """(C, S, S) of each image, or (S, M) features."""
        if isinstance(self.vectorizer, ImageVectorizer):
            return Pictures(self.vectorizer.transform(inputs))
        return Sequences(self.vectorizer.transform(inputs))

    def encode_targets(self, targets: Sequence[Sequence[str]]) -> list[list[np.ndarray]]:
        """(U,) ids of each caption of each image, without the boundary."""
        return [target_ids(self.target, texts) for texts in targets]

    def tokens(self, text: str) -> list[str]:
        """The tokens of a caption as the vocabulary has them."""
        (ids,) = target_ids(self.target, [text])
        return [self.target.inverse([index]) for index in ids.tolist()]

    def to_json(self) -> Json:
        """Plain values."""
        return {
            "images": self.vectorizer.get_config(),
            "target": self.target.get_config(),
            "target_level": self.target_level,
            "longest": self.longest,
        }

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        level = data["target_level"]
        codec = cls(load_images(data["images"]), load_target(level, data["target"]), level)
        codec.longest = data["longest"]
        return codec
