"""Clipping by value and by the global norm, for dense and sparse gradients together."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor
from torch.nn.utils import get_total_norm

from rnnkit import torch_private

__all__ = ["Clipped", "clip_grad_norm", "clip_gradients", "gradient_values"]


class Clipped(NamedTuple):
    """The joint norm before any clipping, and whether a gradient was changed."""

    norm: float
    clipped: bool


def clip_gradients(
    parameters: Iterable[Tensor],
    *,
    clip_value: float | None = None,
    clip_norm: float | None = None,
) -> Clipped:
    """Clip each element, then all gradients together; see `clip_grad_norm` for the latter.

    g <- min(max(g, -clip_value), clip_value), element by element.

    None leaves that part out. A norm that is not finite leaves the gradients as they are.
    Source: Mikolov 2012 (thesis), as told by Pascanu, Mikolov & Bengio 2013, section 3.2.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(3))
    >>> weight.grad = torch.tensor([-12.0, 3.0, 4.0])
    >>> clip_gradients([weight], clip_value=3.5)
    Clipped(norm=13.0, clipped=True)
    >>> weight.grad
    tensor([-3.5000,  3.0000,  3.5000])
    """
    gradients = [gradient_values(p) for p in parameters if p.grad is not None]
    norm = left = float(get_total_norm(gradients))
    if not math.isfinite(norm):
        return Clipped(norm, False)
    by_value = clip_value is not None and _clamp_(gradients, clip_value)
    if by_value:
        left = float(get_total_norm(gradients))
    by_norm = clip_norm is not None and left > clip_norm
    if clip_norm is not None and by_norm:
        torch_private.multiply_(gradients, clip_norm / (left + 1e-6))
    return Clipped(norm, by_value or by_norm)


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float | None) -> float:
    """Scale all gradients down together, so that their joint norm is at most `max_norm`.

    g <- g * max_norm / (norm + 1e-6) where norm > max_norm, over all parameters as one vector.

    max_norm: None only measures. A norm that is not finite leaves the gradients as they are.
    Returns the norm before clipping. Sparse gradients are coalesced, since rows that occur twice
    would otherwise be measured apart, and `grad` keeps the coalesced form.
    Source: Pascanu, Mikolov & Bengio 2013, On the Difficulty of Training Recurrent Neural
    Networks, algorithm 1.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_grad_norm([weight], max_norm=1.0)
    5.0
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    return clip_gradients(parameters, clip_norm=max_norm).norm


def gradient_values(parameter: Tensor) -> Tensor:
    """The numbers of a parameter's gradient: all of a dense one, the stored rows of a sparse one.

    They share memory with `parameter.grad`, which is coalesced if it was sparse.
    """
    if parameter.grad is None:
        raise ValueError("the parameter has no gradient. Call backward first.")
    if not parameter.grad.is_sparse:
        return parameter.grad
    parameter.grad = parameter.grad.coalesce()
    return parameter.grad.values()


def _clamp_(gradients: list[Tensor], largest: float) -> bool:
    """Whether any element was beyond, and now is not."""
    if not any(bool((gradient.abs() > largest).any()) for gradient in gradients):
        return False
    torch_private.clamp_min_(gradients, -largest)
    torch_private.clamp_max_(gradients, largest)
    return True
