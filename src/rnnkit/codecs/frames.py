"""What a frame tagger reads and says: videos, and a label for each of their frames."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar, Self

import numpy as np

from rnnkit.codecs.codec import Examples, Given, Json, Sequences
from rnnkit.codecs.images import (
    image_vectorizer,
    load_images,
    read_clips,
    read_frame_features,
)
from rnnkit.codecs.labels import Labels
from rnnkit.codecs.reading import required
from rnnkit.codecs.tagger import LabelRows, StepLabelCodec, given_labels, refuse_empty
from rnnkit.options import FrameTaggerOptions
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer

__all__ = ["FrameCodec"]


class FrameCodec(StepLabelCodec[np.ndarray]):
    """Videos to frames (T, C, S, S), or to rows of features (T, M)."""

    kind = "frames"
    step: ClassVar[str] = "frame"

    def __init__(self, vectorizer: ImageVectorizer | SeriesVectorizer) -> None:
        self.vectorizer = vectorizer

    @classmethod
    def begin(
        cls,
        options: FrameTaggerOptions,
        X: object,
        y: object,
        *,
        classes: Iterable[Any] | None = None,
    ) -> tuple[Self, Examples[np.ndarray, LabelRows]]:
        """See `Codec.begin`. Files are decoded here and once."""
        required(y, "FrameTagger", "a list of labels for each sequence")
        codec = cls(image_vectorizer(options))
        examples = codec.read(X, y)
        refuse_empty(examples.inputs)
        codec.learn_labels(examples.known, paths=options.crf, classes=classes)
        return codec, examples

    def read(self, X: object, y: object = None) -> Examples[np.ndarray, LabelRows]:
        """See `Codec.read`."""
        if isinstance(self.vectorizer, ImageVectorizer):
            videos = read_clips(X, self.vectorizer)
        else:
            videos = read_frame_features(X)
        return Examples(videos, None if y is None else self.label_lists(videos, y))

    def learn(self, options: FrameTaggerOptions, examples: Examples[np.ndarray, LabelRows]) -> None:
        """Learn the scale of pixels or features, and the labels' weights."""
        if isinstance(self.vectorizer, ImageVectorizer):
            self.vectorizer.fit(_as_images(examples.inputs))
        else:
            self.vectorizer.fit(examples.inputs)
        self.labels.weigh(options.class_weight, given_labels(examples.known))

    def encode(self, inputs: list[np.ndarray]) -> Sequences:
        """(T, C, S, S) frames as they are, or (T, M) features scaled."""
        if isinstance(self.vectorizer, ImageVectorizer):
            return Sequences(inputs)
        return Sequences(self.vectorizer.transform(inputs))

    def to_json(self) -> Json:
        """Plain values."""
        return {"vectorizer": self.vectorizer.get_config(), **self.labels.to_json()}

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        codec = cls(load_images(data["vectorizer"]))
        codec.labels = Labels.from_json(data)
        return codec


def _as_images(videos: list[np.ndarray]) -> Iterable[np.ndarray]:
    """Frames (H, W, C), the form in which an array is an image."""
    return (frame.transpose(1, 2, 0) for video in videos for frame in video)
