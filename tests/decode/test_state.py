from __future__ import annotations

from typing import NamedTuple

import pytest
import torch

from rnnkit.decode import reorder
from rnnkit.errors import InputError


class LSTMState(NamedTuple):
    h: torch.Tensor
    c: torch.Tensor


def test_reorder_takes_rows_of_every_tensor_in_a_nest():
    x = torch.arange(6.0).reshape(3, 2)
    nest = (x, [x + 10, None], {"cell": LSTMState(x + 20, x[:, 0].long())})
    rows = torch.tensor([2, 0, 0, 1])

    first, (second, nothing), named = reorder(nest, rows)

    torch.testing.assert_close(first, x[rows], rtol=0, atol=0)
    torch.testing.assert_close(second, x[rows] + 10, rtol=0, atol=0)
    assert nothing is None
    assert isinstance(named["cell"], LSTMState)
    torch.testing.assert_close(named["cell"].h, x[rows] + 20, rtol=0, atol=0)
    assert named["cell"].c.tolist() == [4, 0, 0, 2]


def test_reorder_of_nothing_is_nothing():
    assert reorder(None, torch.tensor([0])) is None


def test_reorder_names_the_type_that_it_cannot_take():
    with pytest.raises(InputError, match="holds a str"):
        reorder(("h",), torch.tensor([0]))
