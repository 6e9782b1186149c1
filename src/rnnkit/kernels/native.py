"""The native kernels (csrc/rnnkit.h) as torch operators.

`rnnkit::forward` and `rnnkit::backward` are the C calls, `rnnkit::recurrent` the differentiable
pair of them. All three have shapes for tracing, so that `torch.compile` and `torch.export` see one
operator a layer and direction, and no shape depends on data.

The gradients are differentiable once; for second derivatives use the kernel "reference".
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnkit.errors import TrainingError
from rnnkit.kernels import calls, operators
from rnnkit.kernels.interface import Form, Padded, State, Weights
from rnnkit.recurrence import CellSpec

__all__ = ["Results", "forward", "run"]


class Results(NamedTuple):
    """What forward gives; tensors that are not there are None, or empty where torch is tracing.

    y: (T, B, P) padded or (N, P) packed; h_n: (1, B, P); c_n: (1, B, H), of a cell with a memory.
    kept: what backward needs: (T*B or N, width), packed row by packed row, the cell's `kept`, H
    columns each; or, with a checkpoint, the states that each segment begins with, (segments, B,
    P + H of a memory).
    """

    y: Any
    h_n: Tensor
    c_n: Any
    kept: Any


def run(
    spec: CellSpec,
    data: Tensor,
    form: Form,
    state: State | None,
    weights: Weights,
    *,
    reverse: bool = False,
    need_state: bool = True,
    need_output: bool = True,
    checkpoint: int = 0,
) -> tuple[Tensor | None, State]:
    """Run one layer in one direction; see `rnnkit.kernels.run`."""
    results = forward(
        spec,
        data,
        form,
        state,
        weights,
        reverse=reverse,
        need_output=need_output,
        checkpoint=checkpoint,
        keep=torch.is_grad_enabled() and _needs_grad(data, state, weights),
    )
    y = results.y if need_output else None
    if not (spec.has_memory and need_state):
        return y, (results.h_n,)
    return y, (results.h_n, results.c_n)


def forward(
    spec: CellSpec,
    data: Tensor,
    form: Form,
    state: State | None,
    weights: Weights,
    *,
    reverse: bool = False,
    need_output: bool = True,
    checkpoint: int = 0,
    keep: bool = False,
) -> Results:
    """Everything that one layer in one direction gives.

    keep: keep what backward needs.
    """
    if isinstance(form, Padded):
        lengths, batch_sizes, sequences = form.lengths, None, data.shape[1]
    else:
        lengths, batch_sizes, sequences = None, form.batch_sizes, form.num_sequences
    h_0, c_0 = (*(state or (None,)), None)[:2]
    # Without a checkpoint backward reads the output.
    need_output = need_output or (keep and not checkpoint)
    options = (sequences, spec.mode, reverse, checkpoint, need_output, keep)
    arguments = (data, h_0, c_0, *weights, lengths, batch_sizes, *options)
    if not operators.is_plain(data, h_0, c_0, weights.weight_ih):
        results = (_RECURRENT if keep else _FORWARD)(*arguments)
    elif keep:
        results = _Recurrent.apply(calls.forward, *arguments)  # type: ignore[no-untyped-call]
    else:
        results = calls.forward(*arguments)
    return Results(*results)


def _needs_grad(data: Tensor, state: State | None, weights: Weights) -> bool:
    return (
        data.requires_grad
        or any(w is not None and w.requires_grad for w in weights)
        or any(s.requires_grad for s in state or ())
    )


# -- the operators ------------------------------------------------------------------------------


class _Recurrent(torch.autograd.Function):
    """forward and backward as one differentiable function; `run` is the C call or its operator."""

    @staticmethod
    def forward(ctx: Any, run: Any, *arguments: Any) -> tuple[Tensor | None, ...]:
        inputs, options = arguments[: calls.TENSORS], arguments[calls.TENSORS :]
        *ctx.options, need_output, _ = options
        ctx.plain = run is calls.forward
        results: tuple[Tensor | None, ...] = run(*inputs, *ctx.options, need_output, True)
        y, _, c_n, kept = results
        # With a checkpoint backward makes the output again.
        ctx.save_for_backward(*inputs, None if options[3] else y, kept)
        ctx.set_materialize_grads(False)
        absent = [tensor for tensor in (y, c_n) if tensor is not None and tensor.dim() == 1]
        ctx.mark_non_differentiable(*absent, *([] if kept is None else [kept]))
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        needed = ctx.needs_input_grad[1:9]
        need_x, need_h_0, need_c_0, *need_weights = needed
        arguments = (
            *grads[:3],
            *ctx.saved_tensors,
            *ctx.options,
            *(need_x, need_h_0, need_c_0, any(need_weights)),
        )
        operator = _BACKWARD
        if torch.is_grad_enabled():
            operator = _Once.apply
        elif ctx.plain and operators.is_plain(*grads[:3]):
            operator = calls.backward
        results = operator(*arguments)
        given = [grad if wanted else None for grad, wanted in zip(results, needed, strict=True)]
        return (None, *given, *[None] * (len(ctx.needs_input_grad) - 1 - len(given)))


class _Once(torch.autograd.Function):
    """backward where its own derivative may be asked for."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, ...]:
        ctx.inputs = len(arguments)
        results: tuple[Tensor, ...] = _BACKWARD(*arguments)
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[None, ...]:  # noqa: ARG004
        raise TrainingError(
            "a second derivative was asked for, but the native kernels are differentiable once. "
            "Run the forward pass in `with rnnkit.kernels.use_kernel('reference'):`."
        )


def _differentiable(*arguments: Any) -> tuple[Tensor, ...]:
    results: tuple[Tensor, ...] = _Recurrent.apply(_FORWARD, *arguments)  # type: ignore[no-untyped-call]
    return results


def _forward(*arguments: Any) -> tuple[Tensor, ...]:
    return _filled(arguments[0], calls.forward(*arguments))


def _backward(*arguments: Any) -> tuple[Tensor, ...]:
    return _filled(arguments[3], calls.backward(*arguments))


def _filled(x: Tensor, results: Iterable[Tensor | None]) -> tuple[Tensor, ...]:
    """An operator has no results of None: an empty tensor stands for each."""
    return tuple(x.new_empty(0) if result is None else result for result in results)


def _empty_results(*arguments: Any) -> tuple[Tensor, ...]:
    return _empty(arguments[0], calls.result_shapes(*arguments))


def _empty_grads(*arguments: Any) -> tuple[Tensor, ...]:
    return _empty(arguments[3], calls.grad_shapes(*arguments))


def _empty(x: Tensor, shapes: Iterable[tuple[int, ...] | None]) -> tuple[Tensor, ...]:
    return tuple(x.new_empty((0,) if shape is None else shape) for shape in shapes)


_INPUTS = (
    "Tensor x, Tensor? h_0, Tensor? c_0, Tensor weight_ih, Tensor weight_hh, Tensor? bias_ih, "
    "Tensor? bias_hh, Tensor? weight_hr, Tensor? lengths, Tensor? batch_sizes"
)
_OPTIONS = "SymInt sequences, str mode, bool reverse, int checkpoint"
_SCHEMA = (
    f"({_INPUTS}, {_OPTIONS}, bool need_output, bool keep) -> "
    f"(Tensor y, Tensor h_n, Tensor c_n, Tensor kept)"
)
_BACKWARD_SCHEMA = (
    f"(Tensor? grad_y, Tensor? grad_h_n, Tensor? grad_c_n, {_INPUTS}, Tensor? y, Tensor? kept, "
    f"{_OPTIONS}, bool need_x, bool need_h_0, bool need_c_0, bool need_weights) -> "
    f"(Tensor grad_x, Tensor grad_h_0, Tensor grad_c_0, Tensor grad_weight_ih, "
    f"Tensor grad_weight_hh, Tensor grad_bias_ih, Tensor grad_bias_hh, Tensor grad_weight_hr)"
)

_FORWARD = operators.define("forward", _SCHEMA, call=_forward, empty=_empty_results)
_BACKWARD = operators.define("backward", _BACKWARD_SCHEMA, call=_backward, empty=_empty_grads)
_RECURRENT = operators.define(
    "recurrent",
    _SCHEMA,
    call=_forward,
    empty=_empty_results,
    differentiable=_differentiable,
)
