"""One step at a time, the state carried: ours beside ONNX Runtime's, in each way to call it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from benchmarks.layers.grid import Case
from benchmarks.layers.measure import Entry, measure
from benchmarks.layers.peers import installed
from benchmarks.layers.problem import Problem
from benchmarks.layers.rows import OURS, Row
from rnnkit import cells

HIDDEN_SIZES = (64, 128, 256)
STEPS = 5  # that are proved equal

Step = Callable[[Any], np.ndarray]
"""x (1, I) as the stream's own array to the output, in the stream's own array."""


def rows_of(cell: str, hidden: int, *, seconds: float, threads: int) -> Iterator[Row]:
    """The row of one cell and size; none without ONNX Runtime."""
    if not installed("onnx", "onnxruntime"):
        return
    problem = Problem.make(Case(cell, 1, STEPS, hidden))
    one_step = replace(problem.case, steps=1)
    steps = dict(_steps(problem, one_step, threads))
    for name, (step, xs) in steps.items():
        outputs = np.stack([np.array(step(x)).reshape(1, hidden) for x in xs])
        problem.check("inference", {"output": outputs}, 1e-5 if name == OURS else 1e-4)
    entries = {name: Entry(partial(step, xs[0])) for name, (step, xs) in steps.items()}
    measured = measure(entries, seconds=seconds, threads=threads)
    yield Row(
        cell=cell,
        shape=one_step.shape,
        lengths="equal",
        task="streaming",
        batch=1,
        hidden=hidden,
        flops=one_step.flops("inference"),
        seconds=measured.seconds,
        left_out={},
        limit=measured.limit,
    )


def _steps(
    problem: Problem, one_step: Case, threads: int
) -> Iterator[tuple[str, tuple[Step, list[Any]]]]:
    """Each stream's step, and the input of every step in the stream's own arrays."""
    from benchmarks.layers.peers.onnx_runtime import model, open_session

    yield OURS, (_ours(problem), list(problem.x))
    graph = model(replace(problem, case=one_step), state_in=True)
    arrays = [x.unsqueeze(0).numpy() for x in problem.x]
    for count in sorted({1, threads}):
        session = open_session(graph, count, spinning=True)
        name = f"ONNX Runtime {count} thread{'s' * (count > 1)}"
        yield f"{name} run", (RunStep(session, problem.case.hidden), arrays)
        yield f"{name} bound", (BoundStep(session, problem.case.hidden), arrays)


def _ours(problem: Problem) -> Step:
    case = problem.case
    layer = getattr(cells, case.cell)(case.hidden, case.hidden).eval()
    layer.load_state_dict(problem.weights)
    return cells.Stream(layer, batch_size=1).step


class RunStep:
    """`session.run`: arrays in, arrays out."""

    def __init__(self, session: Any, hidden: int) -> None:
        self.session = session
        self.names = [i.name for i in session.get_inputs() if i.name != "x"]
        self.state = {name: np.zeros((1, 1, hidden), np.float32) for name in self.names}

    def __call__(self, x: np.ndarray) -> np.ndarray:
        output, *state = self.session.run(None, {"x": x, **self.state})
        self.state = dict(zip(self.names, state, strict=True))
        return output


class BoundStep:
    """`run_with_iobinding`: the state goes to and fro between two sets of buffers.

    The input is written into a bound array, which is all that a step costs besides the run.
    """

    def __init__(self, session: Any, hidden: int) -> None:
        self.session = session
        self.x = np.zeros((1, 1, hidden), np.float32)
        inputs = [i.name for i in session.get_inputs() if i.name != "x"]
        buffers = [{name: np.zeros((1, 1, hidden), np.float32) for name in inputs} for _ in "ab"]
        self.turns = [self._bind(*buffers), self._bind(*buffers[::-1])]
        self.outputs = [buffers[1]["h_0"], buffers[0]["h_0"]]
        self.buffers, self.turn = buffers, 0

    def _bind(self, before: dict[str, np.ndarray], after: dict[str, np.ndarray]) -> Any:
        binding = self.session.io_binding()
        binding.bind_cpu_input("x", self.x)
        for name, array in before.items():
            binding.bind_cpu_input(name, array)
            output = name.replace("_0", "_n_l0")
            binding.bind_output(output, "cpu", 0, np.float32, array.shape, after[name].ctypes.data)
        return binding

    def __call__(self, x: np.ndarray) -> np.ndarray:
        np.copyto(self.x, x)
        self.session.run_with_iobinding(self.turns[self.turn])
        output = self.outputs[self.turn]
        self.turn = 1 - self.turn
        return output
