"""The C calls on tensors: what they are given is checked first, and what they answer is said.

Arguments are those of the operators in `rnnkit.kernels.native`, in the order of their schemas. A
result that there is none of is None; `result_shapes` and `grad_shapes` say which, and how large the
others are, for tracing too.

A small recurrence takes as long as these lines, so they are written for few steps of Python.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rnnkit.errors import OptionError, ShapeError
from rnnkit.kernels import memory
from rnnkit.kernels.interface import DTYPES, Padded
from rnnkit.native import library
from rnnkit.recurrence import CellSpec, by_mode

__all__ = ["TENSORS", "backward", "forward", "grad_shapes", "result_shapes"]

TENSORS = 10
"""Of the inputs, so many come first and are tensors: x, the states, the weights, the lengths."""

# In the order of the operators' schemas. What may be missing: h_0 and c_0; the biases, weight_hr,
# lengths and batch_sizes.
Inputs = tuple[
    Tensor,  # x
    Tensor | None,
    Tensor | None,
    Tensor,  # weight_ih
    Tensor,  # weight_hh
    Tensor | None,
    Tensor | None,
    Tensor | None,
    Tensor | None,
    Tensor | None,
]
Results = tuple[Tensor | None, ...]
Shape = tuple[int, ...]

_ABSENT = (0, 0, 0)  # of `rnnkit_rows`
_NO_GRADS = (0,) * 15


def forward(*arguments: Any) -> Results:
    """y, h_n, c_n and kept."""
    inputs, (sequences, mode, *options) = arguments[:TENSORS], arguments[TENSORS:]
    spec, (reverse, checkpoint, _, _) = by_mode(mode), options
    x, batch_sizes = inputs[0], inputs[-1]
    words, _copies = _checked(spec, inputs, sequences, reverse, checkpoint)
    shapes = _result_shapes(spec, inputs, sequences, *options[1:])
    results = tuple(None if shape is None else memory.borrow(shape, x) for shape in shapes)
    y, *states_and_kept = results
    status = library.required().rnnkit_forward(
        library.CALL.pack(
            *words, *_rows(y, batch_sizes), *map(_pointer, states_and_kept), *_NO_GRADS
        )
    )
    if status:
        raise _refusal(status, inputs)
    return results


def backward(*arguments: Any) -> Results:
    """The gradients of x, h_0, c_0 and the five weights."""
    grads, inputs, rest = arguments[:3], arguments[3 : 3 + TENSORS], arguments[3 + TENSORS :]
    y, kept, sequences, mode, reverse, checkpoint, *_ = rest
    spec, x, batch_sizes = by_mode(mode), inputs[0], inputs[-1]
    words, _copies = _checked(spec, inputs, sequences, reverse, checkpoint)
    _check_results(spec, inputs, sequences, checkpoint, (*grads, y, kept))
    # Copies that live until the call is over.
    grad_y, y = (None if t is None else _with_rows(t) for t in (grads[0], y))
    grad_h_n, grad_c_n, kept = (None if t is None else t.contiguous() for t in (*grads[1:], kept))
    results = tuple(
        None if shape is None else memory.borrow(shape, x) for shape in grad_shapes(*arguments)
    )
    status = library.required().rnnkit_backward(
        library.CALL.pack(
            *words,
            *_rows(y, batch_sizes),
            *(0, 0, _pointer(kept)),
            *_rows(grad_y, batch_sizes),
            *(_pointer(grad_h_n), _pointer(grad_c_n)),
            *_rows(results[0], batch_sizes),
            *map(_pointer, results[1:]),
        )
    )
    if status:
        raise _refusal(status, inputs)
    return results


def _pointer(tensor: Tensor | None) -> int:
    """Where a tensor's data is; 0 where there is none."""
    return 0 if tensor is None else tensor.data_ptr()


def _rows(data: Tensor | None, batch_sizes: Tensor | None) -> tuple[int, int, int]:
    """`rnnkit_rows` of a tensor in the form of the input; its last dimension is contiguous."""
    if data is None:
        return _ABSENT
    strides = data.stride()
    return data.data_ptr(), strides[0] if batch_sizes is None else 0, strides[-2]


def _with_rows(data: Tensor) -> Tensor:
    """The same, its last dimension contiguous."""
    return data if data.stride(-1) == 1 or data.shape[-1] == 1 else data.contiguous()


# -- shapes, for memory and for tracing ---------------------------------------------------------


def result_shapes(*arguments: Any) -> tuple[Shape | None, ...]:
    """Of y, h_n, c_n and kept."""
    sequences, mode, _, *options = arguments[TENSORS:]
    return _result_shapes(by_mode(mode), arguments[:TENSORS], sequences, *options)


def _result_shapes(
    spec: CellSpec, inputs: Inputs, sequences: int, checkpoint: int, need_output: bool, keep: bool
) -> tuple[Shape | None, ...]:
    x, _, _, weight_ih, weight_hh, _, _, _, _, batch_sizes = inputs
    form, output_size = x.shape[:-1], weight_hh.shape[1]
    hidden_size = weight_ih.shape[0] // spec.num_blocks
    kept: Shape | None = None
    if keep and checkpoint:
        # A segment is never shorter than was wished, so there are at most so many.
        steps = form[0] if batch_sizes is None else batch_sizes.shape[0]
        states = sum(spec.state_sizes(hidden_size, output_size))
        kept = (-(-steps // checkpoint), sequences, states)
    elif keep and spec.kept:
        rows = form[0] * form[1] if batch_sizes is None else form[0]
        kept = (rows, len(spec.kept) * hidden_size)
    return (
        (*form, output_size) if need_output else None,
        (1, sequences, output_size),
        (1, sequences, hidden_size) if spec.has_memory else None,
        kept,
    )


def grad_shapes(*arguments: Any) -> tuple[Shape | None, ...]:
    """Of the gradients of x, h_0, c_0 and the weights: each that of what it belongs to."""
    x, _, _, *weights, _, _ = arguments[3 : 3 + TENSORS]
    _, _, sequences, mode, _, _, *needed = arguments[3 + TENSORS :]
    need_x, need_h_0, need_c_0, need_weights = needed
    return (
        x.shape if need_x else None,
        (sequences, weights[1].shape[1]) if need_h_0 else None,
        (sequences, weights[0].shape[0] // by_mode(mode).num_blocks) if need_c_0 else None,
        *(None if w is None or not need_weights else w.shape for w in weights),
    )


# -- checks -------------------------------------------------------------------------------------


def _checked(
    spec: CellSpec, inputs: Inputs, sequences: int, reverse: bool, checkpoint: int
) -> tuple[tuple[int, ...], list[Tensor]]:
    """The words of `rnnkit_call` that say what is given, and the tensors that they point into.

    Refuses what C would read past the end of, or misread.
    """
    number, dtype = _check_cell(spec, inputs)
    x, h_0, c_0, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, lengths, batch_sizes = inputs
    (rows, input_size), output_size = weight_ih.shape, weight_hh.shape[1]
    hidden_size = rows // spec.num_blocks
    steps = x.shape[0] if batch_sizes is None else len(batch_sizes)
    _check_rows(x, sequences, input_size, batch_sizes)
    x = _with_rows(x)
    alive = [x]

    def pointer(name: str, tensor: Tensor | None, shape: Shape, dtype: torch.dtype) -> int:
        if tensor is None:
            return 0
        _check(name, tensor, shape, dtype)
        tensor = tensor.contiguous()
        alive.append(tensor)
        return tensor.data_ptr()

    states = (
        pointer("h_0", h_0, (sequences, output_size), dtype),
        pointer("c_0", c_0, (sequences, hidden_size), dtype),
    )
    words = (
        number,
        DTYPES[dtype],
        input_size,
        hidden_size,
        0 if weight_hr is None else output_size,
        pointer("weight_ih", weight_ih, (rows, input_size), dtype),
        pointer("weight_hh", weight_hh, (rows, output_size), dtype),
        pointer("bias_ih", bias_ih, (rows,), dtype),
        pointer("bias_hh", bias_hh, (rows,), dtype),
        pointer("weight_hr", weight_hr, (output_size, hidden_size), dtype),
        steps,
        sequences,
        reverse,
        torch.get_num_threads(),
        checkpoint,
        pointer("lengths", lengths, (sequences,), torch.int64),
        pointer("batch_sizes", batch_sizes, (steps,), torch.int64),
        *_rows(x, batch_sizes),
        *states,
    )
    if batch_sizes is not None:
        _check_batch_sizes(batch_sizes, x.shape[0], sequences)
    return words, alive


def _check_cell(spec: CellSpec, inputs: Inputs) -> tuple[int, torch.dtype]:
    """Refuse weights and states that the cell does not have; its number in C, and the dtype."""
    x, _, c_0, weight_ih, weight_hh, bias_ih, bias_hh, weight_hr, _, _ = inputs
    if spec.native is None:
        raise OptionError(f"the cell {spec.name!r} has no native kernel, only {spec.kernels}.")
    if x.dtype not in DTYPES:
        raise ShapeError(
            f"input is {x.dtype}, but the native kernel takes torch.float32 and torch.float64. "
            f"Convert it, or use kernels.use_kernel('torch')."
        )
    if weight_ih.dim() != 2 or weight_hh.dim() != 2:
        raise ShapeError(
            f"weight_ih and weight_hh have shapes {tuple(weight_ih.shape)} and "
            f"{tuple(weight_hh.shape)}, but matrices were expected."
        )
    rows, gates = weight_ih.shape[0], spec.num_blocks
    if rows % gates or (weight_hr is None and weight_hh.shape[1] != rows // gates):
        raise ShapeError(
            f"weight_ih and weight_hh have shapes {tuple(weight_ih.shape)} and "
            f"{tuple(weight_hh.shape)}, but ({gates} * H, I) and ({gates} * H, H) were expected."
        )
    if (bias_ih is None) is not (bias_hh is None):
        raise ShapeError("one of bias_ih and bias_hh is missing. Pass both, or neither.")
    if c_0 is not None and not spec.has_memory:
        raise ShapeError(f"c_0 is given, but the cell of mode {spec.mode!r} has the state h alone.")
    if weight_hr is not None and not spec.projection:
        raise ShapeError(f"weight_hr is given, but a cell of mode {spec.mode!r} projects nothing.")
    return spec.native, x.dtype


def _check_rows(x: Tensor, sequences: int, input_size: int, batch_sizes: Tensor | None) -> None:
    steps = x.shape[0]
    shape = (steps, sequences, input_size) if batch_sizes is None else (steps, input_size)
    _check("input", x, shape, x.dtype)
    if steps == 0 or sequences == 0:
        raise ShapeError(
            f"input has shape {tuple(x.shape)}, but at least one step and sequence is needed."
        )


def _check(name: str, tensor: Tensor, shape: Shape, dtype: torch.dtype) -> None:
    if tensor.shape != shape or tensor.dtype is not dtype:
        raise ShapeError(
            f"{name} is {tensor.dtype} of shape {tuple(tensor.shape)}, but {dtype} of shape "
            f"{tuple(shape)} was expected."
        )
    if not tensor.is_cpu:
        raise ShapeError(f"{name} is on {tensor.device}, but all tensors must be on the CPU.")


def _check_batch_sizes(batch_sizes: Tensor, rows: int, sequences: int) -> None:
    if int(batch_sizes.sum()) != rows or int(batch_sizes[0]) != sequences:
        raise ShapeError(
            f"batch_sizes begins with {int(batch_sizes[0])} and adds up to "
            f"{int(batch_sizes.sum())}, but the input has {sequences} sequences and {rows} rows."
        )


def _check_results(
    spec: CellSpec,
    inputs: Inputs,
    sequences: int,
    checkpoint: int,
    given: tuple[Tensor | None, ...],
) -> None:
    """The same for backward: what forward gave, and the gradients of it."""
    y, h_n, c_n, kept = _result_shapes(spec, inputs, sequences, checkpoint, True, True)
    names = ("grad_y", "grad_h_n", "grad_c_n", "y", "kept")
    for name, tensor, shape in zip(names, given, (y, h_n, c_n, y, kept), strict=True):
        if tensor is not None:
            _check(name, tensor, (0,) if shape is None else shape, inputs[0].dtype)
    if given[3] is None and not checkpoint:
        raise ShapeError("y is missing: without a checkpoint backward reads the output.")


def _refusal(status: int, inputs: Inputs) -> Exception:
    """What a status says, in the caller's names."""
    x, lengths, batch_sizes = inputs[0], inputs[-2], inputs[-1]
    if status == library.NO_MEMORY:
        return MemoryError(f"no memory for an input of shape {tuple(x.shape)}.")
    if status == library.BAD_LENGTH:
        Padded(lengths).layout(*x.shape[:2])  # knows how to say it
    if status == library.BAD_BATCH_SIZES and batch_sizes is not None:
        where = library.required().rnnkit_refused()
        return ShapeError(
            f"batch_sizes[{where}] is {int(batch_sizes[where])}, but sizes of at least 1 "
            f"that never grow were expected. Pack with rnnkit.packed.Packed."
        )
    return ShapeError(f"an input of shape {tuple(x.shape)} is too large for the native kernel.")
