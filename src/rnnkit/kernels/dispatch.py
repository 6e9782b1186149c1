"""Which kernel runs: the one place where it is chosen, one call a layer and direction."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from torch import Tensor

from rnnkit.errors import check_option
from rnnkit.kernels import fused, reference, unrolled
from rnnkit.kernels.interface import GATES, Kernel, State, Weights
from rnnkit.packed import Layout

__all__ = ["available", "kernel_for", "run", "use_kernel"]

ENVIRONMENT_VARIABLE = "RNNKIT_KERNEL"

# For each name, the kernel of each mode; the first name is the default.
_KERNELS: dict[str, dict[str, Kernel]] = {
    "torch": {
        "LSTM": fused.run,
        "GRU": unrolled.run,
        "RNN_TANH": unrolled.run,
        "RNN_RELU": unrolled.run,
    },
    "reference": dict.fromkeys(GATES, reference.run),
}

_forced: ContextVar[str | None] = ContextVar("rnnkit_kernel", default=None)


def available() -> tuple[str, ...]:
    """The names of the kernels that can run here, the preferred one first.

    >>> available()
    ('torch', 'reference')
    """
    return tuple(_KERNELS)


def kernel_for(mode: str) -> str:
    """The name of the kernel that runs a mode ("RNN_TANH", "RNN_RELU", "GRU" or "LSTM").

    `use_kernel` decides, else the environment variable RNNKIT_KERNEL, else the first available.
    Raises OptionError if either names an unknown kernel.
    """
    check_option("mode", mode, GATES)
    forced = _forced.get()
    if forced is not None:
        return forced
    name = os.environ.get(ENVIRONMENT_VARIABLE, "")
    if name:
        check_option(ENVIRONMENT_VARIABLE, name, _KERNELS)
        return name
    return available()[0]


@contextmanager
def use_kernel(name: str) -> Iterator[None]:
    """Run everything inside with one kernel.

    >>> with use_kernel("reference"):
    ...     kernel_for("LSTM")
    'reference'
    """
    check_option("kernel", name, _KERNELS)
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def run(
    mode: str,
    data: Tensor,
    layout: Layout,
    state: State,
    weights: Weights,
    *,
    reverse: bool = False,
    need_state: bool = True,
) -> tuple[Tensor, State]:
    """Run one layer in one direction over packed rows.

    data: (N, I); state: (h_0,) or (h_0, c_0), each (B, H), sorted order.
    Returns output (N, H) and the final state, each (B, H), at each sequence's own last step
    (its first, if reverse). need_state=False leaves an LSTM's c_n out: (h_n,).

    >>> import torch
    >>> weights = Weights(torch.zeros(2, 3), torch.zeros(2, 2), torch.ones(2))
    >>> layout = Layout([2, 1])
    >>> output, (h_n,) = run("RNN_RELU", torch.ones(3, 3), layout, (torch.zeros(2, 2),), weights)
    >>> output.shape, h_n.shape
    (torch.Size([3, 2]), torch.Size([2, 2]))
    """
    kernel = _KERNELS[kernel_for(mode)][mode]
    return kernel(mode, data, layout, state, weights, reverse=reverse, need_state=need_state)
