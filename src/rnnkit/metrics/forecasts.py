"""How good forecasts of the next step are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from rnnkit.errors import InputError

__all__ = ["ForecastScores", "score_forecasts"]


@dataclass(frozen=True)
class ForecastScores:
    """Errors in the units of the series: mean absolute and root mean squared, over all features of
    all steps that have a next one."""

    steps: int
    mae: float
    rmse: float


def score_forecasts(guesses: Sequence[ArrayLike], series: Sequence[ArrayLike]) -> ForecastScores:
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
