"""Videos as users hand them over, and batches of their frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnkit.data import Images, Video
from rnnkit.errors import DataError, InputError
from rnnkit.packed import Packed
from rnnkit.tasks.pictures import listed, read_features, read_pictures
from rnnkit.tasks.spelling import Source
from rnnkit.vectorize import ImageVectorizer

__all__ = ["Footage", "read_clips", "read_frame_features", "scaled_frames"]


class Footage:
    """Frames of each video, (T, C, S, S) bytes or floats, from which batches are taken by index."""

    def __init__(self, rows: list[Tensor]) -> None:
        self.rows = rows

    def batch(self, indices: np.ndarray) -> Source:
        """The chosen videos."""
        return Source(Packed.from_sequences(_alike([self.rows[i] for i in indices])))


def read_clips(X: Any, vectorizer: ImageVectorizer, name: str = "X") -> list[Tensor]:
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


def scaled_frames(vectorizer: ImageVectorizer, frames: Tensor) -> Tensor:
    """(N, C, S, S) bytes or floats -> numbers around 0."""
    return torch.from_numpy(vectorizer.scaled(frames.numpy()))


def read_frame_features(X: Any, name: str = "X") -> list[np.ndarray]:
    """Features of each video's frames, (T, M) float64."""
    shapes = "(T, M), a row for each frame of a video"
    rows = read_features(X, name, dims=(2,), shapes=shapes)
    for position, row in enumerate(rows):
        if not np.isfinite(row).all():
            raise InputError(f"{name}[{position}] holds NaN or infinity: features are numbers.")
    return rows


def _is_clip(X: Any) -> bool:
    """Whether it has the shape of one colored video, and not of several gray ones."""
    colors = (1, 3, 4)
    if isinstance(X, Tensor):
        return X.ndim == 4 and X.shape[1] in colors
    return isinstance(X, np.ndarray) and X.ndim == 4 and X.shape[-1] in colors


def _clip(video: Any, vectorizer: ImageVectorizer, name: str) -> Tensor:
    size, channels = vectorizer.image_size, vectorizer.channels
    if isinstance(video, str | PurePath | Video):
        given = video if isinstance(video, Video) else Video(Path(video))
        pixels = given.load(size=size, channels=channels)
        return torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    is_array = isinstance(video, np.ndarray | Tensor)
    if is_array and video.ndim not in (3, 4):
        raise InputError(
            f"{name} has shape {tuple(video.shape)}; a video is an array (T, H, W) or "
            f"(T, H, W, C), a tensor (T, H, W) or (T, C, H, W), a list of images, a file or a "
            f"folder."
        )
    if isinstance(video, Tensor) and _is_made(video, (channels, size, size)):
        return video
    images = read_pictures(list(video) if is_array else video, name)
    try:
        frames = vectorizer.transform(images)
    except DataError:
        raise  # which names the file
    except InputError as error:
        raise InputError(f"{name}: {error}") from None
    return torch.stack(_alike([torch.from_numpy(frame) for frame in frames]))


def _is_made(video: Tensor, shape: tuple[int, ...]) -> bool:
    """Whether it is what `_clip` makes of files and bytes, so that nothing is left to do."""
    return video.dtype == torch.uint8 and len(video) > 0 and tuple(video.shape[1:]) == shape


def _alike(images: Sequence[Tensor]) -> list[Tensor]:
    """Bytes as they are, if all are bytes; else all as floats, where 1 is what 255 is."""
    if len({image.dtype for image in images}) == 1:
        return list(images)
    return [image.float() / 255 if image.dtype == torch.uint8 else image for image in images]
