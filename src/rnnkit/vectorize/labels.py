"""Class labels to 0..K-1 and back, and as JSON."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

import numpy as np

from rnnkit.errors import ArchiveError, InputError

__all__ = ["LabelEncoder", "labels_from_json", "labels_to_json"]


class Labels(TypedDict):
    """What a model file holds of class labels: numpy's name of their type, and each one."""

    dtype: str
    values: list[bool | int | float | str]


class LabelEncoder:
    """Sorted distinct labels, and each one's index.

    >>> encoder = LabelEncoder(np.array(["VERB", "NOUN", "VERB"]))
    >>> encoder.classes.tolist(), encoder.encode(["NOUN", "VERB"]).tolist()
    (['NOUN', 'VERB'], [0, 1])
    """

    def __init__(self, labels: Iterable[object] | np.ndarray) -> None:
        values = labels.tolist() if isinstance(labels, np.ndarray) else list(labels)
        if len({isinstance(value, str) for value in values}) > 1:
            raise InputError(
                "some labels are strings and some are not: use strings or numbers alone."
            )
        self.classes = np.unique(np.asarray(values))
        self._index = {label: i for i, label in enumerate(self.classes.tolist())}

    def encode(self, labels: Iterable[object]) -> np.ndarray:
        """(n,) int64; an unknown label is an InputError that lists the known ones."""
        try:
            return np.array([self._index[_plain(label)] for label in labels], dtype=np.int64)
        except KeyError as error:
            known = ", ".join(map(repr, self.classes[:20].tolist()))
            more = ", ..." if len(self.classes) > 20 else ""
            raise InputError(
                f"the label {error} was never seen in training. Known: {known}{more}."
            ) from None


def _plain(label: object) -> object:
    return label.item() if isinstance(label, np.generic) else label


def labels_to_json(classes: np.ndarray) -> Labels:
    """Labels with their type, so that integers come back as integers.

    >>> labels_from_json(labels_to_json(np.array([1, 2]))).dtype.kind
    'i'
    """
    values = classes.tolist()
    if not all(isinstance(value, bool | int | float | str) for value in values):
        raise ArchiveError(
            "the labels cannot be kept in a model file: only strings, numbers and booleans can."
        )
    return {"dtype": classes.dtype.str, "values": values}


def labels_from_json(saved: Labels) -> np.ndarray:
    """The labels that `labels_to_json` wrote."""
    dtype = np.dtype(saved["dtype"]) if saved["dtype"] != "|O" else object
    return np.array(saved["values"], dtype=dtype)
