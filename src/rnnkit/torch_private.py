"""Every name of torch that rnnkit uses and torch does not promise to keep, in one place.

Tried with torch 2.13.0; the range in pyproject.toml says no more than that. `tests/` fail where one
of these is gone or means something else, so that a new torch is tried by running them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import torch
from torch import Tensor

__all__ = [
    "assume_constant_result",
    "clamp_max_",
    "clamp_min_",
    "has_storage",
    "is_transformed",
    "is_watched",
    "is_zero",
    "lstm",
    "multiply_",
]

Function = TypeVar("Function", bound=Callable[..., object])

lstm = torch._VF.lstm
"""(x, (h_0, c_0), weights, has_biases, num_layers, dropout, train, bidirectional, batch_first), to
output, h_n and c_n: what `torch.nn.LSTM` runs, without the module around it."""

multiply_ = torch._foreach_mul_
clamp_min_ = torch._foreach_clamp_min_
clamp_max_ = torch._foreach_clamp_max_
"""A list of tensors at once, in place: what torch's own optimizers run."""

has_storage = torch._C._has_storage
"""Whether a tensor has memory of its own; a batch of gradients has none."""

is_zero = Tensor._is_zerotensor
"""Whether a tensor is zeros without memory."""

_peek_interpreter_stack = torch._C._functorch.peek_interpreter_stack
_get_tracing_state = torch._C._get_tracing_state
_len_torch_dispatch_stack = torch._C._len_torch_dispatch_stack
_len_torch_function_stack = torch._C._len_torch_function_stack


def is_transformed() -> bool:
    """Whether a transform of `torch.func` is at work, whose tensors stand for others."""
    return _peek_interpreter_stack() is not None


def is_watched() -> bool:
    """Whether a trace, a mode or a transform wants to see every operator."""
    return bool(
        _get_tracing_state() is not None
        or _len_torch_dispatch_stack()
        or _len_torch_function_stack()
        or _peek_interpreter_stack() is not None
    )


def assume_constant_result(function: Function) -> Function:
    """As `torch.compiler.assume_constant_result`, which would import the compiler: 2 seconds."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
