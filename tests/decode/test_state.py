from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch

from rnnkit.decode import reorder
from rnnkit.errors import InputError


class LSTMState(NamedTuple):
    h: object
    c: object


@pytest.mark.parametrize("array", [np.asarray, torch.tensor])
def test_reorder_takes_rows_of_every_array_in_a_nest(array):
    x = np.arange(6.0).reshape(3, 2)
    nest = (array(x), [array(x + 10), None], {"cell": LSTMState(array(x + 20), array([3, 5, 7]))})

    first, (second, nothing), named = reorder(nest, np.array([2, 0, 0, 1]))

    assert type(first) is type(array(x))
    assert first.tolist() == [[4, 5], [0, 1], [0, 1], [2, 3]]
    assert second.tolist() == [[14, 15], [10, 11], [10, 11], [12, 13]]
    assert nothing is None
    assert isinstance(named["cell"], LSTMState)
    assert named["cell"].h.tolist() == [[24, 25], [20, 21], [20, 21], [22, 23]]
    assert named["cell"].c.tolist() == [7, 3, 3, 5]


def test_reorder_of_nothing_is_nothing():
    assert reorder(None, np.array([0])) is None


def test_reorder_names_the_type_that_it_cannot_take():
    with pytest.raises(InputError, match="holds a str"):
        reorder(("h",), np.array([0]))
