"""The exact gradient in less memory: states between segments are kept, the rest is run again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TypeVar

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from rnnkit import randomness
from rnnkit.bptt.policies import Checkpointed, Window
from rnnkit.bptt.states import Tensors, detach, tensors_of
from rnnkit.bptt.unroll import Piece, Run, output_of
from rnnkit.nest import map_arrays

__all__ = ["back_in_segments", "in_segments"]

S = TypeVar("S", bound=Tensors)  # a state
Out = TypeVar("Out", bound=Tensors)  # an output

Grads = list[Tensor | None]
"""Gradients of a state's tensors, in order."""

PROBE_STEPS = 4  # two runs of so many steps, and twice as many, tell what a step keeps


def back_in_segments(
    policy: Checkpointed,
    run: Run[Tensors, Tensors],
    part_of: Callable[[Tensors, Window], Tensor | None],
    num_steps: int,
    state: Tensors,
) -> tuple[Tensor, Tensors, int]:
    """The exact gradient, with one segment's graph and output at a time.

    part_of: (output, window) -> the window's part of the loss.
    Returns the loss, the state after the last step, and the number of segments.
    Source: Gruslys et al. 2016, section 3.1 (hidden states are kept, the rest is computed again).
    """
    lengths = _lengths(policy, run, num_steps, state)
    walk = _WalkBack(run, part_of, num_steps, lengths, state)
    walk.back(0, num_steps, state, [])
    randomness.set_state(walk.random)
    return walk.loss, walk.last, walk.count


class _WalkBack:
    """From the last segment to the first, and what is found on the way.

    loss: the sum of the segments' parts. count: how many segments. last: the state after the last
    step, and random: the random state there.
    """

    def __init__(
        self,
        run: Run[Tensors, Tensors],
        part_of: Callable[[Tensors, Window], Tensor | None],
        num_steps: int,
        lengths: tuple[int, ...],
        state: Tensors,
    ) -> None:
        self._run, self._part_of = run, part_of
        self._num_steps, self._lengths = num_steps, lengths
        self.loss, self.count = torch.zeros(()), 0
        self.last, self.random = state, randomness.get_state()

    def back(self, begin: int, end: int, before: Tensors, grads: Grads, level: int = 0) -> Grads:
        """Go back through some steps; grads: of the state after them, and returned before them."""
        if level == len(self._lengths):
            return self._through(begin, end, before, grads)
        length = self._lengths[level]
        firsts = range(begin, end, length)
        states = self._states(firsts, length, before)
        for first in reversed(firsts):
            kept, random = states.pop()
            # The same units are dropped as before.
            randomness.set_state(random)
            grads = self.back(first, min(first + length, end), kept, grads, level + 1)
        return grads

    @torch.no_grad()
    def _states(self, firsts: range, length: int, before: Tensors) -> list[tuple[Tensors, Tensor]]:
        """The state before each segment, and the random state there."""
        states = [(before, randomness.get_state())]
        shelf: Tensors = None
        for place, first in enumerate(firsts[:-1]):
            _, after = self._run(first, first + length, states[-1][0])
            if shelf is None:
                # Side by side in one block: lying about, they would keep the holes between
                # them from being used again.
                shelf = map_arrays(lambda t: t.new_empty(len(firsts), *t.shape), after)
            kept = map_arrays(lambda t, shelf: shelf[place].copy_(t), after, shelf)  # noqa: B023
            states.append((kept, _random_state(states[-1][1])))
        return states

    def _through(self, begin: int, end: int, before: Tensors, grads: Grads) -> Grads:
        """Go back through one segment, whose graph is made for that and is gone afterwards."""
        before = map_arrays(_leaf, before)
        output, after = self._run(begin, end, before)
        if end == self._num_steps:
            self.last, self.random = detach(after), randomness.get_state()
        part = self._part_of(output, Window(begin, begin, end))
        del output
        reached = [
            (tensor, grad)
            for tensor, grad in zip(tensors_of(after), grads, strict=False)
            if grad is not None and tensor.requires_grad
        ]
        if part is not None:
            reached.append((part, torch.ones_like(part)))
            self.loss = self.loss.to(part) + part.detach()
        self.count += 1
        if reached:
            torch.autograd.backward([t for t, _ in reached], [grad for _, grad in reached])
        return [tensor.grad for tensor in tensors_of(before)]


def _random_state(before: Tensor) -> Tensor:
    """The random state, in the same memory where nothing was drawn since: it takes 5 kB."""
    now = randomness.get_state()
    return before if torch.equal(now, before) else now


def _leaf(tensor: Tensor) -> Tensor:
    """A tensor whose gradient is wanted, if it can have one."""
    return tensor.detach().requires_grad_(tensor.is_floating_point())


def in_segments(
    policy: Checkpointed,
    run: Run[S, Out],
    num_steps: int,
    state: S,
    *,
    time_dim: int = 0,
) -> Run[S, Out]:
    """The same run, keeping only the states between segments (of segments).

    state: that the run begins with. time_dim: of its outputs, which are put together again.
    Raises OptionError if the policy's memory budget is too small.
    """
    lengths = _lengths(policy, run, num_steps, state)

    def segmented(begin: int, end: int, before: S, level: int = 0) -> tuple[Out, S]:
        if level == len(lengths):
            return run(begin, end, before)
        pieces = list[Piece[Out]]()
        for first in range(begin, end, lengths[level]):
            last = min(first + lengths[level], end)
            output, before = checkpoint(
                segmented,
                first,
                last,
                before,
                level + 1,
                use_reentrant=False,
                preserve_rng_state=False,  # torch knows the process's generator only
                context_fn=partial(_contexts, randomness.Replay()),
            )
            pieces.append(Piece(first, last, output))
        return output_of(pieces, time_dim), before

    return segmented


def _contexts(again: randomness.Replay) -> tuple[AbstractContextManager[None], randomness.Replay]:
    """Of the first run, and of those that repeat it."""
    return nullcontext(), again


def _lengths(policy: Checkpointed, run: Run[S, Out], num_steps: int, state: S) -> tuple[int, ...]:
    """Steps of the segments at each level; only a budget asks for a measurement."""
    if policy.memory_budget is None:
        return policy.segment_lengths(num_steps)
    step_bytes, state_bytes = _measured(run, num_steps, state)
    return policy.segment_lengths(num_steps, step_bytes=step_bytes, state_bytes=state_bytes)


def _measured(run: Run[S, Out], num_steps: int, state: S) -> tuple[float, float]:
    """Bytes that the graph of one step keeps, and bytes of a state."""
    steps = min(PROBE_STEPS, num_steps // 2)
    if steps == 0:
        return 0.0, 0.0
    with randomness.Replay():
        few, _ = _kept(run, steps, state)
        more, after = _kept(run, 2 * steps, state)
    return max(0, more - few) / steps, float(sum(tensor.nbytes for tensor in tensors_of(after)))


def _kept(run: Run[S, Out], steps: int, state: S) -> tuple[int, S]:
    """Bytes of all memory that the graph of the first steps holds on to, and the state."""
    held: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output, after = run(0, steps, state)
    # The output has a gradient, too.
    return sum(held.values()) + 2 * sum(t.nbytes for t in tensors_of(output)), after
