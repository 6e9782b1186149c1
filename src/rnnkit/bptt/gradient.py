"""Back-propagation through time for any module that maps (input, state) to (output, state)."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from rnnkit.bptt.checkpointing import back_in_segments
from rnnkit.bptt.policies import Checkpointed, Policy, Window, policy_of
from rnnkit.bptt.states import Tensors, check_streams, detach, tensors_of
from rnnkit.bptt.unroll import output_of, unroll
from rnnkit.errors import InputError, ShapeError
from rnnkit.nest import map_arrays

__all__ = ["Gone", "Loss", "backward", "call_module"]

Loss: TypeAlias = Callable[[Any, Window], Tensor | None]
"""(output, window) -> the window's part of the loss; the output is as the module gives it."""


class Gone(NamedTuple):
    """What `backward` has done.

    loss: the sum of the windows' losses, without a gradient. state: after the last step, detached,
    to be given to the next call. windows: how many.
    """

    loss: Tensor
    state: Tensors
    windows: int


def backward(
    module: nn.Module,
    x: Tensors,
    loss: Loss,
    *,
    policy: Policy | str | None = None,
    state: Tensors = None,
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

    def run(begin: int, end: int, before: Tensors) -> tuple[Tensors, Tensors]:
        piece = map_arrays(lambda t: t.narrow(time_dim, begin, end - begin), x)
        return call_module(module, piece, before, batch_first=batch_first)

    part_of = partial(_part, loss)
    if isinstance(chosen, Checkpointed):
        return Gone(*back_in_segments(chosen, run, part_of, num_steps, detach(state)))

    def narrow(output: Tensors, begin: int, end: int, first: int) -> Tensors:
        return map_arrays(lambda t: t.narrow(time_dim, first - begin, end - first), output)

    total, count = torch.zeros(()), 0
    walk = unroll(chosen.windows(num_steps), run, detach(state), narrow=narrow)
    for window, pieces, after in walk:
        part = part_of(output_of(pieces, time_dim), window)
        del pieces
        if part is not None:
            part.backward()  # type: ignore[no-untyped-call]
            total = total.to(part) + part.detach()
        state, count = after, count + 1
    return Gone(total, state, count)


def call_module(
    module: nn.Module, x: Tensors, state: Tensors, *, batch_first: bool = False
) -> tuple[Tensors, Tensors]:
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


def _sizes(x: Tensors, batch_first: bool) -> tuple[int, int, int]:
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


def _part(loss: Loss, output: Tensors, window: Window) -> Tensor | None:
    """A window's part of the loss, checked."""
    part: object = loss(output, window)
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
