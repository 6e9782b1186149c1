"""One-step cells against torch.nn's, and against the layers."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from rnnkit import cells
from rnnkit.packed import Packed

CASES: list[tuple[str, dict[str, Any]]] = [
    ("RNNCell", {}),
    ("RNNCell", {"nonlinearity": "relu"}),
    ("GRUCell", {}),
    ("LSTMCell", {}),
    *((kind, {"bias": False}) for kind in ("RNNCell", "GRUCell", "LSTMCell")),
]


def as_list(state: Any) -> list[torch.Tensor]:
    return list(state) if isinstance(state, tuple) else [state]


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_cell_equals_torch_with_the_same_seed_and_gradients(
    kind: str, options: dict[str, Any]
) -> None:
    torch.manual_seed(4)
    ours = getattr(cells, kind)(3, 4, dtype=torch.float64, **options)
    torch.manual_seed(4)
    theirs = getattr(nn, kind)(3, 4, dtype=torch.float64, **options)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    h, c = torch.randn(2, 2, 4, dtype=torch.float64).unbind(0)
    hx = (h, c) if kind == "LSTMCell" else h
    first = tuple(s[0] for s in hx) if isinstance(hx, tuple) else hx[0]
    x = torch.randn(2, 3, dtype=torch.float64)
    for arguments in [(x,), (x, hx), (x[0],), (x[0], first)]:
        a, b = as_list(ours(*arguments)), as_list(theirs(*arguments))
        grads_a = torch.autograd.grad(sum(s.sum() for s in a), list(ours.parameters()))
        grads_b = torch.autograd.grad(sum(s.sum() for s in b), list(theirs.parameters()))
        for one, other in zip([*a, *grads_a], [*b, *grads_b], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("kind", ["RNN", "GRU", "LSTM"])
def test_steps_of_a_cell_equal_the_layer(kind: str) -> None:
    layer = getattr(cells, kind)(3, 4, dtype=torch.float64)
    cell = getattr(cells, f"{kind}Cell")(3, 4, dtype=torch.float64)
    cell.load_state_dict({n.removesuffix("_l0"): p for n, p in layer.state_dict().items()})
    x = torch.randn(5, 2, 3, dtype=torch.float64)
    state = None
    for step in x:
        state = cell(step, state)
    expected = as_list(layer(x)[1])
    for one, other in zip(as_list(state), expected, strict=True):
        torch.testing.assert_close(one, other[0], rtol=1e-9, atol=1e-9)


def test_cell_tells_its_options() -> None:
    assert repr(cells.GRUCell(3, 4, bias=False)) == "GRUCell(3, 4, bias=False)"


@pytest.mark.parametrize(("kind", "options"), CASES)
def test_running_a_cell_over_sequences_equals_stepping_it(
    kind: str, options: dict[str, Any]
) -> None:
    cell = getattr(cells, kind)(3, 4, dtype=torch.float64, **options)
    sequences = [torch.randn(n, 3, dtype=torch.float64) for n in (2, 5, 1)]
    packed = Packed.from_sequences(sequences)
    states = 2 if kind == "LSTMCell" else 1
    first = tuple(torch.randn(3, 4, dtype=torch.float64) for _ in range(states))
    outputs = cell.run(packed, first).to_sequences()
    for b, (x, output) in enumerate(zip(sequences, outputs, strict=True)):
        place = packed.layout.inverse[b]
        hx = tuple(s[place] for s in first)
        state = hx if kind == "LSTMCell" else hx[0]
        for step, expected in zip(x, output, strict=True):
            state = cell(step, state)
            torch.testing.assert_close(as_list(state)[0], expected, rtol=0, atol=1e-9)
