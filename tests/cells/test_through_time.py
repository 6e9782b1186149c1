from __future__ import annotations

import pytest
import torch

from rnnkit import bptt, kernels
from rnnkit.bptt import Checkpointed, Full, RandomTruncated, Truncated
from rnnkit.cells import GRU, LSTM, RNN, LSTMCell, set_bptt
from rnnkit.errors import OptionError
from rnnkit.packed import Packed

LENGTHS = [9, 23, 1, 16, 23, 4]
LAYERS = {"RNN": RNN, "GRU": GRU, "LSTM": LSTM}


def build(name, **options):
    torch.manual_seed(0)
    return LAYERS[name](4, 5, **options).double()


def sequences():
    generator = torch.Generator().manual_seed(1)
    return [torch.randn(n, 4, dtype=torch.float64, generator=generator) for n in LENGTHS]


def last_of(state):
    return torch.cat([s.flatten() for s in (state if isinstance(state, tuple) else (state,))])


def losses(output, state):
    """Of every step, and of the states at the end."""
    return output.sin().sum() + last_of(state).cos().sum()


def run_packed(layer):
    output, state = layer(Packed.from_sequences(sequences()))
    return output.data, state


def run_padded(layer):
    padded = torch.nn.utils.rnn.pad_sequence(sequences())
    return layer(padded, lengths=LENGTHS)


def gradients(layer, run):
    layer.zero_grad()
    losses(*run(layer)).backward()
    return [p.grad.clone() for p in layer.parameters()]


def assert_same(ours, theirs, tolerance=1e-11):
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=tolerance)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("run", [run_packed, run_padded])
@pytest.mark.parametrize("policy", ["truncated(5)", "truncated(5, 7)", "randomtruncated(4)"])
def test_a_policy_changes_gradients_and_nothing_else(name, run, policy):
    layer = build(name, num_layers=2, bidirectional=True)
    output, state = run(layer)
    full = gradients(layer, run)
    set_bptt(layer, policy)
    again, state_again = run(layer)
    torch.testing.assert_close(again, output, rtol=0, atol=1e-12)
    torch.testing.assert_close(last_of(state_again), last_of(state), rtol=0, atol=1e-12)
    cut = gradients(layer, run)
    assert any((one - other).abs().max() > 1e-3 for one, other in zip(cut, full, strict=True))


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("run", [run_packed, run_padded])
@pytest.mark.parametrize("k1", [1, 6, 23])
def test_truncation_that_reaches_the_first_step_is_full(name, run, k1):
    layer = build(name, num_layers=2, bidirectional=True)
    expected = gradients(layer, run)
    assert_same(gradients(set_bptt(layer, Truncated(k1, 23)), run), expected)


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize(("k1", "k2"), [(5, 5), (5, 12), (4, 6), (1, 2)])
def test_every_sequence_is_cut_as_it_is_alone(name, k1, k2):
    """Against `rnnkit.bptt.backward`, one sequence after the other and in both directions."""

    class OfTheBatch(Truncated):
        """The windows of the longest sequence, as far as this one goes."""

        def windows(self, num_steps, *, begin=0):
            for window in super().windows(max(LENGTHS), begin=begin):
                if window.begin < num_steps:
                    yield window._replace(end=min(window.end, num_steps))

    layer = build(name, bidirectional=True, bptt=Truncated(k1, k2))
    found = gradients(layer, run_packed)
    for direction in ("", "_reverse"):
        one_way = build(name)
        names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        one_way.load_state_dict(
            {f"{n}_l0": layer.state_dict()[f"{n}_l0{direction}"] for n in names}
        )

        for sequence in sequences():
            x = sequence.flip(0) if direction else sequence

            def loss(output, window, x=x):
                # Of the state at the end h is the last output; c is checked by the next test.
                last = output[-1].cos().sum() if window.end == len(x) else 0.0
                return output.sin().sum() + last

            bptt.backward(one_way, x[:, None], loss, policy=OfTheBatch(k1, k2))
        ours = dict(zip(dict(layer.named_parameters()), found, strict=True))
        for n in names:
            theirs = getattr(one_way, f"{n}_l0").grad
            if name != "LSTM":
                torch.testing.assert_close(ours[f"{n}_l0{direction}"], theirs)


def test_the_last_cell_of_an_lstm_is_cut_in_its_own_window():
    layer = build("LSTM", bptt=Truncated(4))
    layer.zero_grad()
    _, (_, c_n) = layer(Packed.from_sequences(sequences()))
    c_n.sin().sum().backward()
    alone = build("LSTM")
    for sequence in sequences():
        begin = (len(sequence) - 1) // 4 * 4
        with torch.no_grad():
            state = alone(sequence[None, :begin].transpose(0, 1))[1] if begin else None
        _, (_, c) = alone(sequence[begin:, None], state)
        c.sin().sum().backward()
    assert_same([p.grad for p in layer.parameters()], [p.grad for p in alone.parameters()])


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("policy", [Checkpointed(), Checkpointed(4), Checkpointed(None, 20_000)])
def test_checkpointed_is_full_to_the_bit(name, policy):
    layer = build(name, num_layers=2, bidirectional=True)
    with kernels.use_kernel(layer.kernel):
        expected = gradients(layer, run_packed)
        assert_same(gradients(set_bptt(layer, policy), run_packed), expected, 0)


def test_a_budget_too_small_for_a_layer_says_what_is_needed():
    layer = build("LSTM", bptt=Checkpointed(memory_budget=100))
    with pytest.raises(OptionError, match="need at least"):
        run_packed(layer)


def test_the_mean_of_random_truncations_is_the_full_gradient():
    torch.manual_seed(0)
    layer = RNN(2, 3, bidirectional=True).double()
    x = Packed.from_sequences([torch.randn(n, 2).double() for n in (5, 2, 4)])

    def gradient():
        layer.zero_grad()
        output, state = layer(x)
        losses(output.data, state).backward()
        return torch.cat([p.grad.flatten() for p in layer.parameters()])

    expected = gradient()
    set_bptt(layer, RandomTruncated(3))
    draws = torch.stack([gradient() for _ in range(300)])
    error = draws.std(dim=0) / len(draws) ** 0.5
    assert (draws.std(dim=0) > 0).any()
    assert ((draws.mean(dim=0) - expected).abs() < 4.5 * error + 1e-9).all()


def test_the_gradient_of_the_input_and_of_the_first_state_is_cut_too():
    layer = build("GRU", bptt=Truncated(4))
    x = torch.randn(10, 2, 4, dtype=torch.float64, requires_grad=True)
    h_0 = torch.randn(1, 2, 5, dtype=torch.float64, requires_grad=True)
    output, _ = layer(x, h_0)
    output[-1].sum().backward(retain_graph=True)
    assert x.grad[:8].abs().max() == 0
    assert x.grad[8:].abs().min() > 0
    assert h_0.grad.abs().max() == 0
    output[2].sum().backward()
    assert h_0.grad.abs().min() > 0


def test_without_gradients_nothing_is_cut_into_windows():
    layer = build("LSTM", bptt=Truncated(1))
    with torch.no_grad(), torch.profiler.profile() as profile:
        layer(torch.randn(200, 1, 4, dtype=torch.float64))
    assert len([e for e in profile.events() if e.name == "aten::cat"]) == 0


def test_a_cell_run_over_a_sequence_follows_the_policy():
    torch.manual_seed(0)
    cell, layer = LSTMCell(4, 5).double(), build("LSTM", bptt=Truncated(3, 5))
    layer.load_state_dict({f"{n}_l0": t for n, t in cell.state_dict().items()})
    set_bptt(cell, Truncated(3, 5))
    x = Packed.from_sequences(sequences())
    state = (torch.zeros(6, 5).double(), torch.zeros(6, 5).double())
    cell.run(x, state).data.sin().sum().backward()
    layer(x)[0].data.sin().sum().backward()
    assert_same([p.grad for p in cell.parameters()], [p.grad for p in layer.parameters()])


def test_a_layer_shows_its_policy_and_refuses_what_is_none():
    assert "bptt=truncated(5, 5)" in repr(LSTM(2, 3, bptt="truncated(5)"))
    assert "bptt" not in repr(LSTM(2, 3, bptt=Full()))
    with pytest.raises(OptionError, match="Did you mean 'truncated'"):
        LSTM(2, 3, bptt="trunkated(5)")
