"""What captions reach that cost nothing: the same one for all, the nearest image's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Sized
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted

from rnnkit.data import load_image
from rnnkit.data.inputs import check_same_length, read_captions_of, read_pictures
from rnnkit.metrics.captions import caption_words
from rnnkit.vectorize import ImageVectorizer

__all__ = ["ConstantCaption", "NearestImage"]

# So many rows of distances to all training images are held at once.
_ROWS = 256


class ConstantCaption(BaseEstimator):  # type: ignore[misc]
    """The baseline that does not look: the most frequent caption of training, for every image.

    Of several that are as frequent, the one whose words are in most captions.

    >>> ConstantCaption().fit([0, 0, 0], ["a dog", ["a cat", "a dog"], "birds"]).predict([0, 0])
    ['a dog', 'a dog']
    """

    def fit(self, X: object, y: Sequence[str | Sequence[str]]) -> Self:  # noqa: ARG002 - not looked at
        """Count the captions. Raises InputError if there are none."""
        captions = Counter(text for texts in read_captions_of(y, "y") for text in texts)
        words = Counter(word for text in captions for word in set(caption_words(text)))

        def rank(text: str) -> tuple[int, float]:
            known = [words[word] for word in caption_words(text)] or [0]
            return captions[text], sum(known) / len(known)

        self.caption_ = max(captions, key=rank)
        return self

    def predict(self, X: Sized) -> list[str]:
        """The same for each image."""
        check_is_fitted(self, "caption_")
        return [self.caption_] * len(X)


class NearestImage(BaseEstimator):  # type: ignore[misc]
    """The baseline that only looks: copy the first caption of the image with the nearest pixels.

    Nearest is the least sum of squared differences, at `image_size` pixels a side.

    >>> night, day = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
    >>> NearestImage().fit([night, day], ["night", "day"]).predict([day - 50])
    ['day']
    """

    def __init__(self, *, image_size: int = 32, channels: int = 3) -> None:
        self.image_size = image_size
        self.channels = channels

    def fit(self, X: object, y: Sequence[str | Sequence[str]]) -> Self:
        """Remember the images and captions."""
        images, captions = read_pictures(X), read_captions_of(y, "y")
        check_same_length(X=images, y=captions)
        self.vectorizer_ = ImageVectorizer(
            image_size=self.image_size, channels=self.channels, load=load_image
        ).fit(images)
        self.known_ = self._rows(images)
        self.captions_ = [texts[0] for texts in captions]
        return self

    def predict(self, X: object) -> list[str]:
        """The caption of each image's nearest known one."""
        check_is_fitted(self, "known_")
        asked = self._rows(read_pictures(X))
        sizes = np.square(self.known_).sum(axis=1)
        copied: list[str] = []
        for start in range(0, len(asked), _ROWS):
            # |a - b|^2 without |a|^2, which is the same for all b.
            far = sizes - 2 * asked[start : start + _ROWS] @ self.known_.T
            copied += [self.captions_[row] for row in far.argmin(axis=1)]
        return copied

    def _rows(self, images: list[object]) -> np.ndarray:
        """(n, C S S) float32."""
        arrays = self.vectorizer_.batch(self.vectorizer_.transform(images))
        return arrays.reshape(len(images), -1)
