"""The C calls on tensors: what they are given is checked first, and what they answer is said.

Arguments are those of the operators in `rnnkit.kernels.native`, in the order of their schemas.
`empty_results` and `empty_grads` make the memory that a call fills, and all that tracing needs.
"""

from __future__ import annotations

from ctypes import byref
from typing import Any

import torch
from torch import Tensor

from rnnkit.errors import ShapeError
from rnnkit.kernels import library, memory
from rnnkit.kernels.interface import GATES, Padded
from rnnkit.kernels.library import Problem, Rows, WeightPointers

__all__ = ["TENSORS", "backward", "empty_grads", "empty_results", "forward", "split"]

TENSORS = 10
"""Of the inputs, so many come first and are tensors: x, the states, the weights, the lengths."""


class _Call:
    """The arguments that forward and backward share, checked, and as C wants them."""

    def __init__(self, inputs: tuple[Any, ...], sequences: int, mode: str, reverse: bool) -> None:
        _check(inputs, sequences, mode)
        x, _, _, weight_ih, weight_hh, *_, lengths, batch_sizes = inputs
        self.library = library.required()
        self.packed = batch_sizes is not None
        # Copies, where there are any, live as long as this object.
        self.x = _with_rows(x)
        self.lengths, self.batch_sizes = lengths, batch_sizes
        self.tensors = [None if t is None else t.contiguous() for t in inputs[1:]]
        pointers = [None if t is None else t.data_ptr() for t in self.tensors]
        self.h_0, self.c_0, *weights, lengths_pointer, batch_sizes_pointer = pointers
        self.problem = Problem(
            library.MODES[mode],
            library.DTYPES[x.dtype],
            reverse,
            torch.get_num_threads(),
            x.shape[-1],
            weight_ih.shape[0] // GATES[mode],
            0 if inputs[7] is None else weight_hh.shape[1],
            len(batch_sizes) if self.packed else x.shape[0],
            sequences,
            lengths_pointer,
            batch_sizes_pointer,
            0,
            0,
        )
        self.pointers = WeightPointers(*weights)

    def rows(self, data: Tensor | None) -> Rows:
        """A tensor in the form of the input; its last dimension is contiguous."""
        if data is None or data.numel() == 0:
            return Rows()
        strides = data.stride()
        return Rows(data.data_ptr(), 0 if self.packed else strides[0], strides[-2])

    def segment(self, checkpoint: int) -> None:
        """Checkpoint after every so many steps, as nearly as the kernel can."""
        if checkpoint:
            steps = self.library.rnnkit_segment_steps(byref(self.problem), checkpoint)
            self.problem.segment = steps

    def check(self, status: int, x: Tensor) -> None:
        """Raise what a status says, in the caller's names."""
        if status == library.OK:
            return
        where = self.problem.where
        if status == library.NO_MEMORY:
            raise MemoryError(f"no memory for an input of shape {tuple(x.shape)}.")
        if status == library.BAD_LENGTH:
            Padded(self.lengths).layout(*x.shape[:2])  # knows how to say it
        if status == library.BAD_BATCH_SIZES and self.batch_sizes is not None:
            raise ShapeError(
                f"batch_sizes[{where}] is {int(self.batch_sizes[where])}, but sizes of at least 1 "
                f"that never grow were expected. Pack with rnnkit.packed.Packed."
            )
        raise ShapeError(f"an input of shape {tuple(x.shape)} is too large for the native kernel.")


def forward(*arguments: Any) -> tuple[Tensor, ...]:
    inputs, (sequences, mode, reverse, checkpoint, need_output, keep) = split(arguments)
    call = _Call(inputs, sequences, mode, reverse)
    x = inputs[0]
    shapes = _shapes(inputs, sequences, mode, checkpoint, need_output, keep)
    y, h_n, c_n, kept = (memory.borrow(shape, x.dtype) for shape in shapes)
    if keep:
        call.segment(checkpoint)
    reserve, borders = _as_reserve_and_borders(kept, checkpoint)
    status = call.library.rnnkit_forward(
        byref(call.problem),
        byref(call.pointers),
        call.rows(call.x),
        call.h_0,
        call.c_0,
        call.rows(y) if need_output else Rows(),
        _pointer(h_n),
        _pointer(c_n),
        reserve,
        borders,
    )
    call.check(status, x)
    return y, h_n, c_n, kept


def backward(*arguments: Any) -> tuple[Tensor, ...]:
    grad_y, grad_h_n, grad_c_n = arguments[:3]
    inputs, (y, kept, *options) = split(arguments[3:])
    sequences, mode, reverse, checkpoint, *_ = options
    call = _Call(inputs, sequences, mode, reverse)
    _check_results(inputs, sequences, mode, checkpoint, (*arguments[:3], y, kept))
    call.segment(checkpoint)
    reserve, borders = _as_reserve_and_borders(kept, checkpoint)
    # Copies that live until the call is over.
    grad_y = None if grad_y is None else _with_rows(grad_y)
    grad_h_n, grad_c_n = _contiguous(grad_h_n), _contiguous(grad_c_n)
    dtype = inputs[0].dtype
    results = tuple(memory.borrow(shape, dtype) for shape in _grad_shapes(*arguments))
    grad_x, grad_h_0, grad_c_0, *grad_weights = results
    status = call.library.rnnkit_backward(
        byref(call.problem),
        byref(call.pointers),
        call.rows(call.x),
        call.h_0,
        call.c_0,
        call.rows(y),
        reserve,
        borders,
        call.rows(grad_y),
        _pointer(grad_h_n),
        _pointer(grad_c_n),
        call.rows(grad_x),
        _pointer(grad_h_0),
        _pointer(grad_c_0),
        byref(WeightPointers(*map(_pointer, grad_weights))),
    )
    call.check(status, inputs[0])
    return results


def split(arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    return arguments[:TENSORS], arguments[TENSORS:]


def _as_reserve_and_borders(kept: Tensor, checkpoint: int) -> tuple[int | None, int | None]:
    return (None, _pointer(kept)) if checkpoint else (_pointer(kept), None)


def _pointer(tensor: Tensor | None) -> int | None:
    """Where a tensor's data is; None where there is none, or no element."""
    return None if tensor is None else tensor.data_ptr() or None


def _contiguous(tensor: Tensor | None) -> Tensor | None:
    return None if tensor is None else tensor.contiguous()


def _with_rows(data: Tensor) -> Tensor:
    """The same, its last dimension contiguous."""
    return data if data.stride(-1) == 1 or data.shape[-1] == 1 else data.contiguous()


# -- shapes, for memory and for tracing ---------------------------------------------------------

# Columns of H that backward needs of each row: `rnnkit_reserve_width`.
_RESERVED = {"RNN_TANH": 0, "RNN_RELU": 0, "GRU": 4, "LSTM": 5}


def _shapes(
    inputs: tuple[Any, ...],
    sequences: int,
    mode: str,
    checkpoint: int,
    need_output: bool,
    keep: bool,
) -> tuple[tuple[int, ...], ...]:
    """Of y, h_n, c_n and kept."""
    x, weight_ih, weight_hh, batch_sizes = inputs[0], inputs[3], inputs[4], inputs[9]
    hidden_size, output_size = weight_ih.shape[0] // GATES[mode], weight_hh.shape[1]
    states = output_size + (hidden_size if mode == "LSTM" else 0)
    rows, steps = x.shape[0], x.shape[0]
    if batch_sizes is None:
        rows = rows * x.shape[1]
    else:
        steps = batch_sizes.shape[0]
    kept: tuple[int, ...] = (0,)
    if keep and checkpoint:
        # A segment is never shorter than was wished, so there are at most so many.
        kept = (-(-steps // checkpoint), sequences, states)
    elif keep:
        kept = (rows, _RESERVED[mode] * hidden_size)
    return (
        (*x.shape[:-1], output_size) if need_output else (0,),
        (sequences, output_size),
        (sequences, hidden_size) if mode == "LSTM" else (0,),
        kept,
    )


def empty_results(*arguments: Any) -> tuple[Tensor, ...]:
    inputs, (sequences, mode, _, *options) = split(arguments)
    shapes = _shapes(inputs, sequences, mode, *options)
    return tuple(inputs[0].new_empty(*shape) for shape in shapes)


def empty_grads(*arguments: Any) -> tuple[Tensor, ...]:
    return tuple(arguments[3].new_empty(*shape) for shape in _grad_shapes(*arguments))


def _grad_shapes(*arguments: Any) -> list[tuple[int, ...]]:
    (x, _, _, *weights, _, _), options = split(arguments[3:])
    sequences, mode = options[2:4]
    need_x, need_h_0, need_c_0, need_weights = options[-4:]
    h_n, c_n = _shapes(split(arguments[3:])[0], sequences, mode, 0, False, False)[1:3]
    return [
        x.shape if need_x else (0,),
        h_n if need_h_0 else (0,),
        c_n if need_c_0 else (0,),
        *((0,) if w is None or not need_weights else w.shape for w in weights),
    ]


# -- checks -------------------------------------------------------------------------------------


def _check(inputs: tuple[Any, ...], sequences: int, mode: str) -> None:
    """Refuse what C would read past the end of, or misread."""
    x, h_0, c_0, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, lengths, batch_sizes = inputs
    if x.dtype not in library.DTYPES:
        raise ShapeError(
            f"input is {x.dtype}, but the native kernel takes torch.float32 and torch.float64. "
            f"Convert it, or use kernels.use_kernel('torch')."
        )
    if weight_ih.dim() != 2 or weight_hh.dim() != 2:
        raise ShapeError(
            f"weight_ih and weight_hh have shapes {tuple(weight_ih.shape)} and "
            f"{tuple(weight_hh.shape)}, but matrices were expected."
        )
    rows, output_size = weight_ih.shape[0], weight_hh.shape[1]
    hidden_size = rows // GATES[mode]
    if rows % GATES[mode] or (weight_hr is None and output_size != hidden_size):
        raise ShapeError(
            f"weight_ih and weight_hh have shapes {tuple(weight_ih.shape)} and "
            f"{tuple(weight_hh.shape)}, but ({GATES[mode]} * H, I) and ({GATES[mode]} * H, H) "
            f"were expected."
        )
    if (bias_ih is None) is not (bias_hh is None):
        raise ShapeError("one of bias_ih and bias_hh is missing. Pass both, or neither.")
    if mode != "LSTM" and not (c_0 is None and weight_hr is None):
        raise ShapeError(f"c_0 and weight_hr belong to an LSTM, but mode is {mode!r}.")
    form = (x.shape[0], sequences) if batch_sizes is None else (x.shape[0],)
    for name, tensor, shape in (
        ("input", x, (*form, weight_ih.shape[1])),
        ("h_0", h_0, (sequences, output_size)),
        ("c_0", c_0, (sequences, hidden_size)),
        ("weight_ih", weight_ih, weight_ih.shape),
        ("weight_hh", weight_hh, (rows, output_size)),
        ("bias_ih", bias_ih, (rows,)),
        ("bias_hh", bias_hh, (rows,)),
        ("weight_hr", weight_hr, (output_size, hidden_size)),
    ):
        if tensor is None:
            continue
        if tensor.shape != shape or tensor.dtype != x.dtype:
            raise _wrong(name, tensor, shape, x.dtype)
        if not tensor.is_cpu:
            raise ShapeError(f"{name} is on {tensor.device}, but all tensors must be on the CPU.")
    if 0 in x.shape[:-1]:
        raise ShapeError(
            f"input has shape {tuple(x.shape)}, but at least one step and sequence is needed."
        )
    if lengths is not None and (lengths.shape != (sequences,) or lengths.dtype != torch.int64):
        raise _wrong("lengths", lengths, (sequences,), torch.int64)
    for name, tensor in (("lengths", lengths), ("batch_sizes", batch_sizes)):
        if tensor is not None and not tensor.is_cpu:
            raise ShapeError(f"{name} is on {tensor.device}, but all tensors must be on the CPU.")
    if batch_sizes is not None:
        _check_batch_sizes(batch_sizes, x.shape[0], sequences)


def _check_batch_sizes(batch_sizes: Tensor, rows: int, sequences: int) -> None:
    if batch_sizes.dim() != 1 or batch_sizes.dtype != torch.int64:
        raise _wrong("batch_sizes", batch_sizes, (len(batch_sizes),), torch.int64)
    if int(batch_sizes.sum()) != rows or int(batch_sizes[0]) != sequences:
        raise ShapeError(
            f"batch_sizes begins with {int(batch_sizes[0])} and adds up to "
            f"{int(batch_sizes.sum())}, but the input has {sequences} sequences and {rows} rows."
        )


def _check_results(
    inputs: tuple[Any, ...],
    sequences: int,
    mode: str,
    checkpoint: int,
    given: tuple[Tensor | None, ...],
) -> None:
    """The same for backward: what forward gave, and the gradients of it."""
    y, h_n, c_n, kept = _shapes(inputs, sequences, mode, checkpoint, True, True)
    names = ("grad_y", "grad_h_n", "grad_c_n", "y", "kept")
    for name, tensor, shape in zip(names, given, (y, h_n, c_n, y, kept), strict=True):
        if tensor is not None and (tensor.shape != shape or tensor.dtype != inputs[0].dtype):
            raise _wrong(name, tensor, shape, inputs[0].dtype)
    if given[3] is None and not checkpoint:
        raise ShapeError("y is missing: without a checkpoint backward reads the output.")


def _wrong(name: str, given: Tensor, shape: tuple[int, ...], dtype: torch.dtype) -> ShapeError:
    return ShapeError(
        f"{name} is {given.dtype} of shape {tuple(given.shape)}, but {dtype} of shape "
        f"{tuple(shape)} was expected."
    )
