"""Series that are read step by step: a target for each step that is read, gaps and all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit import SequenceRegressor
from rnnkit.codecs import ForecasterCodec
from rnnkit.errors import InputError
from rnnkit.options import RegressorOptions

NAN = np.nan
STEP = RegressorOptions(output="step")
VALUES = RegressorOptions(output="step", differences=False)

# The value before the last is missing, and so the last step that is read has none.
GAPS = [[1.0, 2.0, NAN, 4.0], [1.0, 3.0, 2.0, 5.0], [NAN, 2.0, 3.0, NAN, NAN, 7.0]]


def test_a_series_whose_value_before_the_last_is_missing_has_a_target_for_each_step():
    _, examples = ForecasterCodec.begin(VALUES, GAPS, None)
    assert [one.ravel().tolist() for one in examples.inputs] == [
        [1.0, 2.0],
        [1.0, 3.0, 2.0],
        [2.0, 3.0],
    ]
    assert [len(one) for one in examples.inputs] == [len(rows) for rows in examples.known]
    np.testing.assert_array_equal(examples.known[0].ravel(), [2.0, NAN])
    np.testing.assert_array_equal(examples.known[1].ravel(), [3.0, 2.0, 5.0])
    np.testing.assert_array_equal(examples.known[2].ravel(), [3.0, NAN])


@pytest.mark.parametrize("options", [{}, {"differences": False}])
def test_a_regressor_learns_from_series_with_gaps_before_the_last_value(options):
    model = SequenceRegressor(
        output="step", hidden_size=4, max_epochs=2, validation_fraction=0, random_state=0, **options
    ).fit(GAPS)
    assert all(np.isfinite(record["loss"]) for record in model.history_.epochs)
    answers = model.predict(GAPS)
    assert [len(rows) for rows in answers] == [4, 4, 5]
    assert all(np.isfinite(rows).all() for rows in answers)


VALUE = st.one_of(st.floats(-9, 9), st.just(NAN))


@given(series=st.lists(st.lists(VALUE, min_size=1, max_size=9), min_size=1, max_size=4))
def test_any_gaps_leave_as_many_targets_as_inputs(series):
    if any(np.isfinite(one).sum() < 2 and _used(one) < 2 for one in series):
        with pytest.raises(InputError, match=r"X\[\d\] has [01] step\(s\) with a value"):
            ForecasterCodec.begin(STEP, series, None)
        return
    _, examples = ForecasterCodec.begin(STEP, series, None)
    for one, rows, whole in zip(examples.inputs, examples.known, series, strict=True):
        assert one.shape == rows.shape
        assert len(one) < _used(whole)
        assert not np.isnan(one[[0, -1]]).any()


def _used(one):
    """Steps from the first value to the last."""
    places = np.flatnonzero(~np.isnan(one))
    return int(places[-1] - places[0]) + 1 if len(places) else 0


def test_differences_are_from_the_last_value_that_was_there():
    _, examples = ForecasterCodec.begin(STEP, [[1.0, NAN, 4.0, 9.0]], None)
    np.testing.assert_array_equal(examples.known[0].ravel(), [NAN, 3.0, 5.0])
    np.testing.assert_array_equal(examples.inputs[0].ravel(), [1.0, NAN, 4.0])


def test_given_targets_stay_beside_their_steps_where_padding_is_cut():
    X, y = [[NAN, 1.0, NAN, 2.0, NAN]], [[9.0, 1.0, 2.0, NAN, 9.0]]
    _, examples = ForecasterCodec.begin(STEP, X, y)
    np.testing.assert_array_equal(examples.inputs[0].ravel(), [1.0, NAN, 2.0])
    np.testing.assert_array_equal(examples.known[0].ravel(), [1.0, 2.0, NAN])


def test_what_cannot_be_learnt_step_by_step_is_refused_in_words():
    with pytest.raises(InputError, match="output='step' reads series of numbers, but X holds text"):
        ForecasterCodec.begin(STEP, ["a text", "another"], None)
    with pytest.raises(InputError, match=r"X\[0\] has 2 steps but y\[0\] has 3 numbers"):
        ForecasterCodec.begin(STEP, [[1.0, 2.0]], [[1.0, 2.0, 3.0]])
    with pytest.raises(InputError, match="a series is not made of numbers"):
        ForecasterCodec.begin(STEP, [[1.0, 2.0]], [["a", "b"]])
    codec, examples = ForecasterCodec.begin(STEP, [[1.0, 2.0]], [[1.0, 2.0]])
    codec.learn(STEP, examples)
    with pytest.raises(InputError, match="the target y is None"):
        codec.read_targets([[1.0, 2.0]], None)
