"""What layers and cells say when something does not fit."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from rnnkit import cells
from rnnkit.errors import OptionError, ShapeError
from rnnkit.packed import Packed


def x(*shape: int) -> torch.Tensor:
    return torch.zeros(shape)


def test_wrong_features_say_what_to_pass_or_build() -> None:
    with pytest.raises(ShapeError) as caught:
        cells.LSTM(8, 4)(x(7, 2, 5))
    assert str(caught.value) == (
        "LSTM: input has 5 features (shape (7, 2, 5)) but input_size=8. "
        "Pass the embedded input, or build LSTM(input_size=5)."
    )


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda m: m(x(3)), r"shape \(3,\) but \(T, B, I\), or \(T, I\)"),
        (lambda m: m(x(1, 1, 1, 3)), "was expected"),
        (lambda m: m(x(5, 2, 3).double()), r"input is torch.float64 but the weights"),
        (lambda m: m(x(5, 2, 3).to("meta")), "input is on meta but the weights are on cpu"),
        (lambda m: m.to("meta")(x(5, 2, 3)), "input is on cpu but the weights are on meta"),
        (lambda m: m(x(5, 2, 3).to_sparse()), "input is torch.sparse_coo"),
        (lambda m: m(x(0, 2, 3)), "0 steps and 2 sequences"),
        (lambda m: m(x(5, 0, 3)), "5 steps and 0 sequences"),
        (lambda m: m(x(5, 2, 3), lengths=[5]), r"lengths has shape \(1,\) but input holds 2"),
        (lambda m: m(x(5, 2, 3), lengths=[5, 0]), r"lengths\[1\] is 0"),
        (lambda m: m(x(5, 2, 3), lengths=[2, 6]), r"lengths\[1\] is 6 but input has only 5"),
        (lambda m: m(x(5, 2, 3), lengths=[5.0, 1.5]), "whole numbers"),
        (lambda m: m(x(5, 2, 3), lengths=torch.tensor([True, True])), "whole numbers"),
        (lambda m: m(Packed.from_sequences([x(2, 3)]), lengths=[2]), "Leave lengths out"),
        (lambda m: m(Packed.from_sequences([x(2, 3, 1)])), "packed input has shape"),
        (lambda m: m(Packed.from_sequences([x(2, 5)])), "5 features"),
    ],
)
def test_input_that_does_not_fit_is_refused(kind: str, call: Any, message: str) -> None:
    module = getattr(cells, kind)(3, 4)
    with pytest.raises(ShapeError, match=message) as caught:
        call(module)
    assert kind in str(caught.value) or "lengths" in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "hx", "message"),
    [
        ("GRU", x(1, 3, 4), r"h_0 has shape \(1, 3, 4\) but \(1, 2, 4\) was expected"),
        ("GRU", x(1, 1, 4), r"h_0 has shape \(1, 1, 4\)"),
        ("GRU", x(1, 2, 4).double(), "h_0 is torch.float64"),
        ("GRU", (x(1, 2, 4),), "h_0 is a tuple"),
        ("LSTM", x(1, 2, 4), r"pair \(h_0, c_0\)"),
        ("LSTM", (x(1, 2, 4), x(1, 2, 5)), r"c_0 has shape \(1, 2, 5\)"),
        ("LSTM", (x(1, 2, 4), None), "c_0 is a NoneType"),
    ],
)
def test_a_state_that_does_not_fit_is_refused(kind: str, hx: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        getattr(cells, kind)(3, 4)(x(5, 2, 3), hx)


def test_a_batched_state_with_one_sequence_is_refused() -> None:
    with pytest.raises(ShapeError, match="one sequence without a batch"):
        cells.RNN(3, 4)(x(5, 3), x(1, 1, 4))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"input_size": 0}, "input_size=0"),
        ({"hidden_size": 2.5}, "hidden_size=2.5"),
        ({"num_layers": True}, "num_layers=True"),
        ({"proj_size": 4}, "smaller than hidden_size=4"),
        ({"proj_size": -1}, "proj_size=-1"),
        ({"dropout": 1.5}, "dropout=1.5"),
        ({"recurrent_dropout": -0.1}, "recurrent_dropout=-0.1"),
        ({"bidirectional": "yes"}, "bidirectional='yes'"),
    ],
)
def test_an_option_out_of_range_is_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(OptionError, match=message):
        cells.LSTM(**({"input_size": 3, "hidden_size": 4} | options))


def test_an_unknown_nonlinearity_is_refused_by_name() -> None:
    for kind in (cells.RNN, cells.RNNCell):
        with pytest.raises(OptionError, match="Did you mean 'tanh'"):
            kind(3, 4, nonlinearity="tan")


def test_dropout_without_a_second_layer_warns() -> None:
    with pytest.warns(UserWarning, match="does nothing with num_layers=1") as caught:
        cells.GRU(3, 4, dropout=0.5)
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cells.GRUCell(3, 4)(x(2, 5)), "GRUCell: input has 5 features"),
        (lambda: cells.GRUCell(3, 4)(x(7, 2, 3)), "for sequences use GRU"),
        (lambda: cells.GRUCell(3, 4)(x(2, 3), x(1, 4)), r"hx has shape \(1, 4\) but \(2, 4\)"),
        (lambda: cells.LSTMCell(3, 4)(x(2, 3), x(2, 4)), r"pair \(h_0, c_0\)"),
        (lambda: cells.LSTMCell(3, 4)(x(2, 3), (x(2, 4), x(2, 1))), "c_0 has shape"),
        (lambda: cells.RNNCell(3, 4)(x(2, 3).double()), "input is torch.float64"),
    ],
)
def test_a_cells_input_that_does_not_fit_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call()


def test_a_cell_without_units_is_refused() -> None:
    with pytest.raises(OptionError, match="RNNCell: hidden_size=0"):
        cells.RNNCell(3, 0)
