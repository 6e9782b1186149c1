"""ONNX Runtime: one node a layer, its weights constants of the graph."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from benchmarks.layers.grid import Case
from benchmarks.layers.peers.onnx_weights import onnx_weights
from benchmarks.layers.peers.peer import Peer
from benchmarks.layers.problem import Arrays, Problem

_OPSET, _IR_VERSION = 17, 8  # any ONNX Runtime since 2022 reads these


class OnnxRuntime(Peer):
    """Inference with bound input and outputs, which is its fastest way to be called."""

    tasks = ("inference",)

    def __init__(self, problem: Problem, threads: int, *, name: str, spinning: bool) -> None:
        self.name, self.case = name, problem.case
        self.session = open_session(model(problem), threads, spinning=spinning)
        self.binding = self.session.io_binding()
        self.inputs = {"x": problem.x.numpy()}  # the binding points into them
        if problem.case.ragged:
            self.inputs["lengths"] = problem.lengths.numpy().astype(np.int32)
        for input_name, array in self.inputs.items():
            self.binding.bind_cpu_input(input_name, array)
        self.outputs = [output.name for output in self.session.get_outputs()]
        for output_name in self.outputs:
            self.binding.bind_output(output_name)

    def call(self, task: str) -> Callable[[], Any]:  # noqa: ARG002
        def run() -> Any:
            self.session.run_with_iobinding(self.binding)
            return self.binding

        return run

    def read(self, task: str, results: Any) -> Arrays:  # noqa: ARG002
        arrays = dict(zip(self.outputs, results.copy_outputs_to_cpu(), strict=True))
        steps, directions, batch, hidden = arrays["output"].shape
        output = arrays["output"].transpose(0, 2, 1, 3).reshape(steps, batch, directions * hidden)
        states = {
            name: np.concatenate([arrays[f"{name}_l{i}"] for i in range(self.case.layers)])
            for name in _states(self.case.cell)
        }
        return {"output": output, **states}


def open_session(model: onnx.ModelProto, threads: int, *, spinning: bool) -> Any:
    """A session on the CPU with its own pool of so many threads."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.add_session_config_entry("session.intra_op.allow_spinning", str(int(spinning)))
    return onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )


def model(problem: Problem, *, state_in: bool = False) -> onnx.ModelProto:
    """The graph of a case: x (T, B, I) to output (T, D, B, H) and h_n_l0, c_n_l0 and so on.

    state_in: inputs h_0 and c_0 (D, B, H) besides, for a case of one layer.
    """
    case = problem.case
    nodes, constants, below = [], [], "x"
    for layer in range(case.layers):
        names = [f"{name}_l{layer}" for name in ("W", "R", "B")]
        arrays = onnx_weights(case.cell, problem.weights, layer=layer, directions=case.directions)
        constants += [numpy_helper.from_array(a, n) for a, n in zip(arrays, names, strict=True)]
        states_in = [name.replace("_n", "_0") for name in _states(case.cell)] if state_in else []
        top = layer == case.layers - 1
        output = "output" if top else f"output_l{layer}"
        states = [f"{name}_l{layer}" for name in _states(case.cell)]
        nodes.append(
            helper.make_node(
                case.cell,
                [below, *names, "lengths" if case.ragged else "", *states_in],
                [output, *states],
                hidden_size=case.hidden,
                direction="bidirectional" if case.directions == 2 else "forward",
                **({"linear_before_reset": 1} if case.cell == "GRU" else {}),
            )
        )
        if not top:
            below = f"x_l{layer + 1}"
            nodes.append(helper.make_node("Squeeze", [output, "axis"], [below]))
    if case.layers > 1:
        constants.append(numpy_helper.from_array(np.array([1], np.int64), "axis"))
    graph = helper.make_graph(nodes, "layers", _inputs(case, state_in), _outputs(case), constants)
    opset = helper.make_opsetid("", _OPSET)
    return helper.make_model(graph, opset_imports=[opset], ir_version=_IR_VERSION)


def _inputs(case: Case, state_in: bool) -> list[onnx.ValueInfoProto]:
    found = [_float("x", [case.steps, case.batch, case.hidden])]
    if case.ragged:
        found.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [case.batch]))
    if state_in:
        shape = [case.directions, case.batch, case.hidden]
        found += [_float(name.replace("_n", "_0"), shape) for name in _states(case.cell)]
    return found


def _outputs(case: Case) -> list[onnx.ValueInfoProto]:
    state = [case.directions, case.batch, case.hidden]
    names = [f"{name}_l{i}" for i in range(case.layers) for name in _states(case.cell)]
    output = _float("output", [case.steps, *state])
    return [output, *(_float(name, state) for name in names)]


def _states(cell: str) -> list[str]:
    return ["h_n", "c_n"] if cell == "LSTM" else ["h_n"]


def _float(name: str, shape: list[int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
