"""Clipping by the global norm, for dense and sparse gradients together."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor
from torch.nn.utils import get_total_norm

__all__ = ["clip_grad_norm", "gradient_values"]


def clip_grad_norm(parameters: Iterable[Tensor], max_norm: float | None) -> float:
    """Scale all gradients down together, so that their joint norm is at most `max_norm`.

    g <- g * max_norm / (norm + 1e-6) where norm > max_norm, over all parameters as one vector.

    max_norm: None only measures. A norm that is not finite leaves the gradients as they are.
    Returns the norm before clipping. Sparse gradients are coalesced, since rows that occur twice
    would otherwise be measured apart, and `grad` keeps the coalesced form.
    Source: Pascanu, Mikolov & Bengio 2013, On the Difficulty of Training Recurrent Neural
    Networks, algorithm 1.

    >>> weight = torch.nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_grad_norm([weight], max_norm=1.0)
    5.0
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    gradients = [gradient_values(p) for p in parameters if p.grad is not None]
    norm = float(get_total_norm(gradients))
    if max_norm is not None and max_norm < norm < math.inf:
        torch._foreach_mul_(gradients, max_norm / (norm + 1e-6))
    return norm


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
