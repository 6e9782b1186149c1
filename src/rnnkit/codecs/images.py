"""Images, videos, features and captions as users hand them over, and what codecs of them share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

import numpy as np

from rnnkit.codecs.codec import Sequences
from rnnkit.data import Images, Video, load_image
from rnnkit.data.inputs import listed, read_pictures
from rnnkit.errors import DataError, InputError
from rnnkit.options.inputs import Images as ImageOptions
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer

__all__ = [
    "Pictures",
    "alike",
    "has_features",
    "image_vectorizer",
    "load_images",
    "read_clips",
    "read_features",
    "read_frame_features",
]


@dataclass(frozen=True)
class Pictures:
    """Images as numbers, (C, S, S) each: bytes, or floats from 0 to 1."""

    arrays: Sequence[np.ndarray]

    @property
    def lengths(self) -> np.ndarray:
        """(n,) of 1: an image is no sequence."""
        return np.ones(len(self.arrays), dtype=int)


Imaged = Pictures | Sequences


def has_features(options: ImageOptions) -> bool:
    """Whether X holds features that were computed elsewhere."""
    return isinstance(options.encoder, str) and options.encoder == "none"


def image_vectorizer(options: ImageOptions) -> ImageVectorizer | SeriesVectorizer:
    """What brings images to one size, or features to one scale."""
    if has_features(options):
        return SeriesVectorizer(missing="refuse")
    return ImageVectorizer(
        image_size=options.image_size, channels=options.channels, load=load_image
    )


def load_images(config: Any) -> ImageVectorizer | SeriesVectorizer:
    """The vectorizer of a file."""
    if "image_size" in config:
        return ImageVectorizer.from_config(config, load=load_image)
    return SeriesVectorizer.from_config(config)


def read_features(
    X: object,
    name: str = "X",
    *,
    dims: tuple[int, ...] = (1, 2),
    shapes: str = "(M,) of an image, or (S, M) of its places",
) -> list[np.ndarray]:
    """Features as a list of (S, M) float64, S = 1 where one vector came.

    dims, shapes: what each may be, and how the errors say it.
    """
    if isinstance(X, str | bytes | dict):
        raise InputError(
            f"{name} is one {type(X).__name__}, but a list of features is expected: put it in a "
            f"list."
        )
    rows = []
    for position, one in enumerate(listed(X, name, "features", smallest=dims[0] + 1)):
        try:
            array = np.asarray(one, dtype=np.float64)
        except (TypeError, ValueError):
            raise InputError(
                f"{name}[{position}] is {one!r:.60}, but with encoder='none' features come: "
                f"{shapes}."
            ) from None
        if array.ndim not in dims or array.size == 0:
            raise InputError(
                f"{name}[{position}] has shape {array.shape}, but with encoder='none' features "
                f"come: {shapes}."
            )
        rows.append(np.atleast_2d(array))
    return rows


# -- videos -------------------------------------------------------------------------------------


def read_clips(X: object, vectorizer: ImageVectorizer, name: str = "X") -> list[np.ndarray]:
    """The frames of each video as the vectorizer has images, (T, C, S, S).

    X: a list of files, folders, `Video`s, arrays (T, H, W) or (T, H, W, C), tensors (T, H, W) or
    (T, C, H, W), or lists of images. Files are read here, at the size that is wanted.
    """
    if isinstance(X, str | bytes | dict | PurePath | Video | Images) or _is_clip(X):
        raise InputError(
            f"{name} is one {type(X).__name__}, but a list of videos is expected: put it in a list."
        )
    videos = listed(X, name, "videos", smallest=4)
    return [_clip(video, vectorizer, f"{name}[{i}]") for i, video in enumerate(videos)]


def read_frame_features(X: object, name: str = "X") -> list[np.ndarray]:
    """Features of each video's frames, (T, M) float64."""
    shapes = "(T, M), a row for each frame of a video"
    rows = read_features(X, name, dims=(2,), shapes=shapes)
    for position, row in enumerate(rows):
        if not np.isfinite(row).all():
            raise InputError(f"{name}[{position}] holds NaN or infinity: features are numbers.")
    return rows


def _is_clip(X: object) -> bool:
    """Whether it has the shape of one colored video, and not of several gray ones."""
    colors = (1, 3, 4)
    shape = getattr(X, "shape", ())
    return len(shape) == 4 and shape[1 if _is_tensor(X) else -1] in colors


def _is_tensor(X: object) -> bool:
    """Whether it is of torch, which has channels first."""
    return hasattr(X, "detach")


def _clip(video: Any, vectorizer: ImageVectorizer, name: str) -> np.ndarray:
    if isinstance(video, str | PurePath | Video):
        given = video if isinstance(video, Video) else Video(Path(video))
        pixels = given.load(size=vectorizer.image_size, channels=vectorizer.channels)
        return np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    is_array = isinstance(video, np.ndarray) or _is_tensor(video)
    if is_array and video.ndim not in (3, 4):
        raise InputError(
            f"{name} has shape {tuple(video.shape)}; a video is an array (T, H, W) or "
            f"(T, H, W, C), a tensor (T, H, W) or (T, C, H, W), a list of images, a file or a "
            f"folder."
        )
    images = read_pictures(list(video) if is_array else video, name)
    try:
        return np.stack(alike(vectorizer.transform(images)))
    except DataError:
        raise  # which names the file
    except InputError as error:
        raise InputError(f"{name}: {error}") from None


def alike(images: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Bytes as they are, if all are bytes; else all as floats, where 1 is what 255 is."""
    if len({image.dtype for image in images}) == 1:
        return list(images)
    return [_unit(image) for image in images]


def _unit(image: np.ndarray) -> np.ndarray:
    return image.astype(np.float32) / np.float32(255) if image.dtype == np.uint8 else image
