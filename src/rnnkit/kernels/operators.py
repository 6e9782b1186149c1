"""C calls as operators of torch, in the namespace `rnnkit`.

Defined with `torch.library.Library` and, where there is a gradient, an `autograd.Function`:
`torch.library.custom_op` and `register_autograd` were measured to cost 10 us more a call, and
60 us more with gradients.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.nn import Parameter

from rnnkit.kernels.interface import in_float32
from rnnkit.torch_private import has_storage, is_watched, is_zero

__all__ = ["define", "is_plain"]

Call = Callable[..., Any]

_LIBRARY: Any = torch.library.Library("rnnkit", "DEF")  # type: ignore[no-untyped-call]


def is_plain(*tensors: Tensor | None) -> bool:
    """Whether nothing but the numbers is wanted: no tracing, transform, mode or autocast, and no
    numbers that are not in memory as they are (batches of gradients, negated views, zeros without
    memory).

    Then a C call may be made as it is; the way through torch's dispatcher costs about as much as a
    small recurrence.
    """
    if torch.compiler.is_compiling() or torch.is_autocast_enabled("cpu") or is_watched():
        return False
    for tensor in tensors:
        if tensor is not None and (
            type(tensor) not in (Tensor, Parameter)
            or not has_storage(tensor)
            or tensor.is_neg()
            or is_zero(tensor)
        ):
            return False
    return True


def define(
    name: str,
    schema: str,
    *,
    call: Call,
    empty: Call,
    differentiable: Call | None = None,
) -> Call:
    """Define `torch.ops.rnnkit.<name>` and return it.

    call: what runs on the CPU. empty: tensors of the results' shapes, for tracing.
    differentiable: what runs instead where a gradient may be needed.
    Under autocast the operator's arguments are cast to float32, and so are its results.
    """
    _LIBRARY.define(name + schema, tags=(torch.Tag.pt2_compliant_tag,))
    operator: Call = getattr(torch.ops.rnnkit, name).default

    def cast(*arguments: Any) -> Any:
        with torch.autocast("cpu", enabled=False):
            return operator(*map(in_float32, arguments))

    _LIBRARY.impl(name, call, "CPU")
    _LIBRARY.impl(name, cast, "AutocastCPU")
    if differentiable is not None:
        _LIBRARY.impl(name, differentiable, "Autograd")
    torch.library.register_fake(f"rnnkit::{name}", empty, lib=_LIBRARY)
    return operator
