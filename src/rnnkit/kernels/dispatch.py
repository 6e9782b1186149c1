"""Which kernel runs: the one place where it is chosen, one call a layer and direction."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from rnnkit.errors import OptionError, check_option
from rnnkit.kernels import fused, native, reference, unrolled
from rnnkit.kernels.interface import (
    DTYPES,
    GATES,
    LOW_PRECISION,
    Form,
    Kernel,
    State,
    Weights,
    in_float32,
    zero_state,
)
from rnnkit.native import library
from rnnkit.packed import Layout
from rnnkit.torch_private import assume_constant_result, is_transformed

__all__ = ["NATIVE", "available", "chosen", "kernel_for", "run", "run_packed", "step", "use_kernel"]

ENVIRONMENT_VARIABLE = "RNNKIT_KERNEL"

NATIVE, REFERENCE = "native", "reference"

# For each name besides "native", the kernel of each mode.
_KERNELS: dict[str, dict[str, Kernel]] = {
    "torch": {
        "LSTM": fused.run,
        "GRU": unrolled.run,
        "RNN_TANH": unrolled.run,
        "RNN_RELU": unrolled.run,
    },
    REFERENCE: dict.fromkeys(GATES, reference.run),
}
_NAMES = (NATIVE, *_KERNELS)

_forced: ContextVar[str | None] = ContextVar("rnnkit_kernel", default=None)


def available() -> tuple[str, ...]:
    """The names of the kernels that can run here, the preferred one first.

    "native" is missing where its library is; `rnnkit.native.problem()` says why.

    >>> available()[-2:]
    ('torch', 'reference')
    """
    return _NAMES if library.load() is not None else _NAMES[1:]


def kernel_for(
    mode: str,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> str:
    """The name of the kernel that runs a mode ("RNN_TANH", "RNN_RELU", "GRU" or "LSTM").

    `use_kernel` decides, else the environment variable RNNKIT_KERNEL, else the first available:
    "native" for float32 and float64 on the CPU, "torch" for the rest. But under a transform of
    `torch.func` it is always "reference", whose operators every transform knows.
    Raises OptionError if either names an unknown kernel, or "native" where that cannot run.

    >>> kernel_for("GRU", dtype=torch.bfloat16)
    'torch'
    """
    check_option("mode", mode, GATES)
    return chosen(dtype, torch.device(device).type)


# A compiled graph keeps the kernel that was chosen while it was traced.
@assume_constant_result
def chosen(dtype: torch.dtype, device_type: str) -> str:
    """`kernel_for`, which is the same for every mode."""
    if is_transformed():
        return REFERENCE
    source, name = "kernel", _forced.get()
    if name is None:
        source, name = ENVIRONMENT_VARIABLE, os.environ.get(ENVIRONMENT_VARIABLE)
    if not name:
        return _NAMES[0] if _obstacle(dtype, device_type) is None else _NAMES[1]
    if name not in _NAMES:
        check_option(source, name, _NAMES)
    obstacle = _obstacle(dtype, device_type) if name == NATIVE else None
    if obstacle is not None:
        raise OptionError(f"{source}='native' cannot run here: {obstacle}")
    return name


def _obstacle(dtype: torch.dtype, device_type: str) -> str | None:
    """Why the native kernel cannot take such data; None if it can."""
    if dtype not in DTYPES:
        return f"the input is {dtype}, and it takes torch.float32 and torch.float64."
    if device_type != "cpu":
        return f"the input is on {device_type!r}, and it runs on the CPU."
    return library.problem()


@contextmanager
def use_kernel(name: str) -> Iterator[None]:
    """Run everything inside with one kernel.

    >>> with use_kernel("reference"):
    ...     kernel_for("LSTM")
    'reference'
    """
    check_option("kernel", name, _NAMES)
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


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
    checkpoint: int | None = None,
) -> tuple[Any, State]:
    """Run one layer in one direction over packed rows or a padded batch.

    form: a `Layout` with data (N, I), or `Padded` with data (T, B, I).
    state: (h_0,) or (h_0, c_0), (B, H) each, in sorted order if packed and in the caller's if
    padded; None: zeros.
    Returns output, in the form of data, and the final state, (1, B, H) each, as a layer's part of
    torch's: at each sequence's own last step (its first, if reverse). Of padded output, what is
    past a length is 0.
    need_state=False leaves an LSTM's c_n out: (h_n,). need_output=False gives None as output.
    checkpoint: wished steps of a segment; of these the native kernel keeps only the first states,
    and computes the rest again in backward, with the same gradient to the bit. Other kernels keep
    everything.

    >>> weights = Weights(torch.zeros(2, 3), torch.zeros(2, 2), torch.ones(2), torch.zeros(2))
    >>> output, (h_n,) = run("RNN_RELU", torch.ones(3, 3), Layout([2, 1]), None, weights)
    >>> output.shape, h_n.shape
    (torch.Size([3, 2]), torch.Size([1, 2, 2]))
    """
    name, cast = _choose(data)
    if name == NATIVE:
        return native.run(
            mode,
            data,
            form,
            state,
            weights,
            reverse=reverse,
            need_state=need_state,
            need_output=need_output,
            checkpoint=checkpoint or 0,
        )
    options = {"reverse": reverse, "need_state": need_state}
    if cast:
        data, state, weights = _in_float32(data, state, weights)
    with torch.autocast("cpu", enabled=False):
        output, final = run_packed(_KERNELS[name][mode], mode, data, form, state, weights, options)
    return output if need_output else None, tuple(s.unsqueeze(0) for s in final)


def step(mode: str, x: Tensor, state: State | None, weights: Weights) -> State:
    """One step of one layer: x (B, I) and the state, (B, H) each, None: zeros, to the new state.

    The reference's: the native kernel reads the weights anew at each call, and for one step that
    costs what it saves (measured: equal up to H=256, half as fast at H=512). See `stepper`.

    >>> weights = Weights(torch.zeros(2, 3), torch.zeros(2, 2), torch.ones(2), torch.zeros(2))
    >>> step("RNN_RELU", torch.ones(1, 3), None, weights)
    (tensor([[1., 1.]]),)
    """
    if torch.is_autocast_enabled("cpu"):
        x, state, weights = _in_float32(x, state, weights)
        with torch.autocast("cpu", enabled=False):
            return step(mode, x, state, weights)
    return reference.STEPS[mode](x, state or zero_state(mode, x, len(x), weights), weights)


def _choose(data: Tensor) -> tuple[str, bool]:
    """The kernel for this input, and whether autocast will have it in float32."""
    cast = data.is_cpu and torch.is_autocast_enabled("cpu")
    dtype = torch.float32 if cast and data.dtype in LOW_PRECISION else data.dtype
    return chosen(dtype, data.device.type), cast


def _in_float32(
    data: Tensor, state: State | None, weights: Weights
) -> tuple[Tensor, State | None, Weights]:
    state = None if state is None else tuple(map(in_float32, state))
    return in_float32(data), state, Weights(*map(in_float32, weights))


def run_packed(
    kernel: Kernel,
    mode: str,
    data: Tensor,
    form: Form,
    state: State | None,
    weights: Weights,
    options: dict[str, bool],
) -> tuple[Tensor, State]:
    """Run a kernel that takes packed rows, also on a padded batch; final states are (B, H)."""
    _hide()
    return _packed_runner(kernel, mode, data, form, state, weights, options)


def _run_packed(
    kernel: Kernel,
    mode: str,
    data: Tensor,
    form: Form,
    state: State | None,
    weights: Weights,
    options: dict[str, bool],
) -> tuple[Tensor, State]:
    if isinstance(form, Layout):
        state = state or zero_state(mode, data, form.num_sequences, weights)
        return kernel(mode, data, form, state, weights, **options)
    steps, sequences = data.shape[:2]
    layout = form.layout(steps, sequences)
    state = _reorder(state or zero_state(mode, data, sequences, weights), layout, layout.order)
    output, final = kernel(mode, form.pack(data), layout, state, weights, **options)
    return form.unpack(output, steps, sequences), _reorder(final, layout, layout.inverse)


# `_run_packed`, which torch must not trace: layouts hold numbers that only data can tell.
_packed_runner: Callable[..., tuple[Tensor, State]] = _run_packed


# Called while torch traces, before it looks up the name.
@assume_constant_result
def _hide() -> None:
    """Tell torch so, once its compiler is there: importing that takes two seconds."""
    global _packed_runner
    if _packed_runner is _run_packed and "torch._dynamo" in sys.modules:
        _packed_runner = torch.compiler.disable(_run_packed)  # type: ignore[no-untyped-call]


def _reorder(state: State, layout: Layout, order: Tensor) -> State:
    """(B, H) in another order; sequences of one length are in their order already."""
    return state if layout.is_rectangular else tuple(s.index_select(0, order) for s in state)
