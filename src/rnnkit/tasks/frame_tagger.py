"""Many to many, aligned: a label for every frame of a video."""

from __future__ import annotations

from typing import Any, ClassVar

from rnnkit.data import load_image
from rnnkit.networks import FrameEmbedding
from rnnkit.options import FrameTaggerOptions
from rnnkit.tasks.encoding import SeeingEstimator
from rnnkit.tasks.labeling import StepTagger
from rnnkit.tasks.spelling import Sequences
from rnnkit.tasks.videos import Footage, read_clips, read_frame_features
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer

__all__ = ["FrameTagger"]


class FrameTagger(SeeingEstimator, StepTagger, FrameTaggerOptions):
    """Give every frame of a video a label: what is going on now.

    p(k | t) = softmax(W h_t + b), h from a recurrent network over the frames' vectors, which an
    image encoder makes of each frame by itself (`FrameEmbedding`); both are trained together. With
    `crf`, labels depend on their neighbors' as in `SequenceTagger`.
    Source: Donahue et al. 2015, "Long-term Recurrent Convolutional Networks".

    X: a list of videos, each a file (the `video` extra) or a folder of images (the `image` extra),
    a `rnnkit.data.Video`, an array (T, H, W) or (T, H, W, C), a tensor (T, C, H, W), or a list of
    images. y: a list of labels for each, one a frame; None where a frame has none.

    Parameters
    ----------
    cell : "lstm", "gru", "rnn" (tanh), "rnn-relu", or "none" for the feed-forward contrast: the
        same image encoder, and no memory.
    window : frames to either side that the contrast sees (before it alone, if not bidirectional);
        0 labels each frame by what it shows alone.
    encoder, encoder_size, image_size, channels : as in `Captioner`; with encoder="none" X holds
        features, (T, M) of a video.
    augment : of videos in training, "shift" (by up to an eighth), "flip" (left to right; not where
        labels tell left from right), "shift-flip", or None; all frames of one are moved alike.
    embedding_size : numbers of a frame, to which the features of all its places are projected.
    bidirectional : whether what comes later is read too; False labels a frame from the past.
    class_weight : "balanced", or weights by label, for labels of unequal frequency; see
        `class_weights`. Not together with crf.
    update_every : frames between two updates of the weights, for long videos that are read forward
        only; see `SequenceTagger`.
    batch_size : videos. The others are those of `SequenceClassifier`.

    Attributes
    ----------
    classes_, vectorizer_, module_, history_, num_parameters_

    >>> import numpy as np
    >>> night, day = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    >>> videos, labels = [[night, day, day], [day, night]] * 4, [["-", "up", "-"], ["-", "-"]] * 4
    >>> model = FrameTagger(image_size=8, channels=1, encoder_size=8, embedding_size=8,
    ...                     hidden_size=16, batch_size=4, max_epochs=40, lr=0.02, dropout=0.0,
    ...                     validation_fraction=0, random_state=0)
    >>> model.fit(videos, labels).predict([np.stack([night, night, day])])
    [['-', '-', 'up']]
    """

    _step: ClassVar[str] = "frame"
    # Videos are long, and each frame is an image.
    _predict_batch: ClassVar[int] = 1

    kind_ = "frames"

    # -- how it is made -------------------------------------------------------------------------

    @property
    def _window(self) -> int:
        return self.window

    def _inputs(self, X: Any) -> list[Any]:
        # Files are decoded here and once: all that comes after has their frames in memory.
        return (
            read_frame_features(X)
            if self._has_features
            else read_clips(X, self._image_vectorizer())
        )

    def _aligned(
        self,
        X: Any,
        y: Any,
        *,
        fitted: bool,  # noqa: ARG002 - the parameters say what X is
    ) -> tuple[list[Any], list[list[Any]]]:
        sequences = self._inputs(X)
        return sequences, self._label_lists(sequences, y)

    def _fitted_vectorizer(self, X: list[Any]) -> ImageVectorizer | SeriesVectorizer:
        if self._has_features:
            return SeriesVectorizer(missing="refuse").fit(X)
        return self._image_vectorizer().fit(frame for video in X for frame in video)

    def _embedding(self) -> FrameEmbedding | None:
        if self._has_features:
            return None
        return FrameEmbedding(
            self._image_encoder(),
            self.embedding_size,
            scale=self.vectorizer_.scaled,
            augment=self._augmentation(),
        )

    def _sources(self, X: list[Any]) -> Sequences | Footage:
        return Sequences(self.vectorizer_.transform(X)) if self._has_features else Footage(X)

    def _step_labels(self, sequence: Any) -> list[str]:
        return [str(number) for number in range(len(sequence))]

    def _set_state(self, state: dict[str, Any]) -> None:
        super()._set_state(state)
        self.vectorizer_ = (
            SeriesVectorizer.from_config(state["vectorizer"])
            if self._has_features
            else ImageVectorizer.from_config(state["vectorizer"], load=load_image)
        )
