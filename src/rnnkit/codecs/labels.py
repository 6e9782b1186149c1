"""Labels to numbers and back, and how much each of them counts in training."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from numbers import Real
from typing import Any, Self

import numpy as np

from rnnkit.codecs.codec import Json
from rnnkit.errors import InputError, OptionError
from rnnkit.vectorize import LabelEncoder, labels_from_json, labels_to_json

__all__ = ["NO_LABEL", "ClassWeight", "Labels", "class_weights"]

# The number of a step that has no label.
NO_LABEL = -100

ClassWeight = str | Mapping[Hashable, float] | None


class Labels:
    """The labels of a task: sorted, distinct, at least two.

    classes: (K,). weights: of each class in training; None where all count alike.
    """

    def __init__(self, classes: np.ndarray, weights: list[float] | None = None) -> None:
        self._encoder = LabelEncoder(classes)
        self.classes, self.weights = self._encoder.classes, weights

    @classmethod
    def seen(cls, labels: Iterable[Any], named: Iterable[Any] | None = None) -> Self:
        """Those that were seen, and those named beside them, which must hold all of the seen.

        Raises InputError for fewer than two, and for one that was seen but not named.
        """
        found = cls(LabelEncoder(_with_named(list(labels), named)).classes)
        if len(found.classes) < 2:
            raise InputError(
                f"y holds one class only ({found.classes.tolist()[0]!r}), but at least two classes "
                f"are needed."
            )
        return found

    def __len__(self) -> int:
        return len(self.classes)

    def weigh(self, class_weight: ClassWeight, labels: Sequence[Any] | np.ndarray) -> None:
        """Learn the classes' weights from the labels of training."""
        given = np.array(labels, dtype=self.classes.dtype)
        self.weights = class_weights(class_weight, self.classes, given)

    def encode(self, labels: Iterable[Any]) -> np.ndarray:
        """(n,) int64; raises InputError for a label that is not known."""
        return self._encoder.encode(labels)

    def encode_steps(self, rows: Sequence[Sequence[Any]]) -> list[np.ndarray]:
        """(T,) int64 for each row, `NO_LABEL` where a label is None."""
        labels = [label for row in rows for label in row]
        known = np.array([label is not None for label in labels])
        flat = np.full(len(labels), NO_LABEL)
        flat[known] = self.encode(label for label in labels if label is not None)
        return np.split(flat, np.cumsum([len(row) for row in rows])[:-1])

    def to_json(self) -> Json:
        """The labels with their type, and the weights."""
        return {"labels": labels_to_json(self.classes), "class_weight": self.weights}

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """What `to_json` wrote, among other things; files of earlier versions know no weights."""
        return cls(labels_from_json(data["labels"]), data.get("class_weight"))


def class_weights(
    class_weight: ClassWeight, classes: np.ndarray, y: np.ndarray
) -> list[float] | None:
    """The weight of each class, in their order; None where all count alike.

    class_weight: "balanced" (the number of targets, over that of each class times the number of
    classes; King & Zeng 2001), or weights by class, 1 for those that are not named. y: the targets
    of training.
    Raises OptionError for a class that y does not hold, or one that has nothing to count.

    >>> class_weights("balanced", np.array(["a", "b"]), np.array(["a", "a", "a", "b"]))
    [0.66..., 2.0]
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        return _given_weights(class_weight, classes)
    counts = np.array([(y == one).sum() for one in classes])
    if not counts.all():
        missing = str(sorted(classes[counts == 0].tolist(), key=str)[0])
        raise OptionError(
            f"class_weight={class_weight!r} is counted from y, which has no {missing!r}: give "
            f"a dict of weights."
        )
    weights: list[float] = (len(y) / (len(classes) * counts)).tolist()
    return weights


def _given_weights(weights: Mapping[Hashable, float], classes: np.ndarray) -> list[float]:
    unknown = set(weights) - set(classes.tolist())
    if unknown:
        raise OptionError(f"class_weight names {sorted(map(str, unknown))}, which y does not hold.")
    if not all(isinstance(weight, Real) and weight > 0 for weight in weights.values()):
        raise OptionError(f"class_weight={weights}, but weights are above 0.")
    return [float(weights.get(one, 1.0)) for one in classes.tolist()]


def _with_named(labels: list[Any], named: Iterable[Any] | None) -> list[Any]:
    if named is None:
        return labels
    classes = list(named)
    unknown = sorted({label for label in labels if label not in classes}, key=str)
    if unknown:
        raise InputError(f"y holds {unknown[0]!r}, which is not among classes={classes!r}.")
    return labels + classes
