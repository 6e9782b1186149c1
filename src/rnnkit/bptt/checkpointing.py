"""The exact gradient in less memory: states between segments are kept, the rest is run again."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from rnnkit import randomness
from rnnkit.bptt.policies import Checkpointed, Window
from rnnkit.bptt.states import detach
from rnnkit.bptt.unroll import Piece, Run, output_of
from rnnkit.nest import arrays_of, map_arrays

__all__ = ["back_in_segments", "in_segments"]

Grads = list[Tensor | None]
"""Gradients of a state's tensors, in order."""

PROBE_STEPS = 4  # two runs of so many steps, and twice as many, tell what a step keeps


def back_in_segments(
    policy: Checkpointed,
    run: Run,
    part_of: Callable[[Any, Window], Tensor | None],
    num_steps: int,
    state: Any,
) -> tuple[Tensor, Any, int]:
    """The exact gradient, with one segment's graph and output at a time.

    part_of: (output, window) -> the window's part of the loss.
    Returns the loss, the state after the last step, and the number of segments.
    Source: Gruslys et al. 2016, section 3.1 (hidden states are kept, the rest is computed again).
    """
    total, count, last, random_after = torch.zeros(()), 0, state, randomness.get_state()

    def back(begin: int, end: int, before: Any, grads: Grads, level: int) -> Grads:
        """Go back through some steps; grads: of the state after them, and returned before them."""
        if level == len(lengths):
            return back_through(begin, end, before, grads)
        firsts = range(begin, end, lengths[level])
        states = [(before, randomness.get_state())]
        shelf: Any = None
        with torch.no_grad():
            for place, first in enumerate(firsts[:-1]):
                _, after = run(first, first + lengths[level], states[-1][0])
                if shelf is None:
                    # Side by side in one block: lying about, they would keep the holes between
                    # them from being used again.
                    shelf = map_arrays(lambda t: t.new_empty(len(firsts), *t.shape), after)
                kept = map_arrays(lambda t, shelf: shelf[place].copy_(t), after, shelf)  # noqa: B023
                states.append((kept, _random_state(states[-1][1])))
        for first in reversed(firsts):
            kept, random = states.pop()
            # The same units are dropped as before.
            randomness.set_state(random)
            grads = back(first, min(first + lengths[level], end), kept, grads, level + 1)
        return grads

    def back_through(begin: int, end: int, before: Any, grads: Grads) -> Grads:
        nonlocal total, count, last, random_after
        before = map_arrays(_leaf, before)
        output, after = run(begin, end, before)
        if end == num_steps:
            last, random_after = detach(after), randomness.get_state()
        part = part_of(output, Window(begin, begin, end))
        del output
        reached = [
            (tensor, grad)
            for tensor, grad in zip(arrays_of(after), grads, strict=False)
            if grad is not None and tensor.requires_grad
        ]
        if part is not None:
            reached.append((part, torch.ones_like(part)))
            total = total.to(part) + part.detach()
        count += 1
        if reached:
            torch.autograd.backward([t for t, _ in reached], [grad for _, grad in reached])
        return [tensor.grad for tensor in arrays_of(before)]

    lengths = _lengths(policy, run, num_steps, state)
    back(0, num_steps, state, [], 0)
    randomness.set_state(random_after)
    return total, last, count


def _random_state(before: Tensor) -> Tensor:
    """The random state, in the same memory where nothing was drawn since: it takes 5 kB."""
    now = randomness.get_state()
    return before if torch.equal(now, before) else now


def _leaf(tensor: Tensor) -> Tensor:
    """A tensor whose gradient is wanted, if it can have one."""
    return tensor.detach().requires_grad_(tensor.is_floating_point())


def in_segments(
    policy: Checkpointed, run: Run, num_steps: int, state: Any, *, time_dim: int = 0
) -> Run:
    """The same run, keeping only the states between segments (of segments).

    state: that the run begins with. time_dim: of its outputs, which are put together again.
    Raises OptionError if the policy's memory budget is too small.
    """
    lengths = _lengths(policy, run, num_steps, state)

    def segmented(begin: int, end: int, before: Any, level: int = 0) -> tuple[Any, Any]:
        if level == len(lengths):
            return run(begin, end, before)
        pieces = []
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


def _lengths(policy: Checkpointed, run: Run, num_steps: int, state: Any) -> tuple[int, ...]:
    """Steps of the segments at each level; only a budget asks for a measurement."""
    if policy.memory_budget is None:
        return policy.segment_lengths(num_steps)
    step_bytes, state_bytes = _measured(run, num_steps, state)
    return policy.segment_lengths(num_steps, step_bytes=step_bytes, state_bytes=state_bytes)


def _measured(run: Run, num_steps: int, state: Any) -> tuple[float, float]:
    """Bytes that the graph of one step keeps, and bytes of a state."""
    steps = min(PROBE_STEPS, num_steps // 2)
    if steps == 0:
        return 0.0, 0.0
    with randomness.Replay():
        few, _ = _kept(run, steps, state)
        more, after = _kept(run, 2 * steps, state)
    return max(0, more - few) / steps, float(sum(tensor.nbytes for tensor in arrays_of(after)))


def _kept(run: Run, steps: int, state: Any) -> tuple[int, Any]:
    """Bytes of all memory that the graph of the first steps holds on to, and the state."""
    held: dict[int, int] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        held[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output, after = run(0, steps, state)
    # The output has a gradient, too.
    return sum(held.values()) + 2 * sum(t.nbytes for t in arrays_of(output)), after
