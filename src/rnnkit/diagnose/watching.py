"""Gradients of the states at every step, noted while they go back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit.bptt import Policy, Tensors, Window, batch_dim, tensors_of
from rnnkit.cells import using_bptt

__all__ = ["Walk", "Watched", "mean_by_lag", "watched"]


S = TypeVar("S")  # a state or an output, in the form that its owner gives it


class Walk:
    """One sequence of steps, run one at a time: of a layer in one direction, a decoder, a module.

    sizes: sequences that read each step. states: for each vector of the state and each step, the
    gradient with respect to it after that step, as it came through later steps' states. outputs:
    that which came through the step's own output.
    """

    def __init__(self, num_steps: int, *, last_only: bool, num_streams: int | None) -> None:
        self.num_steps, self.last_only, self.num_streams = num_steps, last_only, num_streams
        self.sizes = [num_streams or 0] * num_steps
        self.states: dict[int, dict[int, Tensor]] = {}
        self.outputs: dict[int, Tensor] = {}

    def gate(self, step: int, state: S) -> S:
        """Note what comes back to the state after step - 1."""
        place = 0
        for tensor in tensors_of(cast(Tensors, state)):
            if tensor.requires_grad:
                tensor.register_hook(partial(self._note_state, step - 1, place))  # type: ignore[no-untyped-call]
            place += len(tensor) if batch_dim(tensor) == 1 else 1
        return state

    def watch(self, begin: int, end: int, output: S) -> S:  # noqa: ARG002 - one step
        """Note what comes back to a step's output; with last_only, only where it is the last."""
        if self.num_streams is not None:
            return output
        if isinstance(output, Tensor):  # a decoder's
            self.sizes[begin] = len(output)
            return output
        rows, ended = cast(tuple[Tensor, tuple[Tensor, ...]], output)
        self.sizes[begin] = len(rows)
        if rows.requires_grad:
            rows.register_hook(partial(self._note_output, begin))  # type: ignore[no-untyped-call]
        if self.last_only:
            running = len(rows) - len(ended[0])
            rows = torch.cat([rows[:running].detach(), rows[running:]])
        return cast(S, (rows, ended))

    def _note_state(self, step: int, place: int, grad: Tensor) -> None:
        vectors = grad.unbind(0) if batch_dim(grad) == 1 else (grad,)
        for offset, vector in enumerate(vectors):
            notes = self.states.setdefault(place + offset, {})
            notes[step] = notes[step] + vector if step in notes else vector.clone()

    def _note_output(self, step: int, grad: Tensor) -> None:
        self.outputs[step] = grad.clone()


class Watched(Policy):
    """Full back-propagation, step by step, that notes what comes by.

    last_only: gradients enter a layer only at each sequence's last step, so that what is noted at
    a lag has come all that way through the recurrence. num_streams: of a module that is itself run
    step by step; None inside of a network.
    """

    def __init__(self, *, last_only: bool = False, num_streams: int | None = None) -> None:
        self.last_only, self.num_streams = last_only, num_streams
        self.walks: list[Walk] = []

    def windows(self, num_steps: int | None, *, begin: int = 0) -> Iterator[Window]:
        steps = num_steps or 0
        walk = Walk(steps, last_only=self.last_only, num_streams=self.num_streams)
        self.walks.append(walk)
        stops = tuple(range(begin + 1, steps))
        yield Window(begin, begin, steps, stops, walk.gate, walk.watch)


@contextmanager
def watched(module: nn.Module, *, last_only: bool) -> Iterator[dict[str, Watched]]:
    """Watch every part that takes a policy; by the parts' names."""
    with using_bptt(module, None):  # which puts back what was there
        watching = {}
        for name, part in module.named_modules():
            if hasattr(part, "bptt"):
                watching[name] = Watched(last_only=last_only)
                part.bptt = watching[name]
        yield watching


def mean_by_lag(walk: Walk, place: int, *, with_output: bool = False) -> np.ndarray:
    """(T,) mean norm of the gradient at each lag, over the sequences that have one; NaN: none.

    Lag 0 is a sequence's own last step. place: which vector of the state.
    with_output: what came through the steps' outputs is added: the whole dL/dh_t.
    """
    sizes = [*walk.sizes, 0]
    lengths = np.sum(np.array(walk.sizes)[:, None] > np.arange(max(sizes))[None, :], axis=0)
    total, count = np.zeros(walk.num_steps), np.zeros(walk.num_steps)
    for step in range(walk.num_steps):
        grad = walk.states.get(place, {}).get(step)
        norms = _norms(
            None if grad is None else grad[: sizes[step + 1]],
            walk.outputs.get(step) if with_output else None,
        )
        lags = lengths[: len(norms)] - 1 - step
        np.add.at(total, lags, norms)
        np.add.at(count, lags, 1)
    mean: np.ndarray = np.divide(total, count, out=np.full(walk.num_steps, np.nan), where=count > 0)
    return mean


def _norms(state: Tensor | None, output: Tensor | None) -> np.ndarray:
    """(rows,) of the sum of both; a state's rows are the first of an output's."""
    if output is None:
        summed = state
    else:
        summed = output.clone()
        if state is not None:
            summed[: len(state)] += state
    if summed is None:
        return np.zeros(0)
    vectors: Tensor = summed.double()
    norms: np.ndarray = np.linalg.norm(vectors.numpy(), axis=-1)
    return norms
