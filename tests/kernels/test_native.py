"""The native kernel's numbers: against the reference in float64, and to the last bit."""

from __future__ import annotations

import ctypes
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from rnnkit import kernels
from rnnkit.errors import TrainingError
from rnnkit.kernels import Padded, Weights, native
from rnnkit.native import library
from rnnkit.recurrence import by_mode, cell_modes
from tests.kernels.cases import (
    CASES,
    MODES,
    TOLERANCE,
    Problem,
    assert_equal,
    assert_same,
    needs_native,
    threads,
)

pytestmark = needs_native

DTYPES = [torch.float32, torch.float64]
# Multiply-adds of a forward pass: what bounds the time of one example.
WORK = 2e7


@st.composite
def problems(draw: Any, dtype: torch.dtype) -> Problem:
    """Any sizes from 1 to 300, halved until they are not too much work together."""
    mode, projected = draw(st.sampled_from(CASES))
    sizes = {name: draw(st.integers(1, 300)) for name in "TBIH"}
    while (
        sizes["T"] * sizes["B"] * by_mode(mode).num_blocks * sizes["H"] * (sizes["I"] + sizes["H"])
        > WORK
    ):
        largest = max(sizes, key=lambda name: sizes[name])
        sizes[largest] //= 2
    torch.manual_seed(draw(st.integers(0, 2**16)))
    lengths = torch.randint(1, sizes["T"] + 1, (sizes["B"],))
    if not draw(st.booleans()):
        lengths.fill_(sizes["T"])
    hidden_size = sizes["H"]
    return Problem(
        mode,
        lengths.tolist(),
        steps=draw(st.sampled_from([None, sizes["T"]])),
        proj_size=draw(st.integers(1, hidden_size - 1)) if projected and hidden_size > 1 else 0,
        bias=draw(st.booleans()),
        state=draw(st.booleans()),
        input_size=sizes["I"],
        hidden_size=hidden_size,
        dtype=dtype,
    )


def assert_relatively_close(given: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    """Relative to the largest number of a tensor."""
    for place, (a, b) in enumerate(zip(given, expected, strict=True)):
        error, scale = (a.double() - b).abs().max(), b.abs().max()
        assert error <= tolerance * scale, f"tensor {place}: {error} of {scale}"


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=120)
@given(st.data(), st.booleans(), st.sampled_from([None, 1, 7, 40]))
def test_native_equals_the_reference_in_float64_for_any_sizes(
    dtype: torch.dtype, data: st.DataObject, reverse: bool, checkpoint: int | None
) -> None:
    problem = data.draw(problems(dtype))
    exact = problem.to(torch.float64)
    results = exact.run("reference", reverse=reverse)
    expected = exact.with_gradients(results)
    given = problem.with_gradients(problem.run("native", reverse=reverse, checkpoint=checkpoint))
    if problem.mode == "RNN_RELU" and dtype == torch.float32:
        # Its slope jumps from 0 to 1 where the last bits decide; in float64 that is not met.
        given, expected = given[: len(results)], expected[: len(results)]
        assert_relatively_close(given, expected, TOLERANCE[dtype])
        return
    # Gradients of what is read as one, and of the weights as one: that of a bias or first state of
    # one unit is a sum that may come out near nothing.
    read, weights = len(results), len(expected) - len(problem.parameters)
    for tensors in (given, expected):
        for part in (slice(weights, None), slice(read, weights)):
            tensors[part] = [torch.cat([grad.flatten() for grad in tensors[part]])]
    assert_relatively_close(given, expected, TOLERANCE[dtype])


# -- to the last bit ----------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
@settings(max_examples=40)
@given(st.data(), st.booleans())
def test_a_sequence_gives_the_same_bits_alone_in_any_batch_and_with_any_threads(
    dtype: torch.dtype, data: st.DataObject, reverse: bool
) -> None:
    mode, proj_size = data.draw(st.sampled_from(CASES))
    lengths = data.draw(st.lists(st.integers(1, 12), min_size=2, max_size=40))
    sizes = {
        "input_size": data.draw(st.integers(1, 70)),
        "hidden_size": data.draw(st.integers(3, 70)),
    }
    whole = Problem(
        mode, lengths, steps=max(lengths), proj_size=proj_size, dtype=dtype, state=False, **sizes
    )

    def run(rows: list[int], steps: int) -> list[Tensor]:
        data = torch.full((steps, len(rows), sizes["input_size"]), torch.nan, dtype=dtype)
        for place, row in enumerate(rows):
            data[: lengths[row], place] = whole.data.detach()[: lengths[row], row]
        form = Padded(torch.tensor([lengths[row] for row in rows]))
        with torch.no_grad():
            y, state = native.run(whole.spec, data, form, None, whole.weights, reverse=reverse)
        return [y, *state]

    everything = list(range(len(lengths)))
    expected = run(everything, max(lengths))
    chosen = data.draw(st.permutations(everything))[: data.draw(st.integers(1, len(lengths)))]
    for count in (1, 2):
        with threads(count):
            given = run(chosen, max(lengths) + 3)
        given[0] = given[0][: max(lengths)]
        assert_equal(given, [tensor[:, chosen] for tensor in expected])
    alone = run(chosen[:1], lengths[chosen[0]])
    assert_equal([alone[0]], [expected[0][: lengths[chosen[0]], chosen[:1]]])
    assert_equal(alone[1:], [tensor[:, chosen[:1]] for tensor in expected[1:]])


@pytest.mark.parametrize("steps", [None, 90])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_checkpoints_change_no_bit_of_any_gradient(
    mode: str, proj_size: int, reverse: bool, steps: int | None
) -> None:
    lengths = [90, 31, 90, 64, 1, 77]
    problem = Problem(
        mode, lengths, steps=steps, proj_size=proj_size, hidden_size=20, dtype=torch.float32
    )
    expected = problem.with_gradients(problem.run("native", reverse=reverse))
    for checkpoint in (1, 2, 9, 16, 17, 33, 64, 90, 1000):
        given = problem.run("native", reverse=reverse, checkpoint=checkpoint)
        assert_equal(problem.with_gradients(given), expected)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_gradients_have_the_same_bits_with_any_number_of_threads(
    mode: str, proj_size: int, reverse: bool
) -> None:
    lengths = torch.randint(1, 40, (33,)).tolist()
    problem = Problem(mode, lengths, steps=40, proj_size=proj_size, input_size=30, hidden_size=70)
    expected = problem.with_gradients(problem.run("native", reverse=reverse))
    for count in (2, 3):
        with threads(count):
            given = problem.with_gradients(problem.run("native", reverse=reverse))
        assert_equal(given, expected)


@pytest.mark.parametrize("mode", MODES)
def test_threads_never_run_into_each_other(mode: str) -> None:
    lengths = torch.randint(12, 51, (32,)).tolist()
    problem = Problem(mode, lengths, steps=50, input_size=64, hidden_size=64, dtype=torch.float32)
    expected = problem.with_gradients(problem.run("native"))
    with threads(2):
        for _ in range(30):
            assert_equal(problem.with_gradients(problem.run("native")), expected)


@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_training_and_inference_give_the_same_bits(mode: str, proj_size: int) -> None:
    problem = Problem(mode, [9, 4, 7], steps=9, proj_size=proj_size, dtype=torch.float32)
    trained = problem.run("native")
    with torch.no_grad():
        assert_equal(problem.run("native"), trained)


# -- what is kept, and what is needed -----------------------------------------------------------


@pytest.mark.parametrize("mode", MODES)
def test_checkpoints_keep_about_the_square_root(mode: str) -> None:
    problem = Problem(mode, [400] * 4, steps=400, hidden_size=64)

    def kept(checkpoint: int | None) -> int:
        storages: dict[int, int] = {}

        def pack(tensor: Tensor) -> Tensor:
            if all(tensor is not leaf for leaf in problem.leaves):
                storage = tensor.untyped_storage()
                storages[storage.data_ptr()] = storage.nbytes()
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
            results = native.run(
                problem.spec,
                problem.data,
                problem.form,
                problem.state,
                problem.weights,
                need_output=checkpoint is None,
                checkpoint=checkpoint or 0,
            )
        assert (results[0] is None) is (checkpoint is not None)
        return sum(storages.values())

    assert kept(20) * 9 < kept(None)


def described(number: int) -> tuple[int, ...] | None:
    """What the library says of a cell: gates, states, reserve, product, projects; None: no cell."""
    answer = ctypes.create_string_buffer(library.CELL.size)
    status = library.required().rnnkit_describe(number, answer)
    return library.CELL.unpack(answer.raw) if status == library.OK else None


def test_the_library_has_the_cells_that_the_specs_say() -> None:
    specs = {by_mode(mode).native: by_mode(mode) for mode in cell_modes()}
    for number in range(-2, 10):
        spec = specs.get(number)
        expected = spec and (
            spec.num_blocks,
            len(spec.states),
            len(spec.kept),
            spec.recurrent_product,
            spec.projection,
        )
        assert described(number) == expected
    assert set(specs) - {None} == set(range(4))


@pytest.mark.parametrize("mode", MODES)
def test_what_is_kept_for_backward_is_as_wide_as_the_spec_says(mode: str) -> None:
    problem = Problem(mode, [2], steps=2, hidden_size=5)
    given = (problem.spec, problem.data, problem.form, None, problem.weights)
    kept = native.forward(*given, keep=True).kept
    width = 5 * len(problem.spec.kept)
    assert (kept is None) if width == 0 else (kept.shape == (2, width))


@pytest.mark.parametrize("steps", [None, 7])
@pytest.mark.parametrize("checkpoint", [None, 3])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_every_gradient_can_be_asked_for_alone(
    mode: str, proj_size: int, checkpoint: int | None, steps: int | None
) -> None:
    problem = Problem(mode, [5, 7, 2], steps=steps, proj_size=proj_size)
    leaves = problem.leaves
    expected = problem.with_gradients(problem.run("native"))[-len(leaves) :]
    for leaf, grad in zip(leaves, expected, strict=True):
        for other in leaves:
            other.requires_grad_(other is leaf)
        results = problem.run("native", checkpoint=checkpoint)
        assert_equal(problem.with_gradients(results, [leaf])[-1:], [grad])


@pytest.mark.parametrize("mode", MODES)
def test_only_what_a_loss_looks_at_has_a_gradient(mode: str) -> None:
    problem = Problem(mode, [3, 5], steps=5)
    for place in range(2 if mode != "LSTM" else 3):
        given, expected = (
            torch.autograd.grad(problem.run(kernel)[place].square().sum(), problem.leaves)
            for kernel in ("native", "reference")
        )
        assert_same(list(given), list(expected), 1e-9)


@pytest.mark.parametrize("mode", MODES)
def test_a_second_derivative_is_refused_with_the_way_out(mode: str) -> None:
    problem = Problem(mode, [2, 1], steps=2)
    output = problem.run("native")[0]
    (grad,) = torch.autograd.grad(output.square().sum(), problem.data, create_graph=True)
    with pytest.raises(TrainingError, match=r"use_kernel\('reference'\)"):
        torch.autograd.grad(grad.sum(), problem.weights.weight_hh)


# -- inputs out of the ordinary -----------------------------------------------------------------


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 1e30, -1e30])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("mode", MODES)
def test_numbers_that_are_not_finite_give_what_the_reference_gives(
    mode: str, dtype: torch.dtype, value: float
) -> None:
    problem = Problem(mode, [5, 5, 3], steps=5, dtype=dtype, hidden_size=7)
    with torch.no_grad():
        clean = problem.run("native")
        problem.data[2, 1, 0] = value
        given, expected = problem.run("native"), problem.run("reference")
    for a, b in zip(given, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-4, atol=1e-5, equal_nan=True)
    others = [0, 2]
    assert_equal([a[..., others, :] for a in given], [a[..., others, :] for a in clean])


@pytest.mark.parametrize("mode", MODES)
def test_any_strides_are_read_correctly(mode: str) -> None:
    problem = Problem(mode, [4, 2, 4], steps=4, input_size=6)
    expected = problem.with_gradients(problem.run("native"))
    layouts = [
        lambda t: t.transpose(0, 1).contiguous().transpose(0, 1),
        lambda t: t.permute(2, 0, 1).contiguous().permute(1, 2, 0),
        lambda t: torch.stack([t, t], dim=-1)[..., 0],
        lambda t: torch.cat([t, t], dim=-1)[..., : t.shape[-1]],
        lambda t: torch.cat([t, t])[: len(t)],
    ]
    original = problem.data
    for layout in layouts:
        problem.data = layout(original.detach()).requires_grad_()
        assert not problem.data.is_contiguous() or layout is layouts[-1]
        assert_equal(problem.with_gradients(problem.run("native")), expected)
    problem.data = original
    problem.weights = Weights(
        *(
            w.detach().t().contiguous().t().requires_grad_() if w.dim() == 2 else w
            for w in problem.parameters
        )
    )
    assert_equal(problem.with_gradients(problem.run("native")), expected)


def test_an_expanded_input_and_gradient_are_read_correctly() -> None:
    problem = Problem("GRU", [4, 4], steps=4, input_size=1, hidden_size=1)
    problem.data = torch.ones(1, 1, 1, dtype=torch.float64, requires_grad=True)
    results = []
    for kernel in ("native", "reference"):
        with kernels.use_kernel(kernel):
            output, _ = kernels.run(
                problem.spec, problem.data.expand(4, 2, 1), problem.form, None, problem.weights
            )
        # The gradient of a sum is one number, expanded.
        results.append([output, *torch.autograd.grad(output.sum(), problem.data)])
    assert_same(*results, 1e-12)
