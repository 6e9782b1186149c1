"""What the layers add to torch.nn's: checkpoints, traces, float32 under autocast, equal bits."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.parametrizations import weight_norm

from rnnkit import cells, kernels
from rnnkit.errors import OptionError, ShapeError
from rnnkit.packed import Packed
from tests.kernels.cases import KERNELS, needs_native, threads

KINDS = ["RNN", "GRU", "LSTM"]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"num_layers": 2, "bidirectional": True},
    {"batch_first": True, "bidirectional": True},
]
LENGTHS = [3, 5, 1, 5]


def make(kind: str, **options: Any) -> Any:
    return getattr(cells, kind)(3, 4, dtype=torch.float64, **options)


def padded(layer: Any) -> Tensor:
    return torch.randn((4, 5, 3) if layer.batch_first else (5, 4, 3), dtype=torch.float64)


def states(state: Any) -> list[Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


def gradients(results: list[Tensor], leaves: list[Tensor]) -> list[Tensor]:
    loss = sum((result * (result.detach() + 1)).sum() for result in results)
    return list(torch.autograd.grad(loss, leaves))


# -- checkpoints --------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_checkpoint_or_no_output_changes_no_gradient(
    kind: str, options: dict[str, Any], kernel: str
) -> None:
    layer = make(kind, **options)
    x = padded(layer).requires_grad_()
    leaves = [x, *layer.parameters()]
    with kernels.use_kernel(kernel):
        output, state = layer(x, lengths=LENGTHS)
        whole = gradients([output, *states(state)], leaves)
        only_states = gradients(states(layer(x, lengths=LENGTHS)[1]), leaves)
        for checkpoint in (1, 3, 100):
            output, state = layer(x, lengths=LENGTHS, checkpoint=checkpoint)
            again = gradients([output, *states(state)], leaves)
            assert all(map(torch.equal, again, whole))
        for checkpoint in (None, 2):
            output, state = layer(x, lengths=LENGTHS, checkpoint=checkpoint, need_output=False)
            assert output is None
            assert all(map(torch.equal, gradients(states(state), leaves), only_states))


@pytest.mark.parametrize("kernel", KERNELS)
def test_packed_input_takes_checkpoints_and_leaves_output_out_too(kernel: str) -> None:
    layer = make("GRU", num_layers=2)
    packed = Packed.from_sequences([torch.randn(n, 3, dtype=torch.float64) for n in LENGTHS])
    sequence = nn.utils.rnn.PackedSequence(packed.data, packed.layout.batch_sizes)
    with kernels.use_kernel(kernel):
        expected, h_n = layer(packed)
        assert torch.equal(layer(packed, checkpoint=2)[0].data, expected.data)
        for given in (packed, sequence):
            output, state = layer(given, need_output=False)
            assert output is None
            assert torch.equal(state, h_n)


@pytest.mark.parametrize("checkpoint", [0, -1, 2.5, True])
def test_a_checkpoint_that_is_no_number_of_steps_is_refused(checkpoint: Any) -> None:
    layer = make("GRU")
    with pytest.raises(OptionError, match="GRU: checkpoint="):
        layer(padded(layer), checkpoint=checkpoint)


# -- traces -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_trace_has_the_form_of_the_output_and_ends_with_its_states(
    kind: str, options: dict[str, Any], kernel: str
) -> None:
    layer = make(kind, **options).eval()
    x = padded(layer)
    with kernels.use_kernel(kernel):
        output, state = layer(x, lengths=LENGTHS)
        traces = layer.trace(x, lengths=LENGTHS)
        alone = layer.trace(x[:, 0] if not layer.batch_first else x[0])
    directions = layer.num_directions
    assert len(traces) == layer.num_layers * directions
    top = torch.cat([trace.h for trace in traces[-directions:]], dim=-1)
    torch.testing.assert_close(top, output.detach(), rtol=1e-12, atol=1e-12)
    steps = 1 if layer.batch_first else 0
    for place, trace in enumerate(traces):
        reverse = directions == 2 and place % 2 == 1
        for held, final in zip((trace.h, trace.c), states(state), strict=False):
            held = held.transpose(0, 1) if steps else held
            ends = held[[0 if reverse else n - 1 for n in LENGTHS], range(4)]
            torch.testing.assert_close(ends, final[place].detach(), rtol=1e-12, atol=1e-12)
        assert all(gate.shape[:2] == x.shape[:2] for gate in trace.gates.values())
    assert alone[0].h.shape == (5, 4)


def test_a_trace_takes_a_state_and_checks_as_a_call_does() -> None:
    layer = make("LSTM")
    x = padded(layer)
    hx = (torch.ones(1, 4, 4).double(), torch.ones(1, 4, 4).double())
    torch.testing.assert_close(layer.trace(x, hx)[0].h, layer(x, hx)[0].detach())
    with pytest.raises(ShapeError, match="input has 2 features"):
        layer.trace(x[..., :2])
    with pytest.raises(ShapeError, match=r"lengths\[1\] is 9 but input has only 5 steps"):
        layer.trace(x, lengths=[1, 9, 1, 1])


# -- numbers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", KINDS)
def test_under_autocast_a_layer_computes_in_float32_and_trains(kind: str, kernel: str) -> None:
    first, layer = nn.Linear(3, 3), getattr(cells, kind)(3, 4, bidirectional=True)
    cell = getattr(cells, kind + "Cell")(3, 4)
    x = torch.randn(5, 4, 3)
    with kernels.use_kernel(kernel), torch.autocast("cpu", dtype=torch.bfloat16):
        low = first(x)
        assert low.dtype == torch.bfloat16
        output, state = layer(low, lengths=LENGTHS)
        again, _ = layer(low, state, lengths=LENGTHS)
        stepped = states(cell(low[0]))[0]
    assert {t.dtype for t in (output, again, stepped, *states(state))} == {torch.float32}
    with kernels.use_kernel(kernel):
        torch.testing.assert_close(layer(low.float(), lengths=LENGTHS)[0], output)
        torch.testing.assert_close(states(cell(low[0].float()))[0], stepped)
    (output.sum() + again.sum() + stepped.sum()).backward()
    for parameter in (first.weight, layer.weight_hh_l0, cell.weight_ih):
        assert parameter.grad is not None
        assert parameter.grad.any()


@needs_native
@settings(max_examples=25)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(1, 15), min_size=2, max_size=30),
    st.booleans(),
    st.data(),
)
def test_in_evaluation_a_sequence_has_the_same_bits_alone_and_in_any_batch(
    kind: str, lengths: list[int], bidirectional: bool, data: st.DataObject
) -> None:
    layer = getattr(cells, kind)(5, 20, num_layers=2, bidirectional=bidirectional).eval()
    sequences = [torch.randn(n, 5) for n in lengths]
    with torch.no_grad():
        alone = [layer(sequence) for sequence in sequences]
        order = data.draw(st.permutations(range(len(lengths))))
        x = nn.utils.rnn.pad_sequence([sequences[i] for i in order])
        for count in (1, 2):
            with threads(count):
                output, state = layer(x, lengths=[lengths[i] for i in order])
            packed, _ = layer(Packed.from_sequences(sequences))
            for place, i in enumerate(order):
                assert torch.equal(output[: lengths[i], place], alone[i][0])
                assert torch.equal(packed.to_sequences()[i], alone[i][0])
                for a, b in zip(states(state), states(alone[i][1]), strict=True):
                    assert torch.equal(a[:, place], b)


# -- modules ------------------------------------------------------------------------------------


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("kind", KINDS)
def test_tied_weights_get_the_sum_of_their_gradients(kind: str, kernel: str) -> None:
    layer, apart = make(kind, num_layers=2), make(kind, num_layers=2)
    layer.weight_hh_l1 = layer.weight_hh_l0
    apart.load_state_dict(layer.state_dict())
    x = padded(layer)
    with kernels.use_kernel(kernel):
        for module in (layer, apart):
            module(x, lengths=LENGTHS)[0].square().sum().backward()
    expected = apart.weight_hh_l0.grad + apart.weight_hh_l1.grad
    torch.testing.assert_close(layer.weight_hh_l0.grad, expected)


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_parametrized_weight_is_used_and_trained(kernel: str) -> None:
    layer, plain = make("GRU"), make("GRU")
    weight_norm(layer, "weight_hh_l0")
    names = ("weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0")
    plain.load_state_dict({name: getattr(layer, name) for name in names})
    x = padded(layer)
    with kernels.use_kernel(kernel):
        output = layer(x)[0]
        torch.testing.assert_close(output, plain(x)[0])
        output.sum().backward()
    assert all(parameter.grad is not None for parameter in layer.parameters())


def test_an_optimizers_step_is_seen_by_the_next_call() -> None:
    layer = make("LSTM")
    x = padded(layer)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    losses = []
    for _ in range(30):
        optimizer.zero_grad()
        loss = layer(x)[0].square().sum()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 10


def test_a_layer_on_the_meta_device_tells_its_kernel() -> None:
    assert cells.GRU(3, 4, device="meta").kernel == "torch"
    assert cells.GRU(3, 4).bfloat16().kernel == "torch"
    assert cells.GRU(3, 4).kernel == kernels.available()[0]


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
def test_a_cell_is_differentiable_any_number_of_times(kind: str) -> None:
    cell, theirs = (getattr(home, kind)(3, 4).double() for home in (cells, torch.nn))
    theirs.load_state_dict(cell.state_dict())
    x = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)
    h = torch.randn(2, 4, dtype=torch.float64)
    hx = (h, h) if kind == "LSTMCell" else h
    value, expected = (states(one(x, hx))[0].square().sum() for one in (cell, theirs))
    for _ in range(3):
        (grad,) = torch.autograd.grad(value, x, create_graph=True)
        (their_grad,) = torch.autograd.grad(expected, x, create_graph=True)
        torch.testing.assert_close(grad, their_grad, rtol=0, atol=1e-9)
        assert grad.abs().max() > 1e-3
        value, expected = grad.sum(), their_grad.sum()
