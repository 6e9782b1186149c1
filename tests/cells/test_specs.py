"""Which modules are recurrent, and which cell they run."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import weight_norm

from rnnkit import cells
from rnnkit.recurrence import GRU, LSTM, RELU, TANH


@pytest.mark.parametrize("library", [nn, cells])
def test_layers_and_cells_of_both_libraries_say_their_cell(library) -> None:
    for kind, spec in (("RNN", TANH), ("GRU", GRU), ("LSTM", LSTM)):
        layer, cell = getattr(library, kind)(2, 3), getattr(library, kind + "Cell")(2, 3)
        assert cells.spec_of(layer) is cells.spec_of(cell) is spec
        assert cells.is_layer(layer)
        assert not cells.is_layer(cell)
    for relu in (library.RNN, library.RNNCell):
        assert cells.spec_of(relu(2, 3, nonlinearity="relu")) is RELU


def test_a_subclass_is_the_cell_that_it_comes_from() -> None:
    class Mine(nn.LSTMCell):
        pass

    assert cells.spec_of(Mine(2, 3)) is LSTM


def test_a_name_of_a_parameter_makes_no_cell() -> None:
    part = nn.Linear(2, 3)
    part.register_parameter("weight_hh", nn.Parameter(torch.ones(3, 3)))
    assert cells.spec_of(part) is None


def test_a_layer_whose_weights_are_parametrized_is_recurrent_all_the_same() -> None:
    layer = weight_norm(cells.GRU(2, 3), "weight_hh_l0")
    assert cells.spec_of(layer) is GRU


@pytest.mark.parametrize(
    ("name", "kind"),
    [("rnn", "RNN"), ("rnn-relu", "RNN"), ("gru", "GRU"), ("lstm", "LSTM")],
)
def test_a_name_gives_the_class_that_people_know(name: str, kind: str) -> None:
    layer, cell = cells.build_layer(name, 2, 3), cells.build_cell(name, 2, 3)
    assert (type(layer).__name__, type(cell).__name__) == (kind, kind + "Cell")
    assert layer.spec is cell.spec
    assert layer.spec.name == name
