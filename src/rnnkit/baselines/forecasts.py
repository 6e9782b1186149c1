"""What expecting no change reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator

from rnnkit.vectorize import carried_forward

__all__ = ["NaiveForecast"]


class NaiveForecast(BaseEstimator):  # type: ignore[misc]
    """The baseline that learns nothing: the next value is this one, or the last that was there.

    >>> [rows.tolist() for rows in NaiveForecast().fit([]).predict([[1.0, float("nan"), 3.0]])]
    [[1.0, 1.0, 3.0]]
    """

    def fit(self, X: object, y: object = None) -> Self:  # noqa: ARG002 - nothing to learn
        """Nothing."""
        return self

    def predict(self, X: Sequence[ArrayLike]) -> list[np.ndarray]:
        """For each step of each series its own value."""
        series = [np.asarray(one, dtype=np.float64) for one in X]
        return [carried_forward(one.reshape(len(one), -1)).reshape(one.shape) for one in series]
