from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.series import (
    ARCHIVE_SERIES,
    ArchiveReader,
    side_by_side,
    steps_an_input,
    with_copies,
)


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


def test_a_copy_lies_between_two_series_of_its_class_whose_ends_need_not_meet():
    low, lower, high = np.zeros((4, 1)), np.full((2, 1), -1.0), np.full((3, 1), 9.0)
    series, labels = with_copies(
        [low, lower, high], ["low", "low", "high"], np.random.default_rng(0), turned=False
    )
    assert series[0] is low
    assert len(series) == len(labels) == 3 + 3 * (ARCHIVE_SERIES // 3)
    for copy, label in zip(series[3:], labels[3:], strict=True):
        assert len(copy) == (3 if label == "high" else 2 if copy[-1] < 0 else 4)
        between = (9, 9) if label == "high" else (-1, 0)
        assert between[0] <= copy.min() <= copy.max() <= between[1]
    assert any(-1 < copy[0] < 0 for copy in series[3:])
    assert not low.any()


def test_about_half_of_the_copies_are_turned_round():
    rising = np.arange(5.0)[:, None]
    series, _ = with_copies([rising] * 2, ["a", "a"], np.random.default_rng(0), turned=True)
    falling = sum(copy[0] > copy[-1] for copy in series)
    assert 0.45 < falling / len(series) < 0.55


def test_a_reader_tells_classes_apart_by_what_it_has_learnt_from_copies():
    series = [np.full((6, 1), value) for value in (0.0, 0.1, 0.9, 1.0)]
    reader = ArchiveReader(steps=2, copies="mixed").fit(series, ["low", "low", "high", "high"])
    assert reader.predict(series).tolist() == ["low", "low", "high", "high"]
    np.testing.assert_allclose(reader.predict_proba(series).sum(axis=1), 1.0)
