"""What is done with a state between two windows: it is a value, which goes in and comes out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias, TypeVar

import torch
from torch import Tensor
from torch.autograd.function import FunctionCtx

from rnnkit.errors import ShapeError
from rnnkit.nest import Nest, arrays_of, map_arrays

__all__ = [
    "Tensors",
    "batch_dim",
    "check_streams",
    "detach",
    "replace_streams",
    "scale_gradient",
    "tensors_of",
]

Tensors: TypeAlias = Nest[Tensor]
"""A state, an input or an output: a tensor, or tuples, lists and dicts of tensors."""

S = TypeVar("S")  # a state, in the form that its owner gives it


def tensors_of(nest: Tensors) -> Iterator[Tensor]:
    """All tensors of a nest, in order. Raises InputError at anything else in it."""
    return arrays_of(nest)


def detach(state: S) -> S:
    """The same numbers without a past: no gradient goes back from here.

    >>> h = torch.ones(2, requires_grad=True) * 3
    >>> detach((h, None))
    (tensor([3., 3.]), None)
    """
    return map_arrays(_apart, state)


def _apart(tensor: Tensor) -> Tensor:
    """A state may be a view of an output, all of which would be kept with it."""
    alone = tensor.detach()
    return alone.clone() if alone.untyped_storage().nbytes() > alone.nbytes else alone


def batch_dim(tensor: Tensor) -> int:
    """The dimension of a state's tensor that counts the streams.

    1 of three dimensions, (layers, B, H) as in torch's layers; 0 of any other number, (B, ...) as
    in cells.
    """
    return 1 if tensor.ndim == 3 else 0


def check_streams(state: Tensors, num_streams: int, *, name: str = "state") -> None:
    """Refuse a state that belongs to another number of streams.

    Raises ShapeError; torch and Keras broadcast some of these without a word.
    """
    for tensor in tensors_of(state):
        if tensor.ndim and tensor.shape[batch_dim(tensor)] != num_streams:
            raise ShapeError(
                f"{name} holds a tensor of shape {tuple(tensor.shape)}, which belongs to "
                f"{tensor.shape[batch_dim(tensor)]} streams, but the input has {num_streams}. A "
                f"state goes on with the streams that it came from: keep the batch size, or start "
                f"anew with state=None."
            )


def replace_streams(state: S, which: Tensor, initial: S | None = None) -> S:
    """A state in which the streams that `which`, (B,) bool, marks begin again.

    initial: a state of the same form that they begin with; None: zeros. No gradient goes back
    through what is replaced.

    >>> h = torch.ones(1, 3, 2)
    >>> replace_streams(h, torch.tensor([True, False, False]))[0, :, 0].tolist()
    [0.0, 1.0, 1.0]
    """

    def replace(tensor: Tensor, begin: Tensor | None = None) -> Tensor:
        if tensor.ndim == 0:  # of all streams together
            return tensor
        shape = [1] * tensor.ndim
        shape[batch_dim(tensor)] = -1
        other = torch.zeros_like(tensor) if begin is None else begin
        return torch.where(which.reshape(shape), other, tensor)

    others: tuple[S, ...] = () if initial is None else (initial,)
    return map_arrays(replace, state, *others)


def scale_gradient(tensor: Tensor, factor: float) -> Tensor:
    """The tensor itself, whose gradient is multiplied by `factor` on its way back.

    >>> x = torch.ones(1, requires_grad=True)
    >>> torch.autograd.grad(scale_gradient(x, 2.5).sum(), x)
    (tensor([2.5000]),)
    """
    scaled: Tensor = _ScaleGradient.apply(tensor, factor)  # type: ignore[no-untyped-call]
    return scaled


class _ScaleGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Factor, tensor: Tensor, factor: float) -> Tensor:
        ctx.factor = factor
        return tensor.view_as(tensor)

    @staticmethod
    def backward(ctx: _Factor, grad: Tensor) -> tuple[Tensor, None]:
        return grad * ctx.factor, None


class _Factor(FunctionCtx):
    """What forward leaves for backward."""

    factor: float
