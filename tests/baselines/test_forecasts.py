from __future__ import annotations

import numpy as np

from rnnkit.baselines import NaiveForecast


def test_each_value_is_expected_again_and_the_last_one_where_it_is_missing():
    series = [[[1.0, 5.0], [np.nan, 6.0]], [2.0, np.nan, np.nan]]
    first, second = NaiveForecast().fit(series).predict(series)
    assert first.tolist() == [[1.0, 5.0], [1.0, 6.0]]
    assert second.tolist() == [2.0, 2.0, 2.0]
