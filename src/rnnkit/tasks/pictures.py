"""Features of images as users hand them over, and batches of images and features."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor

from rnnkit.batch import pack
from rnnkit.data.inputs import listed
from rnnkit.errors import InputError
from rnnkit.packed import Packed
from rnnkit.vectorize import ImageVectorizer

__all__ = ["Features", "Pictures", "read_features"]


class Pictures:
    """Images as arrays, from which batches (B, C, S, S) are taken by index."""

    def __init__(self, vectorizer: ImageVectorizer, arrays: list[np.ndarray]) -> None:
        self._vectorizer, self._arrays = vectorizer, arrays

    def batch(self, indices: np.ndarray) -> Tensor:
        """The chosen images, scaled."""
        return self._vectorizer.batch([self._arrays[i] for i in indices])


class Features:
    """Feature vectors of each image's places, from which packed batches are taken by index."""

    def __init__(self, rows: list[np.ndarray]) -> None:
        self._rows = rows

    def batch(self, indices: np.ndarray) -> Packed:
        """The chosen images' features."""
        return pack([self._rows[i] for i in indices])


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
