"""RNN, GRU and LSTM against torch.nn, and what they add to it."""

from __future__ import annotations

import copy
import itertools
import pickle
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from rnnkit import cells, kernels
from rnnkit.packed import Packed

KINDS = ["RNN", "GRU", "LSTM"]
OPTIONS: list[tuple[str, dict[str, Any]]] = [
    *((kind, {}) for kind in KINDS),
    *((kind, {"num_layers": 2, "bidirectional": True}) for kind in KINDS),
    *((kind, {"bias": False, "num_layers": 2}) for kind in KINDS),
    *((kind, {"batch_first": True, "bidirectional": True}) for kind in KINDS),
    ("RNN", {"nonlinearity": "relu", "bidirectional": True}),
    ("LSTM", {"proj_size": 2, "num_layers": 2, "bidirectional": True}),
    ("LSTM", {"proj_size": 2, "bias": False}),
]
LENGTHS = [3, 5, 1, 3]


def pair(kind: str, dtype: torch.dtype = torch.float64, **options: Any) -> tuple[Any, Any]:
    """Ours and torch's module, with the same parameters."""
    ours = getattr(cells, kind)(3, 4, dtype=dtype, **options)
    theirs = getattr(nn, kind)(3, 4, dtype=dtype, **options)
    theirs.load_state_dict(ours.state_dict())
    return ours, theirs


def tensors(result: Any) -> list[Tensor]:
    """Output and states in one list."""
    output, state = result
    return [output, *(state if isinstance(state, tuple) else (state,))]


def state_for(module: Any, batch: int) -> Any:
    """A random initial state that needs gradients."""
    rows = module.num_layers * module.num_directions
    h = torch.randn(rows, batch, module.output_size, dtype=torch.float64, requires_grad=True)
    c = torch.randn(rows, batch, module.hidden_size, dtype=torch.float64, requires_grad=True)
    return (h, c) if isinstance(module, cells.LSTM) else h


def gradients(results: list[Tensor], leaves: list[Tensor]) -> list[Tensor]:
    generator = torch.Generator().manual_seed(3)
    loss = sum(
        (r * torch.randn(r.shape, generator=generator, dtype=r.dtype)).sum() for r in results
    )
    return list(torch.autograd.grad(loss, leaves))


def assert_same(given: list[Tensor], expected: list[Tensor], tolerance: float = 1e-9) -> None:
    for a, b in zip(given, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def padded(module: Any, lengths: list[int], steps: int = 5) -> Tensor:
    x = torch.randn(steps, len(lengths), 3, dtype=torch.float64)
    return x.transpose(0, 1).contiguous() if module.batch_first else x


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_layer_equals_torch_with_states_and_all_gradients(
    kind: str, options: dict[str, Any]
) -> None:
    ours, theirs = pair(kind, **options)
    x, hx = padded(ours, LENGTHS).requires_grad_(), state_for(ours, 4)
    leaves = [x, *(hx if isinstance(hx, tuple) else (hx,))]
    for given_state in (None, hx):
        inputs = leaves if given_state is not None else [x]
        a, b = tensors(ours(x, given_state)), tensors(theirs(x, given_state))
        assert_same(a, b)
        assert_same(
            gradients(a, [*inputs, *ours.parameters()]),
            gradients(b, [*inputs, *theirs.parameters()]),
        )


@pytest.mark.parametrize("kernel", kernels.available())
@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_layer_with_lengths_equals_torchs_packed_sequence(
    kind: str, options: dict[str, Any], kernel: str
) -> None:
    ours, theirs = pair(kind, **options)
    x, hx = padded(ours, LENGTHS).requires_grad_(), state_for(ours, 4)
    leaves = [x, *(hx if isinstance(hx, tuple) else (hx,))]
    with kernels.use_kernel(kernel):
        a = tensors(ours(x, hx, lengths=LENGTHS))
    packed = pack_padded_sequence(x, LENGTHS, ours.batch_first, enforce_sorted=False)
    output, state = theirs(packed, hx)
    output = pad_packed_sequence(output, ours.batch_first)[0]
    b = tensors((output, state))
    assert_same(a, b)
    assert_same(
        gradients(a, [*leaves, *ours.parameters()]), gradients(b, [*leaves, *theirs.parameters()])
    )


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_packed_sequence_goes_in_and_out_as_with_torch(kind: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(kind, **options)
    x = padded(ours, LENGTHS)
    packed = pack_padded_sequence(x, torch.tensor(LENGTHS), ours.batch_first, enforce_sorted=False)
    hx = state_for(ours, 4)
    a, b = ours(packed, hx), theirs(packed, hx)
    assert isinstance(a[0], PackedSequence)
    assert_same(tensors((a[0].data, a[1])), tensors((b[0].data, b[1])))
    assert torch.equal(a[0].unsorted_indices, b[0].unsorted_indices)
    in_order = pack_padded_sequence(x, torch.tensor([5, 4, 2, 2]), ours.batch_first)
    a, b = ours(in_order), theirs(in_order)
    assert_same(tensors((a[0].data, a[1])), tensors((b[0].data, b[1])))


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_packed_goes_in_and_out_in_sorted_order(kind: str, options: dict[str, Any]) -> None:
    ours, _ = pair(kind, **options)
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in LENGTHS]
    packed = Packed.from_sequences(sequences)
    output, state = ours(packed)
    assert isinstance(output, Packed)
    h_n = tensors((output, state))[1][:, packed.layout.inverse]
    for b, (sequence, result) in enumerate(zip(sequences, output.to_sequences(), strict=True)):
        alone, state_alone = ours(sequence)
        assert_same([result, h_n[:, b]], [alone, tensors((alone, state_alone))[1]])


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_a_sequence_alone_and_unbatched_equals_torch(kind: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(kind, **options)
    for steps in (1, 5):
        x = torch.randn(steps, 3, dtype=torch.float64)
        hx = state_for(ours, 1)
        hx = tuple(s[:, 0] for s in hx) if isinstance(hx, tuple) else hx[:, 0]
        assert_same(tensors(ours(x)), tensors(theirs(x)))
        assert_same(tensors(ours(x, hx)), tensors(theirs(x, hx)))
    assert_same(tensors(ours(x, lengths=[5])), tensors(theirs(x)))
    short = tensors(ours(x, lengths=[2]))
    assert_same([short[0][:2], *short[1:]], tensors(theirs(x[:2])))


@settings(max_examples=30)
@given(
    st.sampled_from(KINDS),
    st.lists(st.integers(1, 6), min_size=1, max_size=5),
    st.integers(0, 4),
    st.booleans(),
    st.sampled_from([torch.float64, torch.float32]),
)
def test_a_result_depends_on_neither_padding_nor_batch_mates_nor_order(
    kind: str, lengths: list[int], extra: int, bidirectional: bool, dtype: torch.dtype
) -> None:
    tolerance = 1e-9 if dtype == torch.float64 else 1e-5
    layer = getattr(cells, kind)(3, 4, num_layers=2, bidirectional=bidirectional, dtype=dtype)
    sequences = [torch.randn(n, 3, dtype=dtype) for n in lengths]
    # What stands in the padding must not matter either.
    x = torch.full((max(lengths) + extra, len(lengths), 3), 1e3, dtype=dtype)
    for b, sequence in enumerate(sequences):
        x[: len(sequence), b] = sequence
    output, *state = tensors(layer(x, lengths=lengths))
    for b, sequence in enumerate(sequences):
        alone = tensors(layer(sequence))
        assert_same([output[: len(sequence), b], *(s[:, b] for s in state)], alone, tolerance)
        assert not output[len(sequence) :, b].any()


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_of_padding_are_zero(kind: str) -> None:
    layer = getattr(cells, kind)(3, 4, bidirectional=True)
    x = torch.randn(5, 2, 3, requires_grad=True)
    output, state = layer(x, lengths=[2, 4])
    (grad,) = torch.autograd.grad(output.sum() + tensors((output, state))[-1].sum(), x)
    assert not grad[2:, 0].any()
    assert not grad[4:, 1].any()
    assert grad[:2, 0].all()


@pytest.mark.parametrize("kind", KINDS)
def test_a_sequence_in_two_parts_with_carried_state_equals_the_whole(kind: str) -> None:
    layer = getattr(cells, kind)(3, 4, num_layers=2, dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    whole = tensors(layer(x, lengths=[6, 4]))
    first, state = layer(x[:3])
    second, *final = tensors(layer(x[3:], state, lengths=[3, 1]))
    assert_same([torch.cat([first, second]), *final], whole)


@pytest.mark.parametrize("kind", KINDS)
def test_batch_first_turns_input_and_output_but_not_the_state(kind: str) -> None:
    layer = getattr(cells, kind)(3, 4, dtype=torch.float64)
    turned = getattr(cells, kind)(3, 4, batch_first=True, dtype=torch.float64)
    turned.load_state_dict(layer.state_dict())
    x, hx = padded(layer, LENGTHS), state_for(layer, 4)
    output, *state = tensors(layer(x, hx, lengths=LENGTHS))
    output_turned, *state_turned = tensors(turned(x.transpose(0, 1), hx, lengths=LENGTHS))
    assert_same([output_turned.transpose(0, 1), *state_turned], [output, *state])


@pytest.mark.parametrize(
    "lengths", [LENGTHS, tuple(LENGTHS), torch.tensor(LENGTHS), torch.tensor(LENGTHS).numpy()]
)
def test_lengths_may_be_any_list_of_whole_numbers(lengths: Any) -> None:
    layer = cells.GRU(3, 4)
    x = torch.randn(5, 4, 3)
    assert_same(tensors(layer(x, lengths=lengths)), tensors(layer(x, lengths=LENGTHS)), 1e-6)


def test_without_need_state_only_the_lstms_cell_is_left_out() -> None:
    x = torch.randn(5, 4, 3)
    for kind, lengths in itertools.product(KINDS, (None, LENGTHS)):
        layer = getattr(cells, kind)(3, 4, num_layers=2, bidirectional=True)
        full = tensors(layer(x, lengths=lengths))
        output, state = layer(x, lengths=lengths, need_state=False)
        if kind == "LSTM":
            state, c_n = state
            assert c_n is None
        assert_same([output, state], full[:2], 1e-5)


@pytest.mark.parametrize(("kind", "options"), OPTIONS)
def test_the_same_seed_gives_torchs_initial_values(kind: str, options: dict[str, Any]) -> None:
    torch.manual_seed(5)
    ours = getattr(cells, kind)(3, 4, **options)
    torch.manual_seed(5)
    theirs = getattr(nn, kind)(3, 4, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for name, value in theirs.state_dict().items():
        assert torch.equal(ours.state_dict()[name], value), name
    fresh = getattr(cells, kind)(3, 4, **options)
    fresh.load_state_dict(theirs.state_dict())
    assert [name for name, _ in fresh.named_parameters()] == [
        name for name, _ in theirs.named_parameters()
    ]


@pytest.mark.parametrize("kind", KINDS)
def test_dropout_stands_between_layers_as_in_torch_and_only_in_training(kind: str) -> None:
    ours, theirs = pair(kind, num_layers=3, dropout=0.5)
    x = torch.randn(6, 3, 3, dtype=torch.float64)
    torch.manual_seed(1)
    a = tensors(ours(x))
    torch.manual_seed(1)
    assert_same(a, tensors(theirs(x)))
    assert not torch.equal(a[0], ours(x)[0])
    assert_same(tensors(ours.eval()(x)), tensors(theirs.eval()(x)))


@pytest.mark.parametrize("kernel", kernels.available())
@pytest.mark.parametrize("kind", KINDS)
def test_recurrent_dropout_drops_weights_once_a_forward_and_only_in_training(
    kind: str, kernel: str
) -> None:
    layer = getattr(cells, kind)(3, 4, recurrent_dropout=0.5, bidirectional=True)
    plain = getattr(cells, kind)(3, 4, bidirectional=True)
    plain.load_state_dict(layer.state_dict())
    x = torch.randn(5, 2, 3)
    with kernels.use_kernel(kernel):
        torch.manual_seed(2)
        dropped = layer(x)[0]
        torch.manual_seed(2)
        with torch.no_grad():
            for weight in (plain.weight_hh_l0, plain.weight_hh_l0_reverse):
                weight.copy_(torch.dropout(weight, 0.5, True))
        assert_same([dropped], [plain(x)[0]], 1e-5)
        plain.load_state_dict(layer.state_dict())
        assert_same([layer.eval()(x)[0]], [plain(x)[0]], 1e-6)
    assert not torch.equal(dropped, plain(x)[0])


def test_all_recurrent_weights_dropped_leave_a_state_that_forgets() -> None:
    layer = cells.RNN(3, 4, recurrent_dropout=1.0)
    x = torch.randn(4, 2, 3)
    bias = layer.bias_ih_l0 + layer.bias_hh_l0
    expected = torch.tanh(x @ layer.weight_ih_l0.t() + bias)
    torch.testing.assert_close(layer(x)[0], expected)


@pytest.mark.parametrize("kind", KINDS)
def test_copies_pickles_and_conversions_work(kind: str) -> None:
    layer = getattr(cells, kind)(3, 4, num_layers=2)
    x = torch.randn(5, 2, 3)
    expected = layer(x)[0]
    for other in (copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        torch.testing.assert_close(other(x)[0], expected, rtol=0, atol=0)
    assert layer.double()(x.double())[0].dtype == torch.float64


def test_an_expanded_state_and_a_transposed_input_are_read_correctly() -> None:
    ours, theirs = pair("LSTM", torch.float32)
    state = tuple(torch.randn(1, 1, 4).expand(1, 6, 4) for _ in range(2))
    x = torch.randn(6, 5, 3).transpose(0, 1)
    assert_same(tensors(ours(x, state)), tensors(theirs(x, state)), 1e-5)


def test_evaluation_mode_trains_too_and_no_grad_agrees() -> None:
    for kind in KINDS:
        layer = getattr(cells, kind)(3, 4).eval()
        x = torch.randn(5, 2, 3, requires_grad=True)
        output = layer(x, lengths=[2, 5])[0]
        output.sum().backward()
        assert x.grad is not None
        assert x.grad.any()
        with torch.no_grad():
            torch.testing.assert_close(layer(x, lengths=[2, 5])[0], output, rtol=1e-5, atol=1e-5)


def test_a_final_state_changed_in_place_leaves_the_output_alone() -> None:
    for kind in KINDS:
        with torch.no_grad():
            output, state = getattr(cells, kind)(3, 4, bidirectional=True)(torch.randn(1, 2, 3))
            before = output.clone()
            tensors((output, state))[1].zero_()
        assert torch.equal(output, before)


def test_layer_tells_its_kernel_and_its_options() -> None:
    layer = cells.LSTM(3, 4, proj_size=2, recurrent_dropout=0.1)
    with kernels.use_kernel("reference"):
        assert layer.kernel == "reference"
    assert repr(layer) == "LSTM(3, 4, proj_size=2, recurrent_dropout=0.1)"
    assert repr(cells.RNN(3, 4, nonlinearity="relu")) == "RNN(3, 4, nonlinearity=relu)"
