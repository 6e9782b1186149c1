"""Which kernel runs: the one place where it is chosen, one call a layer and direction."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import torch
from torch import Tensor

from rnnkit.errors import OptionError, check_option
from rnnkit.kernels import fused, native, reference, unrolled
from rnnkit.kernels.interface import (
    DTYPES,
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
from rnnkit.recurrence import CellSpec, by_mode
from rnnkit.torch_private import assume_constant_result, is_transformed

__all__ = ["NATIVE", "available", "chosen", "kernel_for", "run", "run_packed", "step", "use_kernel"]

ENVIRONMENT_VARIABLE = "RNNKIT_KERNEL"

NATIVE, TORCH, REFERENCE = NAMES = ("native", "torch", "reference")

# What a cell's `torch_kernel` can name.
_TORCH_KERNELS: dict[str, Kernel] = {
    "fused_lstm": fused.fused_lstm,
    "unrolled_gru": unrolled.unrolled_gru,
    "unrolled_relu": partial(unrolled.unrolled_rnn, relu=True),
    "unrolled_tanh": partial(unrolled.unrolled_rnn, relu=False),
}

_forced: ContextVar[str | None] = ContextVar("rnnkit_kernel", default=None)


def available() -> tuple[str, ...]:
    """The names of the kernels that can run here, the preferred one first.

    "native" is missing where its library is; `rnnkit.native.problem()` says why.

    >>> available()[-2:]
    ('torch', 'reference')
    """
    return NAMES if library.load() is not None else NAMES[1:]


def kernel_for(
    mode: str,
    *,
    dtype: torch.dtype = torch.float32,
    device: torch.device | str = "cpu",
) -> str:
    """The name of the kernel that runs a cell, named by its mode ("RNN_TANH", "GRU", "LSTM", ...).

    `use_kernel` decides, else the environment variable RNNKIT_KERNEL, else the first that the cell
    has and that can run: "native" for float32 and float64 on the CPU, "torch" for the rest. But
    under a transform of `torch.func` it is always "reference", whose operators every transform
    knows.
    Raises OptionError if either names an unknown kernel, or one that cannot run the cell there.

    >>> kernel_for("GRU", dtype=torch.bfloat16)
    'torch'
    """
    return chosen(dtype, torch.device(device).type, by_mode(mode).kernels)


# A compiled graph keeps the kernel that was chosen while it was traced.
@assume_constant_result
def chosen(dtype: torch.dtype, device_type: str, kernels: tuple[str, ...] = NAMES) -> str:
    """`kernel_for` a cell that has these kernels."""
    if is_transformed():
        return REFERENCE
    source, name = "kernel", _forced.get()
    if name is None:
        source, name = ENVIRONMENT_VARIABLE, os.environ.get(ENVIRONMENT_VARIABLE)
    if not name:
        runs = kernels[0] != NATIVE or _obstacle(dtype, device_type) is None
        return kernels[0] if runs else kernels[1]
    if name not in NAMES:
        check_option(source, name, NAMES)
    if name not in kernels:
        raise OptionError(
            f"{source}={name!r} cannot run here: the cell has the kernels {', '.join(kernels)}."
        )
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
    check_option("kernel", name, NAMES)
    token = _forced.set(name)
    try:
        yield
    finally:
        _forced.reset(token)


def run(
    spec: CellSpec,
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
    """Run one layer of a cell in one direction over packed rows or a padded batch.

    form: a `Layout` with data (N, I), or `Padded` with data (T, B, I).
    state: (h_0,) or (h_0, c_0), as the cell has it, (B, H) each, in sorted order if packed and in
    the caller's if padded; None: zeros.
    Returns output, in the form of data, and the final state, (1, B, H) each, as a layer's part of
    torch's: at each sequence's own last step (its first, if reverse). Of padded output, what is
    past a length is 0.
    need_state=False leaves what is not h out: (h_n,). need_output=False gives None as output.
    checkpoint: wished steps of a segment; of these the native kernel keeps only the first states,
    and computes the rest again in backward, with the same gradient to the bit. Other kernels keep
    everything.

    >>> from rnnkit.recurrence import RELU
    >>> weights = Weights(torch.zeros(2, 3), torch.zeros(2, 2), torch.ones(2), torch.zeros(2))
    >>> output, (h_n,) = run(RELU, torch.ones(3, 3), Layout([2, 1]), None, weights)
    >>> output.shape, h_n.shape
    (torch.Size([3, 2]), torch.Size([1, 2, 2]))
    """
    name, cast = _choose(spec, data)
    if name == NATIVE:
        return native.run(
            spec,
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
        output, final = run_packed(_kernel(spec, name), spec, data, form, state, weights, options)
    return output if need_output else None, tuple(s.unsqueeze(0) for s in final)


def step(spec: CellSpec, x: Tensor, state: State | None, weights: Weights) -> State:
    """One step of a cell: x (B, I) and the state, (B, H) each, None: zeros, to the new state.

    The reference's: the native kernel reads the weights anew at each call, and for one step that
    costs what it saves (measured: equal up to H=256, half as fast at H=512). See `stepper`.

    >>> from rnnkit.recurrence import RELU
    >>> weights = Weights(torch.zeros(2, 3), torch.zeros(2, 2), torch.ones(2), torch.zeros(2))
    >>> step(RELU, torch.ones(1, 3), None, weights)
    (tensor([[1., 1.]]),)
    """
    if torch.is_autocast_enabled("cpu"):
        x, state, weights = _in_float32(x, state, weights)
        with torch.autocast("cpu", enabled=False):
            return step(spec, x, state, weights)
    state = state or zero_state(spec, x, len(x), weights)
    return reference.advance(spec, x, state, weights)[0]


def _kernel(spec: CellSpec, name: str) -> Kernel:
    """The cell's kernel of that name, which is not "native"."""
    torch_kernel = spec.torch_kernel if name == TORCH else None
    return reference.run if torch_kernel is None else _TORCH_KERNELS[torch_kernel]


def _choose(spec: CellSpec, data: Tensor) -> tuple[str, bool]:
    """The kernel for this input, and whether autocast will have it in float32."""
    cast = data.is_cpu and torch.is_autocast_enabled("cpu")
    dtype = torch.float32 if cast and data.dtype in LOW_PRECISION else data.dtype
    return chosen(dtype, data.device.type, spec.kernels), cast


def _in_float32(
    data: Tensor, state: State | None, weights: Weights
) -> tuple[Tensor, State | None, Weights]:
    state = None if state is None else tuple(map(in_float32, state))
    return in_float32(data), state, Weights._make(map(in_float32, weights))


def run_packed(
    kernel: Kernel,
    spec: CellSpec,
    data: Tensor,
    form: Form,
    state: State | None,
    weights: Weights,
    options: dict[str, bool],
) -> tuple[Tensor, State]:
    """Run a kernel that takes packed rows, also on a padded batch; final states are (B, H)."""
    _hide()
    return _packed_runner(kernel, spec, data, form, state, weights, options)


def _run_packed(
    kernel: Kernel,
    spec: CellSpec,
    data: Tensor,
    form: Form,
    state: State | None,
    weights: Weights,
    options: dict[str, bool],
) -> tuple[Tensor, State]:
    if isinstance(form, Layout):
        state = state or zero_state(spec, data, form.num_sequences, weights)
        return kernel(spec, data, form, state, weights, **options)
    steps, sequences = data.shape[:2]
    layout = form.layout(steps, sequences)
    state = _reorder(state or zero_state(spec, data, sequences, weights), layout, layout.order)
    output, final = kernel(spec, form.pack(data), layout, state, weights, **options)
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
