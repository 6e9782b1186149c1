"""A linear map whose rows do not know of each other.

A matrix product of BLAS sums in an order that depends on the number of rows, so that the last bits
of a sequence's result depend on its batch. The native one does not.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from rnnkit.errors import ShapeError
from rnnkit.kernels import operators
from rnnkit.kernels.dispatch import NATIVE, chosen
from rnnkit.kernels.interface import DTYPES
from rnnkit.native import library

__all__ = ["linear"]


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """y = x W^T + b, every row to the same bits whatever the others are, and how many.

    x: (..., I); weight: (O, I); bias: (O,). Returns (..., O).
    That holds where no gradient is needed and the native kernel runs; else this is torch's linear.

    >>> linear(torch.ones(2, 3), torch.ones(1, 3)).tolist()
    [[3.0], [3.0]]
    """
    parts = (x, weight) if bias is None else (x, weight, bias)
    trained = torch.is_grad_enabled() and any(part.requires_grad for part in parts)
    if (
        trained
        or torch.is_autocast_enabled("cpu")
        or x.numel() == 0
        or chosen(x.dtype, x.device.type) != NATIVE
    ):
        return F.linear(x, weight, bias)
    y: Tensor = _LINEAR(x, weight, bias)
    return y


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    _check(x, weight, bias)
    y = _empty(x, weight, bias)
    rows = x.reshape(-1, x.shape[-1])
    rows = rows if rows.stride(-1) == 1 or rows.shape[-1] == 1 else rows.contiguous()
    weight, bias = weight.contiguous(), None if bias is None else bias.contiguous()
    status = library.required().rnnkit_linear(
        DTYPES[x.dtype],
        torch.get_num_threads(),
        len(rows),
        rows.shape[1],
        len(weight),
        rows.data_ptr(),
        rows.stride(0),
        weight.data_ptr(),
        None if bias is None else bias.data_ptr(),
        y.data_ptr(),
        len(weight),
    )
    if status == library.NO_MEMORY:
        raise MemoryError(f"no memory for an input of shape {tuple(x.shape)}.")
    if status != library.OK:
        raise ShapeError(f"an input of shape {tuple(x.shape)} is too large for the native kernel.")
    return y


def _empty(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: ARG001
    return x.new_empty((*x.shape[:-1], weight.shape[0]))


def _check(x: Tensor, weight: Tensor, bias: Tensor | None) -> None:
    fits = weight.dim() == 2 and x.dim() > 0 and x.shape[-1] == weight.shape[1]
    fits = fits and x.dtype == weight.dtype and x.dtype in DTYPES and x.numel() > 0
    if bias is not None:
        fits = fits and bias.dtype == x.dtype and bias.shape == weight.shape[:1]
    if not fits:
        shapes = [None if t is None else (tuple(t.shape), t.dtype) for t in (x, weight, bias)]
        raise ShapeError(
            f"x, weight and bias are {shapes[0]}, {shapes[1]} and {shapes[2]}, but (..., I), "
            f"(O, I) and (O,), all float32 or all float64, were expected."
        )


_LINEAR = operators.define(
    "linear", "(Tensor x, Tensor weight, Tensor? bias) -> Tensor", call=_linear, empty=_empty
)
