"""One training step: forward, back-propagation through time, reduction, clipping, an update."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from rnnkit.errors import InputError, TrainingError
from rnnkit.learn.blame import NotFinite, find_not_finite
from rnnkit.learn.clipping import clip_gradients
from rnnkit.learn.history import StepInfo
from rnnkit.learn.running import Batch, Fit
from rnnkit.randomness import Replay

__all__ = ["BatchLoss", "Loss", "Reduce", "train_step"]


class BatchLoss(NamedTuple):
    """What a loss function returns for a batch.

    loss: a scalar to go back through, the mean over the batch's units.
    count: how many units (sequences, tokens) that mean is over; it weights the epoch's mean, and
        the batch's gradient among those of several processes.
    tokens: how many steps were read.
    """

    loss: Tensor
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    tokens: int


Loss: TypeAlias = Callable[[nn.Module, Batch], BatchLoss]

Reduce: TypeAlias = Callable[[list[Tensor | None]], list[Tensor | None]]
"""Sums over all processes, place by place, the same in each of them.

A None is a gradient that a process does not have: a zero, and None where no process has one.
Gradients may be sparse. The last place holds three numbers in float64.
"""


class _Mean(NamedTuple):
    """Of all processes' batches."""

    loss: float
    count: int  # type: ignore[assignment]  # as in BatchLoss
    tokens: int


def train_step(fit: Fit, loss: Loss, batch: Batch, reduce: Reduce | None = None) -> StepInfo:
    """Take the step that follows on a batch, at the learning rate that is set.

    Raises TrainingError if the loss or a gradient is not finite; the step is not taken then.
    """
    fit.optimizer.zero_grad()
    again = Replay()
    result = loss(fit.module, batch)
    _check(result, reduce)
    if result.count or reduce is None:
        result.loss.backward()  # type: ignore[no-untyped-call]
    mean = _Mean(float(result.loss.detach()), result.count, result.tokens)
    del result  # and its graph, before another one may be made
    if reduce is not None:
        mean = _reduced(fit.module, mean, reduce)
    if not math.isfinite(mean.loss):
        raise _not_finite(fit, f"the loss is {mean.loss}", loss, batch, reduce, again)
    options = fit.options
    norm, clipped = clip_gradients(
        fit.module.parameters(), clip_value=options.clip_value, clip_norm=options.clip_norm
    )
    if not math.isfinite(norm):
        raise _not_finite(fit, f"the norm of the gradients is {norm}", loss, batch, reduce, again)
    fit.optimizer.step()
    lr = fit.optimizer.param_groups[0]["lr"]
    return StepInfo(fit.epoch, fit.step + 1, *mean, lr, norm, clipped)


def _reduced(module: nn.Module, own: _Mean, reduce: Reduce) -> _Mean:
    """Make the gradients those of the mean over all processes' units; returns that mean."""
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    loss = own.loss * own.count if own.count else 0.0
    figures = torch.tensor([loss, own.count, own.tokens], dtype=torch.float64)
    sums = [None if p.grad is None else p.grad * own.count for p in parameters]
    *sums, figures = reduce([*sums, figures])  # type: ignore[assignment]
    total, count, tokens = figures.tolist()
    units = max(1.0, count)
    for parameter, gradient in zip(parameters, sums, strict=True):
        parameter.grad = None if gradient is None else gradient / units
    return _Mean(total / units, int(count), int(tokens))


def _not_finite(
    fit: Fit, what: str, loss: Loss, batch: Batch, reduce: Reduce | None, again: Replay
) -> TrainingError:
    fit.optimizer.zero_grad()
    with again:  # the same masks are dropped as before
        where = _where(fit, loss, batch, reduce)
    options = fit.options
    clip = "set clip_norm=1.0" if options.clip_norm is None else "lower clip_norm"
    return TrainingError(
        f"epoch {where.epoch}, step {where.step}: {what}. {where.describe()} The step was not "
        f"taken. Try a lower lr (lr={options.lr} now), {clip} or set clip_value "
        f"(clip_norm={options.clip_norm}, clip_value={options.clip_value} now), a GRU or an LSTM "
        f"in place of a simple recurrent network, and check the input for huge values or values "
        f"that are not finite.",
        where=where,
    )


def _where(fit: Fit, loss: Loss, batch: Batch, reduce: Reduce | None) -> NotFinite:
    def value() -> Tensor:
        result = loss(fit.module, batch)
        # The mean of an empty part is no number, and does not count.
        return result.loss if result.count or reduce is None else torch.zeros(())

    found = find_not_finite(fit.module, value, batch, fit.epoch, fit.step + 1)
    nothing = found.where == "backward" and found.layer is None
    return replace(found, where="elsewhere") if nothing and reduce is not None else found


def _check(result: object, reduce: Reduce | None) -> None:
    if not isinstance(result, BatchLoss):
        raise InputError(
            f"loss(module, batch) returned a {type(result).__name__}, but a BatchLoss(loss, count, "
            f"tokens) was expected."
        )
    if result.loss.ndim != 0:
        raise InputError(
            f"BatchLoss.loss has shape {tuple(result.loss.shape)}, but a scalar was expected. "
            f"Take its mean."
        )
    is_empty = reduce is not None and result.count == 0
    if not result.loss.requires_grad and not is_empty:
        raise InputError(
            "BatchLoss.loss has no gradient to go back through. Compute it from the module's "
            "output, without detach, item or no_grad."
        )
