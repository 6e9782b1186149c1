from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rnnkit.errors import InputError, OptionError
from rnnkit.vectorize import SeriesVectorizer, carried_forward

NAN = float("nan")


def test_a_missing_value_is_the_last_one_before_it_and_is_told_of():
    vectorizer = SeriesVectorizer(scale="none").fit([[[1.0, 5.0], [NAN, 6.0], [3.0, 7.0]]])
    (row,) = vectorizer.transform([[[NAN, 1.0], [2.0, NAN], [NAN, 3.0]]])
    # Only the first feature lacked values in the fit: it alone has a column that says so.
    assert row.tolist() == [[0.0, 1.0, 1.0], [2.0, 1.0, 0.0], [2.0, 3.0, 1.0]]
    assert vectorizer.num_features == 3


def test_scales_are_those_of_the_values_that_are_there():
    vectorizer = SeriesVectorizer().fit([[0.0, NAN, 2.0], [4.0]])
    assert vectorizer.mean.tolist() == [2.0]
    np.testing.assert_allclose(vectorizer.deviation, [np.std([0.0, 2.0, 4.0])])


def test_signed_logarithms_are_scaled_and_come_back():
    amounts = np.array([[-1e6], [0.0], [3.5], [1e9]])
    vectorizer = SeriesVectorizer(scale="signed-log").fit([amounts])
    (row,) = vectorizer.transform([amounts])
    logs = np.sign(amounts) * np.log1p(np.abs(amounts))
    np.testing.assert_allclose(row, (logs - logs.mean()) / logs.std(), rtol=1e-6)
    np.testing.assert_allclose(vectorizer.inverse(row), amounts, rtol=1e-4, atol=1e-3)


def test_missing_values_are_refused_where_that_is_asked_for():
    vectorizer = SeriesVectorizer(missing="refuse").fit([[1.0, 2.0]])
    with pytest.raises(InputError, match=r"series 0 holds NaN or infinity at step 2.*'mask'"):
        vectorizer.transform([[NAN, 1.0, NAN, 2.0]])


def test_infinity_and_features_without_any_value_are_refused():
    with pytest.raises(InputError, match="series 1 holds infinity at step 1"):
        SeriesVectorizer().fit([[1.0], [2.0, float("inf")]])
    with pytest.raises(InputError, match="feature 1 has no value"):
        SeriesVectorizer().fit([[[1.0, NAN], [2.0, NAN]]])
    with pytest.raises(OptionError, match="Did you mean 'standard'"):
        SeriesVectorizer(scale="standart")


def test_the_config_makes_the_same_vectorizer():
    series = [[[1.0, NAN], [2.0, 5.0]], [[3.0, 4.0], [NAN, 1.0], [0.0, 0.0]]]
    vectorizer = SeriesVectorizer(scale="signed-log").fit(series)
    again = SeriesVectorizer.from_config(vectorizer.get_config())
    for ours, theirs in zip(vectorizer.transform(series), again.transform(series), strict=True):
        assert np.array_equal(ours, theirs)


@given(arrays(float, (7, 2), elements=st.sampled_from([NAN, -1.5, 0.0, 2.0])))
def test_step_by_step_gives_the_numbers_of_the_whole(series):
    vectorizer = SeriesVectorizer().fit([[[1.0, 2.0], [NAN, 3.0], [4.0, 1.0]]])
    series[0] = series[-1] = 1.0  # no padding
    (whole,) = vectorizer.transform([series])
    before, rows = None, []
    for values in series:
        numbers, before = vectorizer.transform_step(values[None], before)
        rows.append(numbers[0])
    np.testing.assert_allclose(np.stack(rows), whole, atol=1e-6)


@given(
    arrays(
        float,
        st.tuples(st.integers(1, 9), st.integers(1, 3)),
        elements=st.one_of(st.just(NAN), st.floats(-5, 5)),
    )
)
def test_values_are_carried_forward_as_a_loop_does(array):
    expected = array.copy()
    for step in range(1, len(array)):
        gaps = np.isnan(expected[step])
        expected[step, gaps] = expected[step - 1, gaps]
    np.testing.assert_array_equal(carried_forward(array), expected)
