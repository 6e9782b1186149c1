"""The native kernels (csrc/rnnkit.h) as torch operators.

`rnnkit::forward` and `rnnkit::backward` are the C calls, `rnnkit::recurrent` the differentiable
pair of them. All three have shapes for tracing, so that `torch.compile` and `torch.export` see one
operator a layer and direction, and no shape depends on data.

The gradients are differentiable once; for second derivatives use the kernel "reference".
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnkit.errors import TrainingError
from rnnkit.kernels import calls, operators
from rnnkit.kernels.interface import Form, Padded, State, Weights

__all__ = ["Results", "forward", "run"]


class Results(NamedTuple):
    """What forward gives; tensors that are not there are empty.

    y: (T, B, P) padded or (N, P) packed; h_n: (B, P); c_n: (B, H), for an LSTM.
    kept: what backward needs: (T*B or N, width), packed row by packed row, LSTM i, f, g, o, c; GRU
    n, r, z and W_hn h + b_hn, H columns each; or, with a checkpoint, the states that each segment
    begins with, (segments, B, P + H of an LSTM).
    """

    y: Tensor
    h_n: Tensor
    c_n: Tensor
    kept: Tensor


def run(
    mode: str,
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
        mode,
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
    if mode != "LSTM" or not need_state:
        return y, (results.h_n,)
    return y, (results.h_n, results.c_n)


def forward(
    mode: str,
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
    options = (sequences, mode, reverse, checkpoint, need_output, keep)
    plain = operators.is_plain(data, *(state or ()), weights.weight_ih)
    if keep:
        operator = _differentiable if plain else _RECURRENT
    else:
        operator = calls.forward if plain else _FORWARD
    return Results(*operator(data, h_0, c_0, *weights, lengths, batch_sizes, *options))


def _needs_grad(data: Tensor, state: State | None, weights: Weights) -> bool:
    return (
        data.requires_grad
        or any(w is not None and w.requires_grad for w in weights)
        or any(s.requires_grad for s in state or ())
    )


# -- the operators ------------------------------------------------------------------------------


class _Recurrent(torch.autograd.Function):
    """forward and backward as one differentiable function."""

    @staticmethod
    def forward(ctx: Any, *arguments: Any) -> tuple[Tensor, ...]:
        inputs, options = calls.split(arguments)
        sequences, mode, reverse, checkpoint, need_output, _ = options
        ctx.options = (sequences, mode, reverse, checkpoint)
        plain = operators.is_plain(*inputs[:4])
        operator = calls.forward if plain else _FORWARD
        results: tuple[Tensor, ...] = operator(*inputs, *ctx.options, need_output, True)
        y, _, c_n, kept = results
        # With a checkpoint backward makes the output again.
        ctx.save_for_backward(*inputs, None if checkpoint else y, kept)
        ctx.set_materialize_grads(False)
        absent = [tensor for tensor in (y, c_n) if tensor.dim() == 1]
        ctx.mark_non_differentiable(kept, *absent)
        return results

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        need_x, need_h_0, need_c_0, *need_weights = ctx.needs_input_grad[:8]
        arguments = (
            *grads[:3],
            *ctx.saved_tensors,
            *ctx.options,
            *(need_x, need_h_0, need_c_0, any(need_weights)),
        )
        operator = calls.backward if operators.is_plain(*grads[:3]) else _BACKWARD
        if torch.is_grad_enabled():
            operator = _Once.apply
        results = operator(*arguments)
        given = [
            grad if needed else None
            for grad, needed in zip(results, ctx.needs_input_grad[:8], strict=True)
        ]
        return (*given, *[None] * (len(ctx.needs_input_grad) - len(given)))


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
    results: tuple[Tensor, ...] = _Recurrent.apply(*arguments)  # type: ignore[no-untyped-call]
    return results


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
    f"(Tensor? grad_y, Tensor? grad_h_n, Tensor? grad_c_n, {_INPUTS}, Tensor? y, Tensor kept, "
    f"{_OPTIONS}, bool need_x, bool need_h_0, bool need_c_0, bool need_weights) -> "
    f"(Tensor grad_x, Tensor grad_h_0, Tensor grad_c_0, Tensor grad_weight_ih, "
    f"Tensor grad_weight_hh, Tensor grad_bias_ih, Tensor grad_bias_hh, Tensor grad_weight_hr)"
)

_FORWARD = operators.define("forward", _SCHEMA, call=calls.forward, empty=calls.empty_results)
_BACKWARD = operators.define(
    "backward", _BACKWARD_SCHEMA, call=calls.backward, empty=calls.empty_grads
)
_RECURRENT = operators.define(
    "recurrent",
    _SCHEMA,
    call=calls.forward,
    empty=calls.empty_results,
    differentiable=_differentiable,
)
