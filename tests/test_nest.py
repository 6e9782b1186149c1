"""Nests of arrays, whatever library they are of."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from rnnkit.errors import InputError
from rnnkit.nest import arrays_of, map_arrays


class Pair(NamedTuple):
    h: object
    c: object


@pytest.mark.parametrize("array", [np.array, torch.tensor])
def test_arrays_of_numpy_and_of_torch_are_leaves_alike(array):
    nest = {"a": [array([1.0]), None], "b": Pair(array([2.0]), (array([3.0]),))}

    doubled = map_arrays(lambda x: x * 2, nest)

    assert [x.tolist() for x in arrays_of(doubled)] == [[2.0], [4.0], [6.0]]
    assert doubled["a"][1] is None
    assert isinstance(doubled["b"], Pair)
    assert type(doubled["b"].h) is type(array([1.0]))


def test_nests_of_one_form_are_walked_together():
    one, other = ([np.ones(2)], {"x": np.zeros(1)}), ([np.full(2, 5.0)], {"x": np.ones(1)})
    (first,), named = map_arrays(np.subtract, one, other)
    assert (first.tolist(), named["x"].tolist()) == ([-4.0, -4.0], [-1.0])


def test_nests_of_other_forms_are_refused():
    for other in ([np.ones(2)], (np.ones(2), np.ones(2))):
        with pytest.raises(InputError, match=r"tuple of 1 parts, but a .* Both must have one form"):
            map_arrays(np.add, (np.ones(2),), other)


@pytest.mark.parametrize(
    "walk", [lambda nest: list(arrays_of(nest)), lambda nest: map_arrays(abs, nest)]
)
def test_what_is_no_array_is_named(walk):
    with pytest.raises(InputError, match="state holds a str, but only arrays"):
        walk((np.ones(1), ["h"]))
