"""Images and captions as users hand them over: lists, checked before anything is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Sized
from pathlib import PurePath
from typing import Any

import numpy as np

from rnnkit.data.images import Images
from rnnkit.errors import InputError

__all__ = ["check_same_length", "listed", "read_captions_of", "read_pictures"]


def read_pictures(X: object, name: str = "X") -> list[Any]:
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


def read_captions_of(y: object, name: str) -> list[list[str]]:
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


def listed(X: object, name: str, what: str, *, smallest: int) -> list[Any]:
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


def check_same_length(**lists: Sized) -> None:
    """Refuse lists that belong together but are not equally long, or no lists.

    >>> check_same_length(guesses=["a"], references=["a", "b"])
    Traceback (most recent call last):
        ...
    rnnkit.errors.InputError: guesses holds 1, references holds 2 (inconsistent numbers of ...
    """
    for name, one in lists.items():
        if not hasattr(one, "__len__"):
            raise InputError(f"{name} is a {type(one).__name__}, but a list is expected.")
    if len(set(map(len, lists.values()))) > 1:
        counts = ", ".join(f"{name} holds {len(one)}" for name, one in lists.items())
        raise InputError(f"{counts} (inconsistent numbers of samples): one for each is expected.")
