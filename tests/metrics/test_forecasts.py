from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.metrics import score_forecasts


def test_what_was_said_at_each_step_is_held_against_the_value_of_the_next():
    guesses = [np.array([[2.0, 0.0], [5.0, 1.0], [9.0, 9.0]]), np.array([[1.0, 1.0]])]
    series = [[[0.0, 0.0], [1.0, 2.0], [4.0, 1.0]], [[7.0, 7.0]]]
    scores = score_forecasts(guesses, series)
    assert scores.steps == 2
    assert scores.mae == pytest.approx((1 + 2 + 1 + 0) / 4)
    assert scores.rmse == pytest.approx(np.sqrt((1 + 4 + 1 + 0) / 4))


def test_missing_values_do_not_count():
    scores = score_forecasts([[1.0, 1.0, 0.0]], [[0.0, np.nan, 3.0]])
    assert (scores.mae, scores.rmse) == (2.0, 2.0)


def test_series_of_one_step_have_nothing_to_forecast():
    with pytest.raises(InputError, match="no series has two steps"):
        score_forecasts([[1.0]], [[1.0]])
