"""How much each class counts in training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils import compute_class_weight

from rnnkit.errors import OptionError

__all__ = ["class_weights"]


def class_weights(
    class_weight: str | Mapping[Any, float] | None, classes: np.ndarray, y: np.ndarray
) -> list[float] | None:
    """The weight of each class, in their order; None where all count alike.

    class_weight: "balanced" (the number of targets, over that of each class times the number of
    classes), or weights by class, 1 for those that are not named. y: the targets of training.
    Raises OptionError for a class that y does not hold, or one that has nothing to count.

    >>> class_weights("balanced", np.array(["a", "b"]), np.array(["a", "a", "a", "b"]))
    [0.66..., 2.0]
    """
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        unknown = set(class_weight) - set(classes.tolist())
        if unknown:
            raise OptionError(
                f"class_weight names {sorted(map(str, unknown))}, which y does not hold."
            )
        if not all(weight > 0 for weight in class_weight.values()):
            raise OptionError(f"class_weight={class_weight}, but weights are above 0.")
        return [float(class_weight.get(c, 1.0)) for c in classes.tolist()]
    missing = sorted(set(classes.tolist()) - set(y.tolist()), key=str)
    if missing:
        raise OptionError(
            f"class_weight={class_weight!r} is counted from y, which has no {missing[0]!r}: give "
            f"a dict of weights."
        )
    weights: list[float] = compute_class_weight(class_weight, classes=classes, y=y).tolist()
    return weights
