"""The largest numbers of each row."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.decode.largest import GROUPS, largest

# Few distinct numbers, so that many are equal.
SEEDS = st.integers(0, 10_000)


def drawn(seed, size, rows=3):
    values = np.random.default_rng(seed).integers(-4, 5, (rows, size)).astype(np.float32)
    values[values == -4] = -np.inf
    return values


def by_sorting(values, k):
    return np.argsort(-values, axis=1, kind="stable")[:, :k]


@settings(max_examples=60)
@given(seed=SEEDS, size=st.integers(1, 40), data=st.data())
def test_the_largest_are_the_first_of_a_stable_sort(seed, size, data):
    values, k = drawn(seed, size), data.draw(st.integers(1, size))
    assert largest(values, k).tolist() == by_sorting(values, k).tolist()


@pytest.mark.parametrize("size", [GROUPS, GROUPS + 1, 3 * GROUPS - 1, 5 * GROUPS])
@pytest.mark.parametrize("k", [1, 10, GROUPS + 1])
def test_long_rows_are_no_different(size, k):
    for values in (drawn(0, size), np.random.default_rng(1).normal(size=(2, size))):
        k = min(k, size)
        assert largest(values, k).tolist() == by_sorting(values, k).tolist()
