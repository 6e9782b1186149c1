"""Images of any kind and size to arrays of one size, and to numbers around 0."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import PurePath
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from rnnkit.errors import InputError, OptionError, check_option

__all__ = ["ImageVectorizer"]

GRAY = (0.299, 0.587, 0.114)  # ITU-R BT.601

Load = Callable[..., np.ndarray]
Floats = npt.NDArray[np.float32]


class Config(TypedDict):
    """What a model file holds of an `ImageVectorizer`."""

    image_size: int
    channels: int
    scale: bool
    mean: NotRequired[list[float]]
    deviation: NotRequired[list[float]]


class ImageVectorizer:
    """Images to arrays (C, S, S), and batches of them to numbers of mean 0 and deviation 1.

    What an image may be: an array (H, W) or (H, W, C), a tensor (H, W) or (C, H, W), each of whole
    numbers from 0 to 255 or of floats (where 1 is what 255 is), C = 1, 3, or 4 with transparency,
    which shows white; a file or a pillow image, which `load` reads. Every image is squeezed or
    stretched to one size, smoothed where it shrinks.

    The scale comes from the images it is fitted on and from nothing else: a mean and a deviation a
    channel, over all their pixels.

    image_size: S. channels: C, 3 (RGB) or 1 (gray). scale: False leaves 0 to 1 as it is.
    load: (image, size=, channels=) -> (H, W, C) uint8, such as `rnnkit.data.load_image`.

    >>> black, white = np.zeros((4, 4), np.uint8), np.full((2, 8), 255, np.uint8)
    >>> vectorizer = ImageVectorizer(image_size=2, channels=1).fit([black, white])
    >>> vectorizer.batch(vectorizer.transform([white])).flatten().tolist()
    [1.0, 1.0, 1.0, 1.0]
    """

    def __init__(
        self,
        *,
        image_size: int = 64,
        channels: int = 3,
        scale: bool = True,
        load: Load | None = None,
    ) -> None:
        check_option("channels", channels, [1, 3])
        if image_size < 1:
            raise OptionError(f"image_size={image_size}, but it must be a whole number above 0.")
        self.image_size, self.channels, self.scale = image_size, channels, scale
        self.load = load
        self.mean: np.ndarray | None = None
        self.deviation: np.ndarray | None = None

    def fit(self, images: Iterable[object]) -> ImageVectorizer:
        """Learn the mean and deviation of each channel."""
        count, total, squares = 0, np.zeros(self.channels), np.zeros(self.channels)
        for position, image in enumerate(images):
            pixels = _unit(self._array(position, image)).astype(np.float64)
            pixels = pixels.reshape(self.channels, -1)
            count += pixels.shape[1]
            total += pixels.sum(axis=1)
            squares += np.square(pixels).sum(axis=1)
        if not count:
            raise InputError("there is no image to learn the channels' means from.")
        mean = total / count
        deviation = np.sqrt(np.maximum(squares / count - np.square(mean), 0.0))
        # A constant channel tells nothing: it becomes 0 instead of a division by (almost) zero.
        deviation = np.where(deviation <= 1e-6 * np.maximum(np.abs(mean), 1e-6), 1.0, deviation)
        self.mean = mean if self.scale else np.zeros(self.channels)
        self.deviation = deviation if self.scale else np.ones(self.channels)
        return self

    def transform(self, images: Sequence[object]) -> list[np.ndarray]:
        """(C, S, S) for each image: uint8, or float32 where floats came; scaled by `batch`."""
        return [self._array(position, image) for position, image in enumerate(images)]

    def batch(self, arrays: Sequence[np.ndarray]) -> Floats:
        """What `transform` gave -> (B, C, S, S) float32, (x - mean) / deviation."""
        return self.scaled(np.stack([_unit(array) for array in arrays]))

    def scaled(self, images: np.ndarray) -> Floats:
        """(B, C, S, S), uint8 or floats as `transform` gives them -> (x - mean) / deviation."""
        if self.mean is None or self.deviation is None:
            raise InputError("this ImageVectorizer is not fitted: call fit first.")
        mean, deviation = (
            one.astype(np.float32)[:, None, None] for one in (self.mean, self.deviation)
        )
        values = _unit(images) - mean
        values /= deviation
        return values

    @property
    def means(self) -> np.ndarray:
        """(C,) the mean of each channel."""
        return self._fitted[0]

    @property
    def deviations(self) -> np.ndarray:
        """(C,) the deviation of each channel."""
        return self._fitted[1]

    @property
    def _fitted(self) -> tuple[np.ndarray, np.ndarray]:
        if self.mean is None or self.deviation is None:
            raise InputError("this ImageVectorizer is not fitted: call fit first.")
        return self.mean, self.deviation

    def get_config(self) -> Config:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        config = Config(image_size=self.image_size, channels=self.channels, scale=self.scale)
        if self.mean is not None and self.deviation is not None:
            config["mean"], config["deviation"] = self.mean.tolist(), self.deviation.tolist()
        return config

    @classmethod
    def from_config(cls, config: Config, *, load: Load | None = None) -> ImageVectorizer:
        """The vectorizer that `get_config` described; `load` is given again."""
        vectorizer = cls(
            image_size=config["image_size"],
            channels=config["channels"],
            scale=config["scale"],
            load=load,
        )
        if "mean" in config:
            vectorizer.mean = np.asarray(config["mean"])
            vectorizer.deviation = np.asarray(config["deviation"])
        return vectorizer

    def _array(self, position: int, image: object) -> np.ndarray:
        """(C, S, S), uint8 or float32."""
        if isinstance(image, str | PurePath) or hasattr(image, "getbands"):
            if self.load is None:
                raise InputError(
                    f"image {position} is {image!r:.60}, which takes a reader: give "
                    f"load=rnnkit.data.load_image, or an array."
                )
            image = self.load(image, size=self.image_size, channels=self.channels)
        pixels = _channels_first(position, image)
        return _resized(_as_channels(pixels, self.channels), self.image_size)


def _channels_first(position: int, image: object) -> np.ndarray:
    """(1, 3 or 4, H, W) uint8 or float32."""
    is_tensor = hasattr(image, "detach")
    array = np.asarray(image.detach() if hasattr(image, "detach") else image)
    shape = array.shape
    if array.ndim == 2:
        array = array[None]
    elif array.ndim == 3 and not _has_channels_first(shape, is_tensor):
        array = array.transpose(2, 0, 1)
    if array.ndim != 3 or array.shape[0] not in (1, 3, 4) or array.size == 0:
        raise InputError(
            f"image {position} has shape {shape}; expected (H, W), or (H, W, C) with 1, "
            f"3 or 4 channels, or a tensor (C, H, W)."
        )
    if array.dtype.kind in "biu":
        if array.dtype != np.uint8 and (array.min() < 0 or array.max() > 255):
            raise InputError(
                f"image {position} has whole numbers from {array.min()} to {array.max()}; they "
                f"should lie from 0 to 255. Divide by the largest to give floats from 0 to 1."
            )
        # Of a black and white image, True is white.
        return np.ascontiguousarray(array, np.uint8) * np.uint8(255 if array.dtype == bool else 1)
    if array.dtype.kind != "f" or not np.isfinite(array).all():
        what = "NaN or infinity" if array.dtype.kind == "f" else f"{array.dtype} values"
        raise InputError(f"image {position} holds {what}; numbers were expected.")
    return np.ascontiguousarray(array, np.float32)


def _has_channels_first(shape: tuple[int, ...], is_tensor: bool) -> bool:
    """Of an array only where nothing else is possible."""
    if is_tensor:
        return shape[0] in (1, 3, 4)
    return shape[0] in (1, 3) and shape[2] not in (1, 3, 4)


def _as_channels(pixels: np.ndarray, channels: int) -> np.ndarray:
    """(1, 3 or 4, H, W) -> (channels, H, W) of the same type."""
    if len(pixels) == channels:
        return pixels
    if len(pixels) == 1:
        return np.repeat(pixels, channels, axis=0)
    white = 255.0 if pixels.dtype == np.uint8 else 1.0
    values = pixels.astype(np.float32)
    if len(values) == 4:
        alpha = values[3:] / white
        values = values[:3] * alpha + white * (1.0 - alpha)
    if channels == 1:
        values = np.tensordot(np.array([GRAY], np.float32), values, axes=1)
    return _typed(values, pixels.dtype)


def _resized(pixels: np.ndarray, size: int) -> np.ndarray:
    """(C, H, W) -> (C, size, size), bilinear, each new pixel the mean of what it covers."""
    if pixels.shape[1:] == (size, size):
        return pixels
    _, height, width = pixels.shape
    narrow = pixels.astype(np.float32) @ _shares(width, size).T
    return _typed(_shares(height, size) @ narrow, pixels.dtype)


@lru_cache(maxsize=64)
def _shares(length: int, size: int) -> Floats:
    """(size, length): what share each of `length` pixels in a row has in each of `size` new ones.

    A triangle around the new pixel's middle, as wide as two old pixels or as two new ones,
    whichever is more: as in pillow, and in torch's interpolate with antialias=True.
    """
    step = length / size
    middle = step * (np.arange(size) + 0.5)
    distance = np.abs(np.arange(length) + 0.5 - middle[:, None])
    weight = np.maximum(0.0, 1.0 - distance / max(step, 1.0))
    shares: Floats = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares


def _typed(values: np.ndarray, dtype: np.dtype[np.generic]) -> np.ndarray:
    return np.rint(values).clip(0, 255).astype(np.uint8) if dtype == np.uint8 else values


def _unit(array: np.ndarray) -> Floats:
    """float32, from 0 to 1 where it was uint8."""
    return array.astype(np.float32) / np.float32(255) if array.dtype == np.uint8 else array
