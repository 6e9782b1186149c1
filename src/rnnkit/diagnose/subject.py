"""What is looked at: a module, and what runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit import bptt
from rnnkit.bptt import Loss, Policy, Tensors, Window, tensors_of
from rnnkit.errors import InputError
from rnnkit.nest import map_arrays

__all__ = ["Model", "Subject", "kept_gradients", "subject_of"]


@dataclass(frozen=True)
class Subject:
    """A module, its examples, and how they are run.

    backward: policy -> puts the gradient of the examples' loss into every `parameter.grad`; None
        goes back as the module's layers are set to.
    last: the same for a loss at the last steps alone, where the task has losses at every step.
    forward: runs the module on the examples.
    each: () -> lengths (B,) and losses (B,) of the examples; None where one loss is all there is.
    num_steps: of the longest example. labels: what the steps of the first are called.
    num_streams: where backward runs the module itself step by step, so that its own state is what
        goes from step to step: how many streams; None where its layers do that inside.
    """

    module: nn.Module
    backward: Callable[[Policy | None], None]
    forward: Callable[[], object]
    num_steps: int
    last: Callable[[Policy | None], None] | None = None
    each: Callable[[], tuple[np.ndarray, np.ndarray]] | None = None
    labels: list[str] | None = None
    num_streams: int | None = None

    @property
    def stepwise(self) -> bool:
        """Whether the module itself is run step by step."""
        return self.num_streams is not None


class Fitted(Protocol):
    """An estimator, which knows how its network is run on examples."""

    def subject(self, X: Any, y: Any = None) -> Subject:
        """The network on these examples; without y no loss."""


Model: TypeAlias = nn.Module | Fitted
"""What can be looked into."""


def subject_of(
    model: Model,
    batch: object,
    loss: Loss | None,
    *,
    state: Tensors = None,
    batch_first: bool = False,
) -> Subject:
    """An estimator with (X, y), or a module (input, state) -> (output, state) with its input.

    Raises InputError if it is neither.
    """
    if not isinstance(model, nn.Module):
        if not hasattr(model, "subject"):
            raise InputError(
                f"model is a {type(model).__name__}, but a fitted estimator of rnnkit or a torch "
                f"module (input, state) -> (output, state) was expected."
            )
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise InputError("batch is expected to be the pair (X, y), as the estimator's fit.")
        return model.subject(*batch)
    x = cast(Tensors, batch)
    if not any(True for _ in tensors_of(x)):
        raise InputError("batch holds no tensor, but the module's input was expected.")
    chosen = loss or last_output_squared(x, batch_first)

    def backward(policy: Policy | None) -> None:
        bptt.backward(model, x, chosen, policy=policy, state=state, batch_first=batch_first)

    def forward() -> object:
        return bptt.call_module(model, x, bptt.detach(state), batch_first=batch_first)

    steps, streams = next(tensors_of(x)).shape[:2][:: -1 if batch_first else 1]
    return Subject(model, backward, forward, steps, num_streams=streams)


def last_output_squared(x: Tensors, batch_first: bool) -> Loss:
    """|y_T|^2 / 2 of the last step, averaged over the streams: what to go back from by default."""
    dim = 1 if batch_first else 0
    steps, streams = next(tensors_of(x)).shape[:2][:: -1 if batch_first else 1]

    def loss(output: Tensors, window: Window) -> Tensor | None:
        if window.end < steps:
            return None
        last = map_arrays(lambda tensor: tensor.select(dim, -1), output)
        total: Tensor = sum((t.square().sum() for t in tensors_of(last)), torch.zeros(()))
        mean: Tensor = total / (2 * streams)
        return mean

    return loss


@contextmanager
def kept_gradients(module: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients inside; the module's own mode and gradients afterwards."""
    was_training = {part: part.training for part in module.modules()}
    gradients = {p: p.grad for p in module.parameters()}
    module.eval()
    for parameter in gradients:
        parameter.grad = None
    try:
        with torch.enable_grad():
            yield
    finally:
        for part, training in was_training.items():
            part.training = training
        for parameter, gradient in gradients.items():
            parameter.grad = gradient
