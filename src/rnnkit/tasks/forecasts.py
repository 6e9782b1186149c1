"""How good forecasts of the next step are, and what expecting no change would reach."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator

from rnnkit.errors import InputError
from rnnkit.vectorize import carried_forward

__all__ = ["ForecastScores", "NaiveForecast", "score_forecasts"]


@dataclass(frozen=True)
class ForecastScores:
    """Errors in the units of the series: mean absolute and root mean squared, over all features of
    all steps that have a next one."""

    steps: int
    mae: float
    rmse: float


class NaiveForecast(BaseEstimator):  # type: ignore[misc]
    """The baseline that learns nothing: the next value is this one, or the last that was there.

    >>> [rows.tolist() for rows in NaiveForecast().fit([]).predict([[1.0, float("nan"), 3.0]])]
    [[1.0, 1.0, 3.0]]
    """

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002 - nothing to learn
        """Nothing."""
        return self

    def predict(self, X: Sequence[Any]) -> list[np.ndarray]:
        """For each step of each series its own value."""
        series = [np.asarray(one, dtype=np.float64) for one in X]
        return [carried_forward(one.reshape(len(one), -1)).reshape(one.shape) for one in series]


def score_forecasts(guesses: Sequence[np.ndarray], series: Sequence[Any]) -> ForecastScores:
    """Hold what was said at each step against the value of the next; missing values do not count.

    Raises InputError if no series has two steps.

    >>> score_forecasts([np.array([2.0, 5.0, 0.0])], [[1.0, 2.0, 4.0]])
    ForecastScores(steps=2, mae=0.5, rmse=0.7071067811865476)
    """
    errors = [
        np.asarray(said, dtype=np.float64)[:-1] - np.asarray(one, dtype=np.float64)[1:]
        for said, one in zip(guesses, series, strict=True)
    ]
    steps = sum(map(len, errors))
    if steps == 0:
        raise InputError("no series has two steps, so that nothing was to be forecast.")
    flat = np.concatenate([error.ravel() for error in errors])
    return ForecastScores(
        steps, float(np.nanmean(np.abs(flat))), float(np.sqrt(np.nanmean(flat**2)))
    )
