from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from rnnkit import cells
from rnnkit.diagnose import Subject, gradient_flow
from rnnkit.errors import InputError, MissingDependencyError
from rnnkit.packed import Packed

LENGTHS = [7, 3, 5]


def linear_rnn(factor, size=3):
    """h_t = factor * h_(t-1) + x_t for what is positive: what a gradient does is known."""
    layer = nn.RNN(size, size, nonlinearity="relu", bias=False).double()
    with torch.no_grad():
        layer.weight_hh_l0.copy_(factor * torch.eye(size))
        layer.weight_ih_l0.copy_(torch.eye(size))
    return layer


def test_a_gradient_that_halves_at_every_step_is_shown_as_that():
    flow = gradient_flow(linear_rnn(0.5), torch.ones(30, 2, 3).double())
    by_lag = flow["l0"].by_lag
    np.testing.assert_allclose(by_lag[2:] / by_lag[1:-1], 0.5)
    assert flow["l0"].horizon == 11  # the first lag with 0.5 ** (lag - 1) < 1/1000
    assert "vanishes: below 1/1000 of its start from lag 11 on (of 29)" in flow.summary()


def test_a_gradient_that_grows_is_said_to_explode():
    flow = gradient_flow(linear_rnn(2.0), torch.ones(20, 2, 3).double())
    assert flow["l0"].growth == pytest.approx(2.0**18)
    assert flow["l0"].horizon is None
    assert "explodes: 2.6e+05 times its start at lag 19" in flow.summary()


def test_a_gradient_that_is_kept_is_said_to_arrive():
    flow = gradient_flow(linear_rnn(1.0), torch.ones(20, 2, 3).double())
    assert flow["l0"].growth == pytest.approx(1.0)
    assert "arrives: 1.0e+00 of its start" in flow.summary()


@pytest.mark.parametrize("kind", [nn.RNN, nn.GRU, nn.LSTM, cells.RNN, cells.GRU, cells.LSTM])
def test_norms_by_lag_are_those_of_autograd(kind):
    torch.manual_seed(0)
    layer, x = kind(2, 4, num_layers=2).double(), torch.randn(9, 3, 2).double()
    flow = gradient_flow(layer, x)

    state, states = None, []
    for step in x:
        output, state = layer(step[None], state)
        h = state[0] if isinstance(state, tuple) else state
        kept = h.clone()
        kept.retain_grad()
        states.append(kept)
        state = (kept, *state[1:]) if isinstance(state, tuple) else kept
    (output[-1].square().sum() / 6).backward()
    for number in range(2):
        expected = [states[8 - lag].grad[number].norm(dim=-1).mean() for lag in range(1, 9)]
        np.testing.assert_allclose(flow[f"l{number}"].by_lag[1:], expected)


class Network(nn.Module):
    """As the networks of the estimators: packed rows through layers of rnnkit."""

    def __init__(self, kind, pooling):
        super().__init__()
        torch.manual_seed(1)
        self.first = kind(2, 3, bidirectional=True)
        self.second = kind(6, 4)
        self.pooling = pooling

    def forward(self, x):
        x, _ = self.first(x)
        x, _ = self.second(x)
        if self.pooling == "last":
            return x.data[x.layout.last_row]
        return x.data


def subject_of(network, sequences):
    x = Packed.from_sequences(sequences)
    return Subject(
        network,
        lambda policy: network(x).square().sum().backward(),
        lambda: network(x),
        num_steps=max(map(len, sequences)),
    )


class Model:
    def __init__(self, subject):
        self.given = subject

    def subject(self, X, y=None):
        return self.given


def by_hand(network, sequence):
    """dL/dh_t of the second layer of one sequence alone, step by step."""
    layer = network.second
    x, _ = network.first(sequence[:, None])
    state, kept = None, []
    for step in x:
        _, state = layer(step[None], state)
        h = (state[0] if isinstance(state, tuple) else state).clone()
        h.retain_grad()
        kept.append(h)
        state = (h, *state[1:]) if isinstance(state, tuple) else h
    return kept


@pytest.mark.parametrize("kind", [cells.RNN, cells.GRU, cells.LSTM])
@pytest.mark.parametrize("pooling", ["last", "all"])
def test_inside_a_network_lags_are_counted_from_each_sequences_own_end(kind, pooling):
    network = Network(kind, pooling).double()
    generator = torch.Generator().manual_seed(2)
    sequences = [torch.randn(n, 2, dtype=torch.float64, generator=generator) for n in LENGTHS]
    flow = gradient_flow(Model(subject_of(network, sequences)), (None, None))

    total, through = np.zeros((3, 7)), np.zeros((3, 7))
    for row, sequence in enumerate(sequences):
        kept = by_hand(network, sequence)
        used = kept[-1:] if pooling == "last" else kept
        sum(h.square().sum() for h in used).backward()
        for lag, h in enumerate(reversed(kept)):
            total[row, lag] = h.grad.norm()
        kept = by_hand(network, sequence)
        kept[-1].square().sum().backward()
        for lag, h in enumerate(reversed(kept)):
            through[row, lag] = h.grad.norm()
    longer = np.array(LENGTHS)[:, None] > np.arange(7)
    np.testing.assert_allclose(flow["second.l0"].total, total.sum(0) / longer.sum(0))
    np.testing.assert_allclose(flow["second.l0"].by_lag, through.sum(0) / longer.sum(0))
    assert [layer.layer for layer in flow.layers] == ["first.l0", "first.l0_reverse", "second.l0"]


def test_a_reverse_direction_counts_lags_from_the_first_step():
    network = Network(cells.GRU, "all").double()
    x = [torch.randn(6, 2).double()]
    flow = gradient_flow(Model(subject_of(network, x)), (None, None))
    turned = Network(cells.GRU, "all").double()
    swap = {n.replace("_reverse", ""): t for n, t in network.first.named_parameters()}
    swap |= {f"{n}_reverse": t for n, t in network.first.named_parameters() if "rev" not in n}
    turned.first.load_state_dict({n: t.detach().clone() for n, t in swap.items()})
    forward = turned.first(Packed.from_sequences([x[0].flip(0)]))[0].data[:, :3]
    reverse = network.first(Packed.from_sequences(x))[0].data[:, 3:].flip(0)
    torch.testing.assert_close(forward, reverse)
    assert np.isfinite(flow["first.l0_reverse"].by_lag).all()


def test_what_a_look_needs_is_put_back():
    network = Network(cells.GRU, "all").double().train()
    cells.set_bptt(network, "truncated(2)")
    sequences = [torch.randn(6, 2).double()]
    subject_of(network, sequences).backward(None)
    before = [p.grad.clone() for p in network.parameters()]
    gradient_flow(Model(subject_of(network, sequences)), (None, None))
    assert network.training
    assert network.second.bptt.k1 == 2
    for parameter, gradient in zip(network.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, gradient)
    assert not network.first._forward_pre_hooks


def test_spectra_are_those_of_each_gates_block():
    layer = nn.LSTM(2, 3)
    blocks = [torch.diag(torch.tensor([1.0, 2.0, 3.0]) * factor) for factor in (1, -2, 0.5, 0)]
    with torch.no_grad():
        layer.weight_hh_l0.copy_(torch.cat(blocks))
    weights = gradient_flow(layer, torch.randn(4, 1, 2))["l0"].weights
    assert list(weights.gates) == ["i", "f", "g", "o"]
    np.testing.assert_allclose(weights.singular_values["f"], [6, 4, 2])
    assert weights.spectral_radius["i"] == pytest.approx(3.0)
    assert weights.spectral_radius["o"] == 0.0


def test_a_forget_gate_that_is_open_remembers_for_long():
    layer = nn.LSTM(2, 3)
    with torch.no_grad():
        for p in layer.parameters():
            p.zero_()
        layer.bias_ih_l0[3:6] = torch.tensor([100.0, 4.0, 0.0])  # f of three units
        layer.bias_ih_l0[0:3] = -10.0  # i: shut
    gates = gradient_flow(layer, torch.randn(20, 2, 2))["l0"].gates
    assert gates.low["i"] == 1.0
    assert gates.high["f"] == pytest.approx(2 / 3)
    f = torch.sigmoid(torch.tensor(4.0)).item()
    assert gates.time_scales[1] == pytest.approx(-1 / np.log(f), rel=1e-4)
    assert gates.time_scales[2] == pytest.approx(1 / np.log(2))
    assert gates.time_scales[0] > 1e6


def test_gates_past_the_end_of_a_sequence_do_not_count():
    network = Network(cells.LSTM, "all").double()
    generator = torch.Generator().manual_seed(2)
    sequences = [torch.randn(n, 2, dtype=torch.float64, generator=generator) for n in LENGTHS]
    gates = gradient_flow(Model(subject_of(network, sequences)), (None, None))["first.l0"].gates
    values = [network.first.trace(s[:, None])[0].gates["i"].flatten() for s in sequences]
    assert gates.low["i"] == pytest.approx(float((torch.cat(values) < 0.1).double().mean()))


def test_a_loss_by_length_is_that_of_the_examples():
    network = Network(cells.GRU, "last").double()
    subject = subject_of(network, [torch.randn(n, 2).double() for n in LENGTHS])
    lengths, losses = np.array([2, 9, 2, 9]), np.array([1.0, 2.0, 3.0, 4.0])
    subject = Subject(
        subject.module,
        subject.backward,
        subject.forward,
        num_steps=7,
        each=lambda: (lengths, losses),
    )
    flow = gradient_flow(Model(subject), (None, None))
    assert flow.loss_by_length == [(2, 2, 2, 2.0), (9, 9, 2, 3.0)]


def test_results_are_plain_and_plotted():
    flow = gradient_flow(nn.LSTM(2, 3, num_layers=2), torch.randn(12, 2, 2))
    data = json.loads(json.dumps(flow.to_dict(), allow_nan=False))
    assert [len(layer["by_lag"]) for layer in data["layers"]] == [12, 12]
    drawn = flow.plot()
    assert [axes.get_title() for axes in drawn.axes] == list(flow.panels())
    assert "Singular values of W_hh" in flow.panels()


def test_without_matplotlib_a_plot_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "matplotlib", None)
    flow = gradient_flow(nn.RNN(2, 3), torch.randn(5, 2, 2))
    with pytest.raises(MissingDependencyError, match=r"rnnkit\[plot\]"):
        flow.plot()


@pytest.mark.parametrize(
    ("model", "batch", "words"),
    [
        ("a text", None, "a fitted estimator of rnnkit or a torch module"),
        (Model(None), [1, 2], r"the pair \(X, y\)"),
        (nn.RNN(1, 1), None, "batch holds no tensor"),
    ],
)
def test_what_cannot_be_looked_at_is_explained(model, batch, words):
    with pytest.raises(InputError, match=words):
        gradient_flow(model, batch)
