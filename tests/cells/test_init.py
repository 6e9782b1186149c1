"""Initial values by name."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnkit.cells import GRU, LSTM, RNN, GRUCell, LSTMCell, RNNCell, initialize_
from rnnkit.errors import OptionError


def assert_orthogonal(block: Tensor) -> None:
    identity = torch.eye(block.shape[1], dtype=block.dtype)
    torch.testing.assert_close(block.t() @ block, identity, rtol=0, atol=1e-6)


@pytest.mark.parametrize("kind", [GRU, LSTM, nn.GRU, nn.LSTM])
def test_orthogonal_gives_each_gate_an_orthogonal_recurrent_weight(kind: type[nn.Module]) -> None:
    layer = kind(3, 6, num_layers=2, bidirectional=True)
    assert initialize_(layer) is layer
    for name, parameter in layer.named_parameters():
        gates = parameter.detach().split(6)
        if name.startswith("weight_hh"):
            for gate in gates:
                assert_orthogonal(gate)
            assert not torch.equal(gates[0], gates[1])
        elif name.startswith("weight_ih"):
            bound = math.sqrt(6 / (6 + parameter.shape[1]))
            assert all(bound / 2 < gate.abs().max() <= bound for gate in gates)


def test_an_lstms_forget_bias_counts_once() -> None:
    layer = initialize_(LSTM(3, 4, bidirectional=True), forget_bias=2.0)
    for suffix in ("l0", "l0_reverse"):
        total = getattr(layer, f"bias_ih_{suffix}") + getattr(layer, f"bias_hh_{suffix}")
        assert total.tolist() == [0.0] * 4 + [2.0] * 4 + [0.0] * 8


def test_a_gru_has_no_forget_bias() -> None:
    layer = initialize_(GRU(3, 4))
    assert not layer.bias_ih_l0.any()
    assert not layer.bias_hh_l0.any()


def test_a_projection_and_missing_biases_are_initialized_too() -> None:
    layer = initialize_(LSTM(3, 4, bias=False, proj_size=2))
    for gate in layer.weight_hh_l0.detach().split(4):
        assert gate.shape == (4, 2)
        assert_orthogonal(gate)
    assert layer.weight_hr_l0.abs().max() <= 1.0
    initialize_(LSTMCell(3, 4, bias=False))


def test_torchs_scheme_stays_within_its_bound() -> None:
    layer = initialize_(initialize_(GRU(3, 64)), "torch")
    for parameter in layer.parameters():
        assert 0.9 / 8 < parameter.abs().max() <= 1 / 8


def test_only_recurrent_parts_of_a_network_change() -> None:
    network = nn.ModuleDict({"linear": nn.Linear(2, 2), "inner": nn.Sequential(LSTMCell(2, 3))})
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initialize_(network)
    changed = {n for n, value in network.state_dict().items() if not torch.equal(value, before[n])}
    assert changed == {f"inner.0.{n}" for n in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")}


def test_an_unknown_scheme_is_refused_by_name() -> None:
    with pytest.raises(OptionError, match="Did you mean 'orthogonal'"):
        initialize_(GRU(2, 2), "ortogonal")


CHRONO = [LSTM, LSTMCell, nn.LSTM, nn.LSTMCell, GRU, GRUCell, nn.GRU, nn.GRUCell]


@pytest.mark.parametrize("kind", CHRONO)
def test_chrono_gives_gates_that_forget_within_the_longest_dependency(kind: Any) -> None:
    layer = initialize_(kind(3, 500), "chrono", max_steps=100)
    (ih, hh) = (value for name, value in layer.named_parameters() if name.startswith("bias"))
    assert not hh.any()
    gates = ih.detach().split(500)
    times = gates[1].exp()  # the forget gate of an LSTM, the update gate of a GRU
    assert 1 <= times.min() < 3
    assert 97 < times.max() <= 99.01
    assert times.mean() == pytest.approx(50, abs=5)  # of a uniform distribution
    rest = gates[2:]
    if len(gates) == 4:
        assert torch.equal(gates[0], -gates[1])
    else:
        rest = (gates[0], gates[2])
    assert not torch.cat(rest).any()


def test_a_gru_under_chrono_keeps_what_it_holds_for_so_long() -> None:
    # Of an input that never comes, after T steps the share (1 - 1/(1+u))^T is left of each unit.
    cell = initialize_(GRUCell(1, 500), "chrono", max_steps=50)
    with torch.no_grad():
        cell.weight_hh.zero_()
        h = torch.ones(1, 500)
        for _ in range(10):
            h = cell(torch.zeros(1, 1), h)
    kept = (1 - 1 / (1 + cell.bias_ih[500:1000].exp())) ** 10
    torch.testing.assert_close(h[0], kept.detach(), rtol=1e-4, atol=1e-6)


def test_chrono_is_orthogonal_in_everything_else_and_knows_projections() -> None:
    layer = initialize_(LSTM(3, 6, num_layers=2, bidirectional=True), "chrono", max_steps=9)
    draws = []
    for name, parameter in layer.named_parameters():
        if name.startswith("weight_hh"):
            for gate in parameter.detach().split(6):
                assert_orthogonal(gate)
        if name.startswith("bias_ih"):
            draws.append(parameter.detach())
    assert not torch.equal(draws[0], draws[1])  # each direction has its own
    projected = initialize_(LSTM(3, 4, proj_size=2), "chrono", max_steps=9)
    assert projected.bias_ih_l0.any()
    assert projected.weight_hr_l0.abs().max() <= 1.0


@pytest.mark.parametrize("kind", [RNN, RNNCell, nn.RNN, nn.RNNCell])
def test_identity_gives_a_simple_network_that_adds_up(kind: Any) -> None:
    layer = initialize_(kind(300, 6, nonlinearity="relu"), "identity")
    for name, parameter in layer.named_parameters():
        if name.startswith("weight_hh"):
            assert torch.equal(parameter, torch.eye(6))
        elif name.startswith("bias"):
            assert not parameter.any()
        else:
            assert parameter.detach().std().item() == pytest.approx(0.001, rel=0.1)


@pytest.mark.parametrize(
    ("module", "scheme", "max_steps", "words"),
    [
        (LSTM(2, 3), "identity", None, "but LSTM has gates. Choose 'chrono'"),
        (nn.GRUCell(2, 3), "identity", None, "but GRUCell has gates"),
        (LSTM(2, 3, proj_size=1), "identity", None, "has gates"),
        (RNN(2, 3), "chrono", 9, "but RNN has none. Choose 'identity'"),
        (GRU(2, 3, bias=False), "chrono", 9, "bias=False"),
        (GRU(2, 3), "chrono", None, "max_steps=None.*at least 3"),
        (GRU(2, 3), "chrono", 2, "max_steps=2.*at least 3"),
    ],
)
def test_a_scheme_that_does_not_fit_is_refused_and_changes_nothing(
    module: nn.Module, scheme: str, max_steps: int | None, words: str
) -> None:
    fits = (RNN if scheme == "identity" else LSTM)(2, 3)
    both = nn.ModuleList([fits, module])
    before = {name: value.clone() for name, value in both.state_dict().items()}
    with pytest.raises(OptionError, match=words):
        initialize_(both, scheme, max_steps=max_steps)
    assert all(torch.equal(value, before[name]) for name, value in both.state_dict().items())
