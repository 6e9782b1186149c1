"""Traces: the same from the native reserve as from the reference's steps."""

from __future__ import annotations

import pytest
import torch

from rnnkit import kernels
from tests.kernels.cases import CASES, KERNELS, Problem

GATES = {"LSTM": ["i", "f", "g", "o"], "GRU": ["r", "z", "n"]}


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("state", [True, False])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize(("mode", "proj_size"), CASES)
def test_a_trace_holds_what_every_step_held(
    mode: str, proj_size: int, reverse: bool, state: bool, kernel: str
) -> None:
    lengths = [3, 5, 1]
    problem = Problem(mode, lengths, steps=6, proj_size=proj_size, state=state)
    given = (problem.spec, problem.data, problem.form, problem.state, problem.weights)
    with kernels.use_kernel(kernel):
        trace = kernels.trace(*given, reverse=reverse)
    output, *final = problem.run("reference", reverse=reverse)
    torch.testing.assert_close(trace.h, output.detach(), rtol=1e-9, atol=1e-9)
    assert list(trace.gates) == GATES.get(mode, [])
    assert not trace.h.requires_grad
    parts = [trace.h, *trace.gates.values()]
    if mode == "LSTM":
        last = [0 if reverse else n - 1 for n in lengths]
        c_n = trace.c[last, range(3)]
        torch.testing.assert_close(c_n, final[1][0].detach(), rtol=1e-9, atol=1e-9)
        torch.testing.assert_close(cell_again(trace, problem, reverse), trace.c)
        parts.append(trace.c)
    else:
        assert trace.c is None
    for part in parts:
        assert part.shape[:2] == (6, 3)
        for b, n in enumerate(lengths):
            assert part[:n, b].any()
            assert not part[n:, b].any()


def cell_again(trace: kernels.Trace, problem: Problem, reverse: bool) -> torch.Tensor:
    """c' = f * c + i * g, with the trace's own gates."""
    before = torch.zeros_like(trace.c)
    c_0 = problem.state[1].detach() if problem.state else torch.zeros_like(trace.c[0])
    if reverse:
        before[:-1] = trace.c[1:]
        for b, n in enumerate(problem.form.lengths.tolist()):
            before[n - 1, b] = c_0[b]
    else:
        before[1:], before[0] = trace.c[:-1], c_0
    gates = trace.gates
    again = gates["f"] * before + gates["i"] * gates["g"]
    valid = torch.arange(len(again))[:, None] < problem.form.lengths
    return again * valid[..., None]


@pytest.mark.parametrize("mode", GATES)
def test_all_kernels_show_the_same_gates(mode: str) -> None:
    problem = Problem(mode, [4, 2], steps=4)
    given = (problem.spec, problem.data, problem.form, problem.state, problem.weights)
    traces = []
    for kernel in (kernels.available()[0], "reference"):
        with kernels.use_kernel(kernel):
            traces.append(kernels.trace(*given))
    for name, gate in traces[1].gates.items():
        torch.testing.assert_close(traces[0].gates[name], gate, rtol=1e-9, atol=1e-9)
