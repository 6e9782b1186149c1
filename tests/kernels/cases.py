"""What the tests of the kernels share: problems to run, kernels to run them, and a comparison."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import torch
from torch import Tensor

from rnnkit import kernels
from rnnkit.kernels import Form, Padded, State, Weights
from rnnkit.native import library
from rnnkit.packed import Layout
from rnnkit.recurrence import by_mode

MODES = ("RNN_TANH", "RNN_RELU", "GRU", "LSTM")
CASES = [*((mode, 0) for mode in MODES), ("LSTM", 2)]
TOLERANCE = {torch.float64: 1e-9, torch.float32: 1e-5}

needs_native = pytest.mark.skipif(library.load() is None, reason=str(library.problem()))
NATIVE = pytest.param("native", marks=needs_native)
FAST = [NATIVE, "torch"]
KERNELS = [*FAST, "reference"]


class Problem:
    """One layer and direction: input, state, weights, and what to multiply the results by.

    steps: of a padded batch, its sequences in the order given; None: packed rows.
    """

    def __init__(
        self,
        mode: str,
        lengths: list[int],
        *,
        steps: int | None = None,
        proj_size: int = 0,
        bias: bool = True,
        state: bool = True,
        input_size: int = 3,
        hidden_size: int = 4,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        def leaf(*shape: int) -> Tensor:
            return torch.randn(shape, dtype=dtype).requires_grad_()

        # Small enough for the gates to stay where they have a slope, whatever the sizes.
        bound = max(input_size, hidden_size) ** -0.5

        def weight(*shape: int) -> Tensor:
            return torch.empty(shape, dtype=dtype).uniform_(-bound, bound).requires_grad_()

        self.mode, self.spec = mode, by_mode(mode)
        rows, output_size = self.spec.num_blocks * hidden_size, proj_size or hidden_size
        self.form: Form
        if steps is None:
            self.form = Layout(sorted(lengths, reverse=True))
            self.data = leaf(self.form.num_rows, input_size)
        else:
            self.form = Padded(torch.tensor(lengths))
            self.data = leaf(steps, len(lengths), input_size)
        sizes = (output_size, hidden_size) if mode == "LSTM" else (output_size,)
        self.state: State | None = tuple(leaf(len(lengths), size) for size in sizes)
        self.state = self.state if state else None
        self.weights = Weights(
            weight(rows, input_size),
            weight(rows, output_size),
            weight(rows) if bias else None,
            weight(rows) if bias else None,
            weight(proj_size, hidden_size) if proj_size else None,
        )

    @property
    def parameters(self) -> list[Tensor]:
        return [weight for weight in self.weights if weight is not None]

    @property
    def leaves(self) -> list[Tensor]:
        return [self.data, *(self.state or ()), *self.parameters]

    def to(self, dtype: torch.dtype) -> Problem:
        """The same numbers in another dtype."""

        def converted(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.detach().to(dtype).requires_grad_()

        other = object.__new__(Problem)
        other.mode, other.spec, other.form = self.mode, self.spec, self.form
        other.data = converted(self.data)
        other.state = None if self.state is None else tuple(map(converted, self.state))
        other.weights = Weights(*map(converted, self.weights))
        return other

    def run(
        self,
        kernel: str,
        *,
        reverse: bool = False,
        need_state: bool = True,
        checkpoint: int | None = None,
    ) -> list[Tensor]:
        with kernels.use_kernel(kernel):
            output, state = kernels.run(
                self.spec,
                self.data,
                self.form,
                self.state,
                self.weights,
                reverse=reverse,
                need_state=need_state,
                checkpoint=checkpoint,
            )
        return [output, *state]

    def with_gradients(
        self, results: list[Tensor], leaves: list[Tensor] | None = None
    ) -> list[Tensor]:
        """The results, and the gradients of a random sum of them."""
        generator = torch.Generator().manual_seed(7)
        loss = sum(
            (r * torch.randn(r.shape, generator=generator, dtype=torch.float64).to(r.dtype)).sum()
            for r in results
        )
        assert isinstance(loss, Tensor)
        return [*results, *torch.autograd.grad(loss, leaves or self.leaves)]


def assert_same(given: list[Tensor], expected: list[Tensor], tolerance: float) -> None:
    for a, b in zip(given, expected, strict=True):
        torch.testing.assert_close(a, b, rtol=tolerance, atol=tolerance)


def assert_equal(given: list[Tensor], expected: list[Tensor]) -> None:
    """To the last bit."""
    for place, (a, b) in enumerate(zip(given, expected, strict=True)):
        assert torch.equal(a, b), f"tensor {place}: {(a - b).abs().max()}"


@contextmanager
def threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
