"""Many to many, aligned: a label for every frame of a video."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from rnnkit.codecs import FrameCodec
from rnnkit.options import FrameTaggerOptions
from rnnkit.plans import Frames, TaggerPlan
from rnnkit.tasks import planning
from rnnkit.tasks.labeling import StepTagger
from rnnkit.vectorize import SeriesVectorizer

__all__ = ["FrameTagger"]


class FrameTagger(StepTagger[FrameCodec], FrameTaggerOptions):
    """Give every frame of a video a label: what is going on now.

    p(k | t) = softmax(W h_t + b), h from a recurrent network over the frames' vectors, which an
    image encoder makes of each frame by itself (`FrameEmbedding`); both are trained together. With
    `crf`, labels depend on their neighbors' as in `SequenceTagger`.
    Source: Donahue et al. 2015, "Long-term Recurrent Convolutional Networks".

    X: a list of videos, each a file (the `video` extra) or a folder of images (the `image` extra),
    a `rnnkit.data.Video`, an array (T, H, W) or (T, H, W, C), a tensor (T, C, H, W), or a list of
    images; with encoder="none" features, (T, M) of a video. y: a list of labels for each, one a
    frame; None where a frame has none. A batch is of videos; all frames of one are augmented alike.

    Attributes
    ----------
    classes_, vectorizer_, module_, history_, num_parameters_; codec_ and plan_

    >>> import numpy as np
    >>> night, day = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    >>> videos, labels = [[night, day, day], [day, night]] * 4, [["-", "up", "-"], ["-", "-"]] * 4
    >>> model = FrameTagger(image_size=8, channels=1, encoder_size=8, embedding_size=8,
    ...                     hidden_size=16, batch_size=4, max_epochs=40, lr=0.02, dropout=0.0,
    ...                     validation_fraction=0, random_state=0)
    >>> model.fit(videos, labels).predict([np.stack([night, night, day])])
    [['-', '-', 'up']]
    """

    # Videos are long, and each frame is an image.
    _predict_batch: ClassVar[int] = 1

    def _check_options(self) -> None:
        super()._check_options()
        planning.check_images(self)

    def _codec_type(self) -> type[FrameCodec]:
        return FrameCodec

    def _plan(self, codec: FrameCodec) -> TaggerPlan:
        vectors = self._vectors(codec)
        width = vectors if isinstance(vectors, int) else vectors.output_size
        layers = planning.encoder(self, width, bidirectional=self.bidirectional, window=self.window)
        embedding = None if isinstance(vectors, int) else vectors
        return TaggerPlan(embedding, layers, len(codec.labels), self.crf)

    def _vectors(self, codec: FrameCodec) -> Frames | int:
        """What makes vectors of frames, or how many features come."""
        scale = codec.vectorizer
        if isinstance(scale, SeriesVectorizer):
            return scale.num_features
        return Frames(
            planning.image_encoder(self),
            self.embedding_size,
            mean=tuple(scale.means.tolist()),
            deviation=tuple(scale.deviations.tolist()),
            augmentation=planning.augmentation(self),
        )

    def _given_module(self) -> nn.Module | None:
        return self.encoder if isinstance(self.encoder, nn.Module) else None
