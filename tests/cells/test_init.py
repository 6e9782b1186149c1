"""Initial values by name."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from rnnkit.cells import GRU, LSTM, LSTMCell, initialize_
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
