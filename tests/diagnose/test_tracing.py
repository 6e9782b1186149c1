from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from rnnkit import cells
from rnnkit.diagnose import trace
from rnnkit.errors import InputError


class Nested(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer, self.head = layer, nn.Linear(4, 2)

    def forward(self, x, state):
        x, state = self.layer(x, state)
        return self.head(x), state


@pytest.mark.parametrize("theirs", [nn.RNN, nn.GRU, nn.LSTM])
@pytest.mark.parametrize("batch_first", [False, True])
def test_a_layer_of_torch_shows_what_ours_does(theirs, batch_first):
    torch.manual_seed(0)
    options = {"num_layers": 2, "batch_first": batch_first}
    layer = theirs(3, 4, **options)
    ours = getattr(cells, theirs.__name__)(3, 4, **options)
    ours.load_state_dict(layer.state_dict())
    x = torch.randn(6, 3)
    shown, expected = trace(Nested(layer), x, batch_first=batch_first), ours.trace(x)
    assert [one.layer for one in shown.layers] == ["layer.l0", "layer.l1"]
    for one, other in zip(shown.layers, expected, strict=True):
        np.testing.assert_allclose(one.h, other.h, atol=1e-6)
        assert set(one.gates) == set(other.gates)
        for gate, values in one.gates.items():
            np.testing.assert_allclose(values, other.gates[gate], atol=1e-6)
        if theirs is nn.LSTM:
            np.testing.assert_allclose(one.c, other.c, atol=1e-6)


def test_the_states_are_those_that_the_layer_gives():
    torch.manual_seed(0)
    layer, x = nn.LSTM(3, 4), torch.randn(6, 3)
    output, (_, c_n) = layer(x)
    one = trace(layer, x)["l0"]
    np.testing.assert_allclose(one.h, output.detach(), atol=1e-6)
    np.testing.assert_allclose(one.c[-1], c_n[0].detach(), atol=1e-6)


def test_a_state_before_the_first_step_is_read():
    layer, x, h_0 = nn.GRU(3, 4), torch.randn(6, 3), torch.randn(1, 1, 4)
    one = trace(layer, x, state=h_0)["l0"]
    np.testing.assert_allclose(one.h, layer(x[:, None], h_0)[0][:, 0].detach(), atol=1e-6)


def test_results_are_plain_plotted_and_told():
    shown = trace(nn.LSTM(3, 4), torch.randn(6, 3))
    data = json.loads(json.dumps(shown.to_dict()))
    assert data["labels"] == ["0", "1", "2", "3", "4", "5"]
    assert np.shape(data["layers"][0]["gates"]["f"]) == (6, 4)
    assert list(shown.panels()) == ["l0 h", "l0 c", "l0 i", "l0 f", "l0 g", "l0 o"]
    assert len([axes for axes in shown.plot().axes if axes.get_title()]) == 6
    assert "mean |c|" in shown.summary()


def test_what_has_no_states_is_explained():
    with pytest.raises(InputError, match=r"one sequence, a tensor \(T, I\)"):
        trace(nn.RNN(1, 1), torch.ones(3))
    with pytest.raises(InputError, match="a fitted estimator"):
        trace("model", "text")
