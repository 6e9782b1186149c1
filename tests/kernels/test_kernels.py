"""The reference against torch.nn, and every other kernel against the reference."""

from __future__ import annotations

import threading

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.utils.rnn import PackedSequence

from rnnkit import kernels, torch_private
from rnnkit.errors import OptionError
from rnnkit.kernels import Padded, Weights
from rnnkit.native import library
from rnnkit.recurrence import RELU, by_mode
from tests.kernels.cases import CASES, FAST, KERNELS, MODES, TOLERANCE, Problem, assert_same


def torch_results(problem: Problem, *, reverse: bool) -> list[torch.Tensor]:
    """torch's own operator on its PackedSequence; reverse as half of a bidirectional module."""
    weights = [w for w in problem.weights if w is not None]
    hidden_size = problem.weights.weight_ih.shape[0] // by_mode(problem.mode).num_blocks
    kind = {"LSTM": torch.nn.LSTM, "GRU": torch.nn.GRU}.get(problem.mode, torch.nn.RNN)
    options = {"RNN_RELU": {"nonlinearity": "relu"}}.get(problem.mode, {})
    if problem.weights.weight_hr is not None:
        options = {"proj_size": len(problem.weights.weight_hr)}
    module = kind(
        problem.data.shape[1],
        hidden_size,
        bias=problem.weights.bias_ih is not None,
        bidirectional=True,
        dtype=problem.data.dtype,
        **options,
    )
    names = [n for n, _ in module.named_parameters() if n.endswith("_reverse") == reverse]
    parameters = dict(zip(names, weights, strict=True))
    # The direction that is not looked at starts from the same state.
    state = tuple(torch.stack([s, s]) for s in problem.state)
    packed = PackedSequence(problem.data, problem.form.batch_sizes)
    hx = state if problem.mode == "LSTM" else state[0]
    output, final = torch.func.functional_call(module, parameters, (packed, hx))
    final = final if problem.mode == "LSTM" else (final,)
    return [
        output.data.chunk(2, dim=1)[int(reverse)],
        *(f[int(reverse)].unsqueeze(0) for f in final),
    ]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lengths", [[5, 5, 3, 1], [4, 4], [1], [1, 1]])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_reference_equals_torch_in_outputs_states_and_gradients(
    mode: str, proj_size: int, lengths: list[int], bias: bool, reverse: bool
) -> None:
    problem = Problem(mode, lengths, proj_size=proj_size, bias=bias)
    given = problem.with_gradients(problem.run("reference", reverse=reverse))
    expected = problem.with_gradients(torch_results(problem, reverse=reverse))
    assert_same(given, expected, 1e-9)


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lengths", [[7, 7, 4, 2, 1], [3, 3], [1], [1, 1]])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_fast_kernel_equals_the_reference_in_outputs_states_and_gradients(
    mode: str,
    proj_size: int,
    lengths: list[int],
    bias: bool,
    reverse: bool,
    dtype: torch.dtype,
    kernel: str,
) -> None:
    problem = Problem(mode, lengths, proj_size=proj_size, bias=bias, dtype=dtype)
    given = problem.with_gradients(problem.run(kernel, reverse=reverse))
    expected = problem.with_gradients(problem.run("reference", reverse=reverse))
    assert_same(given, expected, TOLERANCE[dtype])


@settings(max_examples=40)
@given(
    st.sampled_from(CASES),
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(1, 5),
    st.integers(3, 9),
    st.booleans(),
)
def test_fast_kernel_equals_the_reference_for_any_lengths_and_sizes(
    case: tuple[str, int], lengths: list[int], input_size: int, hidden_size: int, reverse: bool
) -> None:
    problem = Problem(
        case[0], lengths, proj_size=case[1], input_size=input_size, hidden_size=hidden_size
    )
    expected = problem.with_gradients(problem.run("reference", reverse=reverse))
    assert_same(problem.with_gradients(problem.run("torch", reverse=reverse)), expected, 1e-9)


@pytest.mark.parametrize("steps", [4, 6])
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("lengths", [[2, 4, 1, 4], [4, 4]])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_a_padded_batch_gives_what_its_packed_rows_give(
    mode: str, proj_size: int, lengths: list[int], kernel: str, steps: int
) -> None:
    padded = Problem(mode, lengths, steps=steps, proj_size=proj_size)
    packed = Problem(mode, lengths, proj_size=proj_size)
    layout, packed.weights = padded.form.layout(steps, len(lengths)), padded.weights
    for reverse in (False, True):
        packed.data = padded.form.pack(padded.data)
        packed.state = tuple(s[layout.order] for s in padded.state)
        output, *state = padded.run(kernel, reverse=reverse)
        rows, *sorted_state = packed.run("reference", reverse=reverse)
        expected = [padded.form.unpack(rows, *output.shape[:2])]
        expected += [s[:, layout.inverse] for s in sorted_state]
        given = padded.with_gradients([output, *state])
        assert_same(given, padded.with_gradients(expected), 1e-9)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_lstm_holds_its_cell_exactly_through_long_padding(dtype: torch.dtype) -> None:
    problem = Problem("LSTM", [300, 1], dtype=dtype)
    alone = Problem("LSTM", [1], dtype=dtype)
    alone.data, alone.weights = problem.data[1:2], problem.weights
    alone.state = (problem.state[0][1:], problem.state[1][1:])
    given = problem.run("torch", reverse=False)[2][:, 1:]
    expected = alone.run("torch", reverse=False)[2]
    torch.testing.assert_close(given, expected, rtol=TOLERANCE[dtype] / 10, atol=0)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_gradients_pass_gradcheck(mode: str, proj_size: int, reverse: bool, kernel: str) -> None:
    problem = Problem(mode, [3, 2, 1], proj_size=proj_size, input_size=2, hidden_size=3)

    def function(*leaves: torch.Tensor) -> tuple[torch.Tensor, ...]:
        states = len(problem.state)
        problem.data, problem.state = leaves[0], leaves[1 : 1 + states]
        problem.weights = Weights(*leaves[1 + states :])
        return tuple(problem.run(kernel, reverse=reverse))

    assert torch.autograd.gradcheck(function, tuple(problem.leaves))


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("lengths", [[4, 2], [3, 3]])
@pytest.mark.parametrize("mode", MODES)
def test_leaving_the_state_out_changes_nothing_else(
    mode: str, lengths: list[int], kernel: str
) -> None:
    problem = Problem(mode, lengths)
    for reverse in (False, True):
        full = problem.run(kernel, reverse=reverse)
        without = problem.run(kernel, reverse=reverse, need_state=False)
        assert len(without) == 2
        assert_same(without, full[:2], 1e-12)


@pytest.mark.parametrize("kernel", FAST)
@pytest.mark.parametrize("mode", MODES)
def test_fast_kernel_leaves_its_input_alone_and_runs_backward_twice(mode: str, kernel: str) -> None:
    problem = Problem(mode, [3, 1])
    before = [leaf.detach().clone() for leaf in problem.leaves]
    output = problem.run(kernel)[0]
    first = torch.autograd.grad(output.sum(), problem.leaves, retain_graph=True)
    second = torch.autograd.grad(output.sum(), problem.leaves)
    assert all(torch.equal(a, b) for a, b in zip(before, problem.leaves, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("mode", MODES)
def test_reference_can_be_differentiated_twice(mode: str) -> None:
    problem = Problem(mode, [2, 1], input_size=2, hidden_size=2)
    output = problem.run("reference", reverse=False)[0]
    (grad,) = torch.autograd.grad((output**2).sum(), problem.data, create_graph=True)
    (second,) = torch.autograd.grad(grad.sum(), problem.weights.weight_hh)
    assert torch.isfinite(second).all()
    assert second.any()


def test_the_environment_chooses_the_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RNNKIT_KERNEL", raising=False)
    assert kernels.kernel_for("GRU") == kernels.available()[0]
    monkeypatch.setenv("RNNKIT_KERNEL", "reference")
    assert kernels.kernel_for("GRU") == "reference"
    with kernels.use_kernel("torch"):
        assert kernels.kernel_for("GRU") == "torch"
    assert kernels.kernel_for("GRU") == "reference"


def test_what_the_native_kernel_cannot_take_goes_to_torchs() -> None:
    for dtype, device in ((torch.bfloat16, "cpu"), (torch.float16, "cpu"), (torch.float32, "meta")):
        assert kernels.kernel_for("LSTM", dtype=dtype, device=device) == "torch"
    data, weight = torch.ones(2, 1, 1).bfloat16(), torch.ones(1, 1).bfloat16()
    output, _ = kernels.run(RELU, data, Padded(), None, Weights(weight, weight))
    assert output.flatten().tolist() == [1.0, 2.0]


def test_forcing_the_native_kernel_where_it_cannot_run_says_why(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with kernels.use_kernel("native"):
        with pytest.raises(OptionError, match=r"kernel='native' .* torch.bfloat16"):
            kernels.kernel_for("GRU", dtype=torch.bfloat16)
        with pytest.raises(OptionError, match="'meta', and it runs on the CPU"):
            kernels.kernel_for("GRU", device="meta")
        monkeypatch.setattr(library, "problem", lambda: "there is none: install it.")
        with pytest.raises(OptionError, match="cannot run here: there is none: install it"):
            kernels.kernel_for("GRU")


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("mode", MODES)
def test_under_autocast_the_recurrence_is_in_float32(mode: str, kernel: str) -> None:
    problem = Problem(mode, [3, 1, 2], steps=3, dtype=torch.float32)
    low = problem.to(torch.bfloat16)
    expected = low.to(torch.float32).run(kernel)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        given = low.run(kernel)
        assert_same(low.with_gradients(given)[: len(given)], expected, 1e-6)
    problem.weights = Weights(*(None if w is None else w.float() for w in low.weights))
    problem.data, problem.state = low.data, low.state
    with torch.autocast("cpu", dtype=torch.float16):
        assert_same(problem.run(kernel), expected, 1e-6)
    assert all(tensor.dtype == torch.float32 for tensor in given)


def test_the_kernel_named_is_the_one_that_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    problem = Problem("LSTM", [2, 1])
    called: list[str] = []
    original = torch_private.lstm
    monkeypatch.setattr(torch_private, "lstm", lambda *a: (called.append("torch"), original(*a))[1])
    problem.run("reference", reverse=False)
    assert called == []
    problem.run("torch", reverse=False)
    assert called == ["torch"]


def test_use_kernel_ends_with_its_block_and_stays_in_its_thread() -> None:
    default, seen = kernels.kernel_for("LSTM"), []
    with kernels.use_kernel("reference"):
        thread = threading.Thread(target=lambda: seen.append(kernels.kernel_for("LSTM")))
        thread.start()
        thread.join()
    assert seen == [default]
    assert kernels.kernel_for("LSTM") == default


def test_an_unknown_kernel_or_mode_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError, match="Did you mean 'torch'"), kernels.use_kernel("troch"):
        pass
    with pytest.raises(OptionError, match="mode='LSTN' is not known"):
        kernels.kernel_for("LSTN")
    monkeypatch.setenv("RNNKIT_KERNEL", "nativ")
    with pytest.raises(OptionError, match="RNNKIT_KERNEL='nativ' is not known"):
        kernels.kernel_for("LSTM")
