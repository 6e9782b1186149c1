"""Back-propagation through time for any module that maps (input, state) to (output, state)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from rnnkit.bptt.policies import Checkpointed, Policy, Window, policy_of
from rnnkit.bptt.states import check_streams, detach
from rnnkit.bptt.unroll import Piece, Run, unroll
from rnnkit.errors import InputError, ShapeError
from rnnkit.nest import map_tensors, tensors_of

__all__ = ["Gone", "backward", "call_module", "in_segments", "output_of"]

Grads = list[Tensor | None]
"""Gradients of a state's tensors, in order."""

PROBE_STEPS = 4  # two runs of so many steps, and twice as many, tell what a step keeps


class Gone(NamedTuple):
    """What `backward` has done.

    loss: the sum of the windows' losses, without a gradient. state: after the last step, detached,
    to be given to the next call. windows: how many.
    """

    loss: Tensor
    state: Any
    windows: int


def backward(
    module: nn.Module,
    x: Any,
    loss: Callable[[Any, Window], Tensor | None],
    *,
    policy: Policy | str | None = None,
    state: Any = None,
    batch_first: bool = False,
) -> Gone:
    """Run a module over a sequence and add the gradient of its loss to every `parameter.grad`.

    module: called as module(x, state), it returns (output, state); its state is a nest of tensors
        with the streams in dimension 1 of three, (layers, B, H), or else in dimension 0. That is
        the form of `torch.nn.LSTM` and of `rnnkit.cells.LSTM`.
    x: (T, B, ...), or (B, T, ...) if batch_first, or a nest of such tensors.
    loss: (output, window) -> the window's part of the loss, or None if it has none. The output is
        that of `window.steps`, so that the targets are `target[window.steps]`; the parts are added
        up, so divide by the length of the whole where the loss shall be a mean.
    policy: `Full()` if None. After every window of `Truncated` and `RandomTruncated` its graph is
        freed: memory does not grow with T. With `Checkpointed` the module is run twice: without a
        graph, keeping the states between segments, and once more segment by segment from the last
        to the first, in which order the windows' losses are asked for. A memory budget counts the
        states, a segment's graph and its output, measured on a few steps, and not x.
    state: before the first step; None is passed on, which the module takes for its initial state.
    Raises ShapeError if the state belongs to another number of streams, InputError if the module
    or the loss gives something else.

    >>> _ = torch.manual_seed(0)
    >>> layer, x = nn.LSTM(2, 3), torch.randn(100, 4, 2)
    >>> def loss(output, window):
    ...     return output.square().sum() / x.numel()
    >>> backward(layer, x, loss, policy="truncated(20, 40)").windows
    5
    >>> layer.weight_hh_l0.grad.shape
    torch.Size([12, 3])
    """
    chosen = policy_of(policy)
    time_dim, num_steps, num_streams = _sizes(x, batch_first)
    check_streams(state, num_streams)

    def run(begin: int, end: int, before: Any) -> tuple[Any, Any]:
        piece = map_tensors(lambda t: t.narrow(time_dim, begin, end - begin), x)
        return call_module(module, piece, before, batch_first=batch_first)

    if isinstance(chosen, Checkpointed):
        return _in_segments_again(chosen, run, loss, num_steps, detach(state))

    def narrow(output: Any, begin: int, end: int, first: int) -> Any:
        return map_tensors(lambda t: t.narrow(time_dim, first - begin, end - first), output)

    total, count = torch.zeros(()), 0
    walk = unroll(chosen.windows(num_steps), run, detach(state), narrow=narrow)
    for window, pieces, after in walk:
        part = _part(loss, output_of(pieces, time_dim), window)
        del pieces
        if part is not None:
            part.backward()  # type: ignore[no-untyped-call]
            total = total.to(part) + part.detach()
        state, count = after, count + 1
    return Gone(total, state, count)


def call_module(
    module: nn.Module, x: Any, state: Any, *, batch_first: bool = False
) -> tuple[Any, Any]:
    """module(x, state), checked on its way in and out, in the user's terms."""
    time_dim, num_steps, num_streams = _sizes(x, batch_first)
    check_streams(state, num_streams)
    name = type(module).__name__
    result = module(x, state)
    if not isinstance(result, tuple) or len(result) != 2:
        raise InputError(
            f"{name} returned a {type(result).__name__}, but a pair (output, state) was expected. "
            f"Wrap it in a module whose forward(input, state) gives both."
        )
    output, after = result
    for tensor in tensors_of(output):
        if tensor.ndim <= time_dim or tensor.shape[time_dim] != num_steps:
            raise ShapeError(
                f"{name} gave an output of shape {tuple(tensor.shape)} for {num_steps} steps, but "
                f"dimension {time_dim} must hold one output a step (batch_first={batch_first})."
            )
    try:
        check_streams(after, num_streams)
    except ShapeError:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in tensors_of(after))
        raise ShapeError(
            f"{name} gave a state of shape {shapes} for {num_streams} streams (x is "
            f"{'(B, T, ...)' if batch_first else '(T, B, ...)'}). Give batch_first="
            f"{not batch_first} if that is how the module reads x; otherwise its state must have "
            f"the streams in dimension 1 of three, (layers, B, H), or else in dimension 0."
        ) from None
    return output, after


def output_of(pieces: list[Piece], time_dim: int) -> Any:
    """The pieces' outputs as one."""
    if len(pieces) == 1:
        return pieces[0].output
    first, *others = (piece.output for piece in pieces)
    return map_tensors(lambda *parts: torch.cat(parts, dim=time_dim), first, *others)


def _sizes(x: Any, batch_first: bool) -> tuple[int, int, int]:
    """The dimension of the steps, the number of steps, and of streams."""
    time_dim = 1 if batch_first else 0
    wanted = "(B, T, ...)" if batch_first else "(T, B, ...)"
    tensors = list(tensors_of(x))
    if not tensors:
        raise InputError("x holds no tensor: there is nothing to run over.")
    for tensor in tensors:
        if tensor.ndim < 2:
            raise ShapeError(f"x has shape {tuple(tensor.shape)}, but {wanted} was expected.")
        if tensor.shape[:2] != tensors[0].shape[:2]:
            raise ShapeError(
                f"x holds tensors of shape {tuple(tensors[0].shape)} and {tuple(tensor.shape)}, "
                f"but all of them must agree in {wanted}."
            )
    num_steps, num_streams = tensors[0].shape[time_dim], tensors[0].shape[1 - time_dim]
    if num_steps == 0:
        raise ShapeError(f"x has shape {tuple(tensors[0].shape)}: at least one step is needed.")
    return time_dim, num_steps, num_streams


def _in_segments_again(
    policy: Checkpointed, run: Run, loss: Any, num_steps: int, state: Any
) -> Gone:
    """The exact gradient, with one segment's graph at a time.

    Source: Gruslys et al. 2016, section 3.1 (hidden states are kept, the rest is computed again).
    """
    total, count, last, random_after = torch.zeros(()), 0, state, torch.get_rng_state()

    def back(begin: int, end: int, before: Any, grads: Grads, level: int) -> Grads:
        """Go back through some steps; grads: of the state after them, and returned before them."""
        if level == len(lengths):
            return back_through(begin, end, before, grads)
        firsts = range(begin, end, lengths[level])
        states = [(before, torch.get_rng_state())]
        shelf: Any = None
        with torch.no_grad():
            for place, first in enumerate(firsts[:-1]):
                _, after = run(first, first + lengths[level], states[-1][0])
                if shelf is None:
                    # Side by side in one block: lying about, they would keep the holes between
                    # them from being used again.
                    shelf = map_tensors(lambda t: t.new_empty(len(firsts), *t.shape), after)
                kept = map_tensors(lambda t, shelf: shelf[place].copy_(t), after, shelf)  # noqa: B023
                states.append((kept, torch.get_rng_state()))
        for first in reversed(firsts):
            kept, random = states.pop()
            # The same units are dropped as before.
            torch.set_rng_state(random)
            grads = back(first, min(first + lengths[level], end), kept, grads, level + 1)
        return grads

    def back_through(begin: int, end: int, before: Any, grads: Grads) -> Grads:
        nonlocal total, count, last, random_after
        before = map_tensors(_leaf, before)
        output, after = run(begin, end, before)
        if end == num_steps:
            last, random_after = detach(after), torch.get_rng_state()
        part = _part(loss, output, Window(begin, begin, end))
        del output
        reached = [
            (tensor, grad)
            for tensor, grad in zip(tensors_of(after), grads, strict=False)
            if grad is not None and tensor.requires_grad
        ]
        if part is not None:
            reached.append((part, torch.ones_like(part)))
            total = total.to(part) + part.detach()
        count += 1
        if reached:
            torch.autograd.backward([t for t, _ in reached], [grad for _, grad in reached])
        return [tensor.grad for tensor in tensors_of(before)]

    step_bytes, state_bytes = 0.0, 0.0
    if policy.memory_budget is not None:
        step_bytes, state_bytes = _measured(run, num_steps, state)
    lengths = policy.segment_lengths(num_steps, step_bytes=step_bytes, state_bytes=state_bytes)
    back(0, num_steps, state, [], 0)
    torch.set_rng_state(random_after)
    return Gone(total, last, count)


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
    step_bytes, state_bytes = 0.0, 0.0
    if policy.memory_budget is not None:
        step_bytes, state_bytes = _measured(run, num_steps, state)
    lengths = policy.segment_lengths(num_steps, step_bytes=step_bytes, state_bytes=state_bytes)

    def segmented(begin: int, end: int, before: Any, level: int = 0) -> tuple[Any, Any]:
        if level == len(lengths):
            return run(begin, end, before)
        pieces = []
        for first in range(begin, end, lengths[level]):
            last = min(first + lengths[level], end)
            output, before = checkpoint(
                segmented, first, last, before, level + 1, use_reentrant=False
            )
            pieces.append(Piece(first, last, output))
        return output_of(pieces, time_dim), before

    return segmented


def _measured(run: Run, num_steps: int, state: Any) -> tuple[float, float]:
    """Bytes that the graph of one step keeps, and bytes of a state."""
    steps = min(PROBE_STEPS, num_steps // 2)
    if steps == 0:
        return 0.0, 0.0
    with torch.random.fork_rng(devices=[]):
        few, _ = _kept(run, steps, state)
        more, after = _kept(run, 2 * steps, state)
    return max(0, more - few) / steps, float(sum(tensor.nbytes for tensor in tensors_of(after)))


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
    return sum(held.values()) + 2 * sum(t.nbytes for t in tensors_of(output)), after


def _part(loss: Any, output: Any, window: Window) -> Tensor | None:
    """A window's part of the loss, checked."""
    part = loss(output, window)
    if part is None:
        return None
    if not isinstance(part, Tensor) or part.ndim != 0:
        shape = tuple(part.shape) if isinstance(part, Tensor) else type(part).__name__
        raise InputError(
            f"loss(output, window) gave {shape}, but a scalar tensor was expected, or None for a "
            f"window without a loss. Take the sum or the mean."
        )
    if not part.requires_grad:
        raise InputError(
            "loss(output, window) gave a loss without a gradient to go back through. Compute it "
            "from the output, without detach, item or no_grad; None says that there is none."
        )
    return part
