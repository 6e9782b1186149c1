"""Layers under torch.compile and torch.export: no graph break, and other sizes than traced."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from rnnkit import cells, kernels
from tests.kernels.cases import needs_native

pytestmark = needs_native

KINDS = ["RNN", "GRU", "LSTM"]
OPTIONS: list[dict[str, Any]] = [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}]


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """torch compiles one function so many times and no more, whatever tests ask for it."""
    torch.compiler.reset()
    yield
    torch.compiler.reset()


def first_state(state: Any) -> Tensor:
    return state[0] if isinstance(state, tuple) else state


def assert_same(given: list[Tensor], expected: list[Tensor]) -> None:
    for a, b in zip(given, expected, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_layer_compiles_whole_with_gradients_lengths_and_other_sizes(
    kind: str, options: dict[str, Any]
) -> None:
    layer = getattr(cells, kind)(3, 4, **options)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    leaves = list(layer.parameters())

    def run(module: Any, x: Tensor, lengths: Tensor | None, **given: Any) -> list[Tensor]:
        output, state = module(x, lengths=lengths, **given)
        results = [first_state(state)] + ([] if output is None else [output])
        loss = sum(result.square().sum() for result in results)
        return [*results, *torch.autograd.grad(loss, [x, *leaves])]

    for steps, batch in ((5, 4), (3, 7)):
        shape = (batch, steps, 3) if options else (steps, batch, 3)
        x = torch.randn(shape, requires_grad=True)
        lengths = torch.arange(batch) % steps + 1
        calls: list[tuple[Tensor | None, dict[str, Any]]] = [(None, {}), (lengths, {})]
        calls.append((lengths, {"checkpoint": 2, "need_output": False}))
        for given, more in calls:
            assert_same(run(compiled, x, given, **more), run(layer, x, given, **more))
        with torch.no_grad():
            assert torch.equal(compiled(x, lengths=lengths)[0], layer(x, lengths=lengths)[0])


class Wrapped(nn.Module):
    """What a user exports: lengths as an input."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        output, state = self.layer(x, lengths=lengths)
        return output, first_state(state)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_an_exported_layer_takes_other_steps_and_sequences(
    kind: str, options: dict[str, Any]
) -> None:
    module = Wrapped(getattr(cells, kind)(3, 4, **options)).eval()
    steps, batch = torch.export.Dim("steps"), torch.export.Dim("batch")
    places = {0: batch, 1: steps} if options else {0: steps, 1: batch}
    with torch.no_grad():
        program = torch.export.export(
            module,
            (torch.randn(5, 5, 3), torch.tensor([5, 1, 2, 3, 4])),
            dynamic_shapes={"x": places, "lengths": {0: batch}},
        )
    operators = {str(node.target) for node in program.graph.nodes}
    assert "rnnkit.forward.default" in operators
    for t, b in ((9, 4), (2, 30)):
        x = torch.randn((b, t, 3) if options else (t, b, 3))
        lengths = torch.arange(b) % t + 1
        assert_same(list(program.module()(x, lengths)), list(module(x, lengths)))


def test_what_was_traced_refuses_lengths_that_do_not_fit() -> None:
    layer = cells.GRU(3, 4)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    x = torch.randn(5, 2, 3)
    compiled(x, lengths=torch.tensor([5, 2]))
    with pytest.raises(ValueError, match=r"lengths\[1\] is 6 but input has only 5 steps"):
        compiled(x, lengths=torch.tensor([5, 6]))


# torch's own tracing, when it goes on after a graph break.
@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor:UserWarning")
def test_a_compiled_layer_keeps_the_kernel_it_was_traced_with() -> None:
    layer = cells.GRU(3, 4, dtype=torch.float64)
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    with kernels.use_kernel("torch"):
        compiled = torch.compile(layer, backend="aot_eager")
        for lengths in (None, torch.tensor([2, 5])):
            torch.testing.assert_close(compiled(x, lengths=lengths), layer(x, lengths=lengths))


def test_importing_the_layers_does_not_import_torchs_compiler() -> None:
    code = "import sys; from rnnkit import cells; print('torch._dynamo' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "False\n"


# Each way of running a packed kernel: never traced, whether or not torch's compiler came later.
LATER = """
import torch
from rnnkit import cells, kernels
layer, x, lengths = cells.GRU(3, 4), torch.randn(5, 2, 3), torch.tensor([2, 5])
with kernels.use_kernel("reference"):
    before = layer(x, lengths=lengths)[0]
    compiled = torch.compile(layer, backend="aot_eager")(x, lengths=lengths)[0]
    after = layer(x, lengths=lengths)[0]
assert torch.equal(before, after)
torch.testing.assert_close(before, compiled)
"""


def test_a_layer_that_ran_before_the_compiler_was_there_compiles_all_the_same() -> None:
    subprocess.run([sys.executable, "-c", LATER], capture_output=True, check=True)
