"""Images, features and captions as users hand them over, and batches of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnkit.batch import pack
from rnnkit.data import Images
from rnnkit.errors import InputError
from rnnkit.packed import Packed
from rnnkit.vectorize import ImageVectorizer

__all__ = ["Features", "Pictures", "listed", "read_captions_of", "read_features", "read_pictures"]


class Pictures:
    """Images as arrays, from which batches (B, C, S, S) are taken by index."""

    def __init__(self, vectorizer: ImageVectorizer, arrays: list[np.ndarray]) -> None:
        self._vectorizer, self._arrays = vectorizer, arrays

    def batch(self, indices: np.ndarray) -> Tensor:
        """The chosen images, scaled."""
        return torch.from_numpy(self._vectorizer.batch([self._arrays[i] for i in indices]))


class Features:
    """Feature vectors of each image's places, from which packed batches are taken by index."""

    def __init__(self, rows: list[np.ndarray]) -> None:
        self._rows = rows

    def batch(self, indices: np.ndarray) -> Packed:
        """The chosen images' features."""
        return pack([self._rows[i] for i in indices])


def read_pictures(X: Any, name: str = "X") -> list[Any]:
    """Images as a list, each of any kind that `ImageVectorizer` knows; files are not yet read.

    Raises InputError where X is one image alone, nothing, or holds none.
    """
    if isinstance(X, Images):
        return list(X.paths)
    if isinstance(X, str | bytes | dict | PurePath) or hasattr(X, "getbands"):
        raise InputError(
            f"{name} is one {type(X).__name__}, but a list of images is expected: put it in a list."
        )
    if isinstance(X, np.ndarray) and X.ndim == 3 and X.shape[-1] in (3, 4):
        raise InputError(
            f"{name} has shape {X.shape}, which is one image, but a list of images is expected: "
            f"put it in a list."
        )
    return listed(X, name, "images", smallest=3)


def read_features(
    X: Any,
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


def read_captions_of(y: Any, name: str) -> list[list[str]]:
    """The captions of each image, of which each may have one (a string) or several (a list)."""
    if isinstance(y, str) or not isinstance(y, Iterable):
        raise InputError(f"{name} is a {type(y).__name__}, but a list of captions is expected.")
    several = [[one] if isinstance(one, str) else one for one in y]
    for position, texts in enumerate(several):
        if (
            not isinstance(texts, Sequence | np.ndarray)
            or len(texts) == 0
            or not all(isinstance(text, str) for text in texts)
        ):
            raise InputError(
                f"{name}[{position}] is {texts!r:.60}, but a caption (a string) or a list of "
                f"captions is expected."
            )
    return [list(map(str, texts)) for texts in several]


def listed(X: Any, name: str, what: str, *, smallest: int) -> list[Any]:
    """X as a list. Raises InputError where it is none, or empty; an array of fewer than `smallest`
    dimensions is one example alone.
    """
    shape = getattr(X, "shape", None)
    holds_objects = str(getattr(X, "dtype", None)) == "object"
    if shape is not None and not holds_objects and len(shape) < smallest:
        raise InputError(
            f"{name} has shape {tuple(shape)}, but a list of {what} is expected: put it in a list."
        )
    if not isinstance(X, Iterable):
        raise InputError(f"{name} is a {type(X).__name__}, but a list of {what} is expected.")
    found = list(X)
    if not found:
        raise InputError(f"{name} holds 0 {what} (0 samples), but at least one is needed.")
    return found
