"""What the estimators share that see: the image encoder, augmentation, and their options."""

from __future__ import annotations

import copy
from typing import ClassVar

from torch import nn

from rnnkit.data import load_image
from rnnkit.errors import OptionError, check_option
from rnnkit.networks import Augment, ConvEncoder, GivenEncoder
from rnnkit.options.names import IMAGE_ENCODERS
from rnnkit.tasks.base import SequenceEstimator
from rnnkit.vectorize import ImageVectorizer

__all__ = ["SeeingEstimator"]

# Of an image's side: how far "shift" goes.
SHIFT = 1 / 8


class SeeingEstimator(SequenceEstimator):
    """Base of estimators that read images, by a network of their own or a given one, or features
    that were computed elsewhere.
    """

    # Set by the subclasses' constructors, which only store.
    encoder: str | nn.Module
    encoder_size: int
    image_size: int
    channels: int
    augment: str | None

    callables: ClassVar[tuple[str, ...]] = ("encoder",)

    @property
    def _has_features(self) -> bool:
        return isinstance(self.encoder, str) and self.encoder == "none"

    def _check_options(self) -> None:
        super()._check_options()
        if not isinstance(self.encoder, nn.Module):
            check_option("encoder", self.encoder, IMAGE_ENCODERS)
        if self.augment is not None and self._has_features:
            raise OptionError(
                f"augment={self.augment!r} is for images, but with encoder='none' features come."
            )

    def _image_vectorizer(self) -> ImageVectorizer:
        return ImageVectorizer(image_size=self.image_size, channels=self.channels, load=load_image)

    def _image_encoder(self) -> ConvEncoder | GivenEncoder:
        if isinstance(self.encoder, nn.Module):
            return GivenEncoder(copy.deepcopy(self.encoder), self.channels, self.image_size)
        return ConvEncoder(self.channels, self.image_size, self.encoder_size)

    def _augmentation(self) -> Augment | None:
        if self.augment is None:
            return None
        shift = max(1, int(self.image_size * SHIFT)) if "shift" in self.augment else 0
        return Augment(shift=shift, flip="flip" in self.augment)
