"""The native kernel as torch operators: registration, tracing, bad arguments, and processes."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnkit.errors import OptionError, ShapeError
from rnnkit.kernels import Padded
from rnnkit.recurrence import TANH, CellSpec, register, unregister
from tests.kernels.cases import Problem, assert_equal, needs_native

pytestmark = needs_native


def arguments(
    problem: Problem, *, reverse: bool = False, checkpoint: int = 0, keep: bool = True
) -> tuple[Any, ...]:
    """Those of `rnnkit::forward` and `rnnkit::recurrent`."""
    h_0, c_0 = (*(problem.state or (None,)), None)[:2]
    if isinstance(problem.form, Padded):
        where = (problem.form.lengths, None, problem.data.shape[1])
    else:
        where = (None, problem.form.batch_sizes, problem.form.num_sequences)
    inputs = (problem.data, h_0, c_0, *problem.weights, *where)
    return (*inputs, problem.mode, reverse, checkpoint, True, keep)


def detached(given: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(a.detach() if isinstance(a, Tensor) else a for a in given)


@pytest.mark.parametrize(
    ("mode", "proj_size", "state", "steps", "checkpoint"),
    [
        ("RNN_TANH", 0, True, None, 0),
        ("RNN_RELU", 0, False, 3, 9),
        ("GRU", 0, True, 3, 0),
        ("GRU", 0, False, None, 9),
        ("LSTM", 0, False, 3, 0),
        ("LSTM", 2, True, None, 9),
    ],
)
def test_operators_pass_opcheck(
    mode: str, proj_size: int, state: bool, steps: int | None, checkpoint: int
) -> None:
    problem = Problem(mode, [3, 3], steps=steps, proj_size=proj_size, state=state)
    given = arguments(problem, checkpoint=checkpoint)
    torch.library.opcheck(torch.ops.rnnkit.recurrent.default, given)
    plain = detached(given)
    torch.library.opcheck(torch.ops.rnnkit.forward.default, plain)
    y, h_n, _, kept = torch.ops.rnnkit.forward.default(*plain)
    read = None if checkpoint else y
    inputs = (torch.ones_like(y), h_n, None, *plain[:10], read, kept, *plain[10:14])
    needs = (True, state, state and mode == "LSTM", True)
    torch.library.opcheck(torch.ops.rnnkit.backward.default, (*inputs, *needs))


def test_a_compiled_program_may_hold_the_operator_and_no_grad_too() -> None:
    problem = Problem("GRU", [3, 2], steps=3)
    given = arguments(problem)
    with torch.no_grad():
        expected = torch.ops.rnnkit.recurrent.default(*given)
    with torch.inference_mode():
        assert_equal(list(torch.ops.rnnkit.recurrent.default(*given))[:2], list(expected)[:2])


# -- what does not fit --------------------------------------------------------------------------


def changed(problem: Problem, place: int, value: Any) -> tuple[Any, ...]:
    given = list(arguments(problem))
    given[place] = value(given[place]) if callable(value) else value
    return tuple(given)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, lambda x: x.float(), r"h_0 is torch.float64 of shape \(2, 4\), but torch.float32"),
        (0, lambda x: x.bfloat16(), "input is torch.bfloat16, but the native kernel takes"),
        (0, lambda x: x[..., :2], r"input is .* \(3, 2, 2\), but .* \(3, 2, 3\) was expected"),
        (0, lambda x: x[0], r"input is .* \(2, 3\)"),
        (0, lambda x: x[:0], "at least one step"),
        (1, lambda h: h[:1], r"h_0 is .* \(1, 4\), but .* \(2, 4\) was expected"),
        (2, lambda c: c[:, :3], r"c_0 is .* \(2, 3\)"),
        (3, lambda w: w[:15], r"weight_ih and weight_hh have shapes \(15, 3\)"),
        (3, lambda w: w[0], "matrices were expected"),
        (4, lambda w: w[:, :3], r"weight_hh have shapes .* \(16, 3\)"),
        (4, lambda w: w[:12], r"weight_hh is .* \(12, 4\), but .* \(16, 4\)"),
        (5, lambda b: b[:3], r"bias_ih is .* \(3,\), but .* \(16,\)"),
        (5, None, "one of bias_ih and bias_hh is missing"),
        (6, lambda b: b.float(), "bias_hh is torch.float32"),
        (7, torch.zeros(2, 4).double(), r"weight_hr is .* \(2, 4\), but .* \(4, 4\)"),
        (8, torch.tensor([3]), r"lengths is .* \(1,\), but torch.int64 of shape \(2,\)"),
        (8, torch.tensor([3, 2]).int(), "lengths is torch.int32"),
        (8, torch.tensor([3, 0]), r"lengths\[1\] is 0, but a sequence needs at least one step"),
        (8, torch.tensor([4, 1]), r"lengths\[0\] is 4 but input has only 3 steps"),
        (8, torch.tensor([1, -(2**62)]), r"lengths\[1\] is -4611686018427387904"),
    ],
)
def test_arguments_that_do_not_fit_are_named(place: int, value: Any, message: str) -> None:
    problem = Problem("LSTM", [3, 2], steps=3)
    for operator in (torch.ops.rnnkit.recurrent.default, torch.ops.rnnkit.forward.default):
        with pytest.raises(ShapeError, match=message):
            operator(*changed(problem, place, value))


@pytest.mark.parametrize(
    ("batch_sizes", "message"),
    [
        ([2, 2, 2], "begins with 2 and adds up to 6, but the input has 2 sequences and 5 rows"),
        ([1, 2, 2], "begins with 1"),
        ([2, 0, 3], r"batch_sizes\[1\] is 0"),
        ([2, 1, 2], r"batch_sizes\[2\] is 2, but sizes of at least 1 that never grow"),
        ([[2, 2, 1]], r"batch_sizes is torch.int64 of shape \(1, 3\)"),
    ],
)
def test_batch_sizes_that_do_not_fit_are_named(batch_sizes: Any, message: str) -> None:
    problem = Problem("RNN_TANH", [3, 2])
    with pytest.raises(ShapeError, match=message):
        torch.ops.rnnkit.forward.default(*changed(problem, 9, torch.tensor(batch_sizes)))


@pytest.mark.parametrize(
    ("place", "message"),
    [(2, "c_0 is given, but .* 'GRU' has the state h"), (7, "weight_hr .* 'GRU' projects nothing")],
)
def test_a_state_or_projection_that_the_cell_has_not_is_refused(place: int, message: str) -> None:
    problem = Problem("GRU", [3, 2], steps=3)
    with pytest.raises(ShapeError, match=message):
        torch.ops.rnnkit.forward.default(*changed(problem, place, torch.zeros(2, 4).double()))


def test_a_cell_without_a_native_kernel_is_refused() -> None:
    spec = register(CellSpec("plain", "PLAIN", "plain", TANH.step))
    try:
        given = list(arguments(Problem("RNN_TANH", [3, 2], steps=3)))
        given[given.index("RNN_TANH", 10)] = "PLAIN"
        with pytest.raises(OptionError, match="'plain' has no native kernel"):
            torch.ops.rnnkit.forward.default(*given)
    finally:
        unregister(spec)


@pytest.mark.parametrize("checkpoint", [0, 2])
def test_backward_checks_what_it_is_given(checkpoint: int) -> None:
    problem = Problem("LSTM", [3, 2], steps=3)
    given = detached(arguments(problem, checkpoint=checkpoint))
    y, h_n, c_n, kept = torch.ops.rnnkit.forward.default(*given)
    good = [y, h_n, c_n, *given[:10], y, kept, *given[10:14], *[True] * 4]
    torch.ops.rnnkit.backward.default(*good)
    names = {0: "grad_y", 1: "grad_h_n", 2: "grad_c_n", 13: "y", 14: "kept"}
    for place, name in names.items():
        wrong = [*good[:place], torch.zeros(2, 2).double(), *good[place + 1 :]]
        with pytest.raises(ShapeError, match=f"{name} is torch.float64 of shape"):
            torch.ops.rnnkit.backward.default(*wrong)
    good[13] = None
    if checkpoint:
        torch.ops.rnnkit.backward.default(*good)
    else:
        with pytest.raises(ShapeError, match="y is missing"):
            torch.ops.rnnkit.backward.default(*good)


@pytest.mark.parametrize("checkpoint", [0, 2])
def test_backward_reads_what_it_is_given_in_any_strides(checkpoint: int) -> None:
    problem = Problem("LSTM", [3, 2], steps=3)
    given = detached(arguments(problem, checkpoint=checkpoint))
    y, h_n, c_n, kept = torch.ops.rnnkit.forward.default(*given)
    read = [y, h_n, c_n, *given[:10], y, kept]
    options = [*given[10:14], *[True] * 4]
    expected = torch.ops.rnnkit.backward.default(*read, *options)
    strided = [t if t is None else t.mT.contiguous().mT if t.dim() > 1 else t for t in read]
    assert_equal(torch.ops.rnnkit.backward.default(*strided, *options), expected)


# -- processes ----------------------------------------------------------------------------------

# The child does nothing with torch that torch itself would share among its own threads.
FORK = """
import os, signal, torch
from torch.utils.data import DataLoader
from rnnkit import cells
torch.set_num_threads(2)
layer, x = cells.LSTM(64, 128), torch.randn(20, 64, 64)
weights = list(layer.parameters())
expected = layer(x)[0]
ones = torch.ones_like(expected)
grads = torch.autograd.grad(expected, weights, ones, retain_graph=True)
def same(a, b):
    return bytes(a.detach().numpy()) == bytes(b.detach().numpy())
child = os.fork()
if child == 0:
    signal.alarm(60)
    output = layer(x)[0]
    found = torch.autograd.grad(output, weights, ones)
    right = same(output, expected) and all(map(same, found, grads))
    os._exit(0 if right else 1)
status = os.waitpid(child, 0)[1]
assert status == 0, f"the child ended with {status}"
def collate(rows):
    with torch.no_grad():
        return layer(torch.stack(rows, dim=1))[0]
loader = DataLoader(list(x.unbind(1)), batch_size=16, collate_fn=collate, num_workers=2, timeout=60)
assert same(torch.cat(list(loader), dim=1), expected)
assert same(layer(x)[0], expected)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_forked_child_and_the_workers_of_a_loader_neither_hang_nor_differ() -> None:
    run = subprocess.run(
        [sys.executable, "-c", FORK], capture_output=True, text=True, timeout=180, check=False
    )
    assert run.returncode == 0, run.stderr
