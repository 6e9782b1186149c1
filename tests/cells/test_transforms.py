"""Layers where torch hands over something else than plain numbers in memory."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from rnnkit import cells, kernels

# Tracing is deprecated, and torch's own forward derivatives are made with it.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit:DeprecationWarning")

KINDS = ["RNN", "GRU", "LSTM"]


@pytest.fixture(params=KINDS)
def layer(request: pytest.FixtureRequest) -> Any:
    return getattr(cells, request.param)(3, 4, dtype=torch.float64)


@pytest.fixture
def x() -> Tensor:
    return torch.randn(5, 2, 3, dtype=torch.float64)


def output(layer: Any, x: Tensor) -> Tensor:
    y: Tensor = layer(x, lengths=[5, 3])[0]
    return y


def test_a_negated_view_is_read_as_its_numbers(layer: Any, x: Tensor) -> None:
    assert torch.equal(output(layer, torch._neg_view(-x)), output(layer, x))


def test_zeros_without_memory_are_zeros(layer: Any, x: Tensor) -> None:
    zeros = torch._efficientzerotensor(x.shape, dtype=x.dtype)
    assert torch.equal(output(layer, zeros), output(layer, torch.zeros_like(x)))
    x.requires_grad_()
    y = output(layer, x)
    zeros = torch._efficientzerotensor(y.shape, dtype=y.dtype)
    assert not torch.autograd.grad(y, x, zeros)[0].any()


def test_a_batch_of_gradients_is_as_one_after_the_other(layer: Any, x: Tensor) -> None:
    x.requires_grad_()
    y = output(layer, x)
    leaves = [x, *layer.parameters()]
    grads = torch.randn(3, *y.shape, dtype=torch.float64)
    together = torch.autograd.grad(y, leaves, grads, is_grads_batched=True, retain_graph=True)
    for place, grad in enumerate(grads):
        alone = torch.autograd.grad(y, leaves, grad, retain_graph=True)
        for many, one in zip(together, alone, strict=True):
            torch.testing.assert_close(many[place], one)


@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")
def test_a_traced_module_gives_the_same(layer: Any, x: Tensor) -> None:
    with torch.no_grad():  # as torch traces it once more, to compare
        traced = torch.jit.trace(layer, (x,))
    torch.testing.assert_close(traced(x)[0], layer(x)[0])


def test_jacobians_are_those_of_autograd(layer: Any, x: Tensor) -> None:
    def last(x: Tensor) -> Tensor:
        return output(layer, x)[-1, 0]

    expected = torch.autograd.functional.jacobian(last, x)
    torch.testing.assert_close(torch.func.jacrev(last)(x), expected)
    torch.testing.assert_close(torch.func.jacfwd(last)(x), expected)


def test_gradients_of_each_sample_are_those_of_each_alone(layer: Any, x: Tensor) -> None:
    parameters = {name: p.detach() for name, p in layer.named_parameters()}

    def loss(parameters: dict[str, Tensor], sample: Tensor) -> Tensor:
        y = torch.func.functional_call(layer, parameters, (sample,))[0]
        return (y**2).sum()

    samples = torch.stack([x, 2 * x])
    together = torch.func.vmap(torch.func.grad(loss), (None, 0))(parameters, samples)
    for place, sample in enumerate(samples):
        alone = torch.autograd.grad((layer(sample)[0] ** 2).sum(), list(layer.parameters()))
        for many, one in zip(together.values(), alone, strict=True):
            torch.testing.assert_close(many[place], one)


def test_the_hessian_is_that_of_the_reference(x: Tensor) -> None:
    layer = cells.GRU(3, 4, dtype=torch.float64)

    def loss(x: Tensor) -> Tensor:
        return layer(x)[0].sum()

    with kernels.use_kernel("reference"):
        expected = torch.autograd.functional.hessian(loss, x)
    torch.testing.assert_close(torch.func.hessian(loss)(x), expected)
