from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.series import side_by_side, steps_an_input


def test_steps_stand_side_by_side_and_the_last_one_is_repeated_where_some_are_lacking():
    series = np.arange(10.0).reshape(5, 2)
    whole, longer = side_by_side([series[:4], series], 2)
    assert whole.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7]]
    assert longer.tolist() == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 8, 9]]
    (alone,) = side_by_side([series], 1)
    np.testing.assert_array_equal(alone, series)


@pytest.mark.parametrize(("steps", "expected"), [(7, 1), (24, 1), (63, 1), (64, 2), (427, 13)])
def test_a_series_is_read_in_about_as_many_inputs_however_long_it_is(steps, expected):
    assert steps_an_input([np.zeros((steps, 1))], 32) == expected
