"""Many to many, aligned: a label for every frame of a video."""

from __future__ import annotations

from functools import partial
from numbers import Integral
from typing import Any, ClassVar

import numpy as np
from torch import nn

from rnnkit.bptt import Policy
from rnnkit.data import load_image
from rnnkit.errors import OptionError
from rnnkit.networks import FrameEmbedding
from rnnkit.tasks.encoding import SeeingEstimator
from rnnkit.tasks.labeling import StepTagger
from rnnkit.tasks.spelling import Sequences
from rnnkit.tasks.videos import Footage, read_clips, read_frame_features, scaled_frames
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer

__all__ = ["FrameTagger"]


class FrameTagger(SeeingEstimator, StepTagger):
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

    def __init__(
        self,
        *,
        cell: str = "lstm",
        window: int = 0,
        encoder: str | nn.Module = "conv",
        encoder_size: int = 64,
        image_size: int = 64,
        channels: int = 3,
        augment: str | None = None,
        embedding_size: int = 128,
        hidden_size: int = 128,
        num_layers: int = 1,
        bidirectional: bool = True,
        crf: bool = False,
        dropout: float = 0.1,
        recurrent_dropout: float = 0.0,
        init: str = "orthogonal",
        forget_bias: float = 1.0,
        optimizer: str = "adamw",
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        schedule: str = "one-cycle",
        warmup: float = 0.0,
        bptt: Policy | str | None = None,
        update_every: int | None = None,
        clip_norm: float | None = 5.0,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        batch_size: int = 4,
        max_epochs: int = 20,
        patience: int | None = None,
        monitor: str = "accuracy",
        validation_fraction: float = 0.1,
        label_smoothing: float = 0.0,
        class_weight: str | dict[Any, float] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.window = window
        self.encoder = encoder
        self.encoder_size = encoder_size
        self.image_size = image_size
        self.channels = channels
        self.augment = augment
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.crf = crf
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.init = init
        self.forget_bias = forget_bias
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.bptt = bptt
        self.update_every = update_every
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.ema_decay = ema_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.label_smoothing = label_smoothing
        self.class_weight = class_weight
        self.random_state = random_state
        self.verbose = verbose

    # -- how it is made -------------------------------------------------------------------------

    def _check_options(self) -> None:
        super()._check_options()
        if not isinstance(self.window, Integral) or self.window < 0:
            raise OptionError(f"window={self.window!r}, but it must be a whole number, 0 or more.")

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
            scale=partial(scaled_frames, self.vectorizer_),
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
