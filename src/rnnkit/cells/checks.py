"""The checks that all cells share, in the caller's names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor

from rnnkit.errors import OptionError, ShapeError

__all__ = [
    "Hidden",
    "Lengths",
    "check_input",
    "check_rate",
    "check_size",
    "check_state",
    "given_state",
    "lengths_of",
    "named_states",
    "states_of",
]

Lengths = Sequence[int] | np.ndarray | Tensor

Hidden: TypeAlias = Tensor | tuple[Tensor | None, ...] | None
"""A state as torch.nn has it: h alone, or a tuple of all; None: zeros."""

WHOLE = (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8)


def check_size(cell: str, name: str, value: object, *, least: int = 1) -> None:
    """Refuse a size that is no whole number, or too small."""
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OptionError(f"{cell}: {name}={value!r}, but a whole number >= {least} was expected.")


def check_rate(cell: str, name: str, value: object) -> None:
    """Refuse a dropout rate outside of [0, 1]."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise OptionError(
            f"{cell}: {name}={value!r}, but the share of values to drop was expected, "
            f"between 0 and 1."
        )


def check_input(cell: str, x: Tensor, weight_ih: Tensor) -> None:
    """Refuse input whose number of features, dtype or device is not that of the weights."""
    features, input_size = x.shape[-1], weight_ih.shape[1]
    if features != input_size:
        raise ShapeError(
            f"{cell}: input has {features} features (shape {tuple(x.shape)}) but "
            f"input_size={input_size}. Pass the embedded input, or build "
            f"{cell}(input_size={features})."
        )
    if x.dtype != weight_ih.dtype and not _casts():
        raise ShapeError(
            f"{cell}: input is {x.dtype} but the weights are {weight_ih.dtype}. Convert one of "
            f"them: input.to({weight_ih.dtype}), or the module.to({x.dtype})."
        )
    # Cheaper than the devices, and every call comes by here.
    if x.is_cpu is not weight_ih.is_cpu:
        raise ShapeError(
            f"{cell}: input is on {x.device} but the weights are on {weight_ih.device}. Move one "
            f"of them: input.to({str(weight_ih.device)!r}), or the module.to({str(x.device)!r})."
        )
    if x.layout is not torch.strided:
        raise ShapeError(f"{cell}: input is {x.layout}. Pass input.to_dense().")


def check_state(
    cell: str, name: str, state: object, shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    """Refuse a state that is no tensor, or of another shape or dtype."""
    if not isinstance(state, Tensor):
        raise ShapeError(f"{cell}: {name} is a {type(state).__name__}, but a tensor was expected.")
    if tuple(state.shape) != shape:
        raise ShapeError(
            f"{cell}: {name} has shape {tuple(state.shape)} but {shape} was expected. Carry the "
            f"state of the same sequences, or leave hx out to begin from zeros."
        )
    if state.dtype != dtype and not _casts():
        raise ShapeError(
            f"{cell}: {name} is {state.dtype} but the input is {dtype}. "
            f"Convert it: {name}.to({dtype})."
        )


def named_states(names: tuple[str, ...]) -> str:
    """The states of a cell in an error's words.

    >>> named_states(("h_0", "c_0"))
    'the pair (h_0, c_0)'
    """
    if len(names) == 1:
        return f"one tensor, {names[0]},"
    return f"the {'pair' if len(names) == 2 else 'tuple'} ({', '.join(names)})"


def states_of(cell: str, names: tuple[str, ...], hx: Any) -> tuple[Tensor, ...]:
    """The caller's state as a tuple: one tensor as it is, several from their tuple."""
    if len(names) == 1:
        return (hx,)
    if not isinstance(hx, tuple | list) or len(hx) != len(names):
        raise ShapeError(
            f"{cell}: hx is a {type(hx).__name__}, but {named_states(names)} was expected."
        )
    return tuple(hx)


def given_state(names: tuple[str, ...], state: tuple[Tensor, ...]) -> Any:
    """A tuple as the caller's state; what was left out is None."""
    if len(names) == 1:
        return state[0]
    return (*state, *[None] * (len(names) - len(state)))


def lengths_of(cell: str, lengths: Lengths | None, steps: int, batch: int) -> Tensor | None:
    """The lengths of a padded batch as (B,) int64 on the CPU; None where none are given.

    What they are is checked by the kernel, which reads them.
    """
    if steps == 0 or batch == 0:
        raise ShapeError(
            f"{cell}: input has {steps} steps and {batch} sequences, but at least one of each "
            f"is needed."
        )
    if lengths is None:
        return None
    given = lengths if isinstance(lengths, Tensor) else torch.tensor(lengths)
    if given.shape != (batch,):
        raise ShapeError(
            f"{cell}: lengths has shape {tuple(given.shape)} but input holds {batch} sequences. "
            f"Pass one length for each; with batch_first=True input is (B, T, I), otherwise "
            f"(T, B, I)."
        )
    if given.dtype not in WHOLE:
        raise ShapeError(f"{cell}: lengths is {given.dtype}, but whole numbers were expected.")
    return given.to("cpu", torch.int64)


def _casts() -> bool:
    """Under autocast the recurrence is in float32 whatever it is given."""
    return torch.is_autocast_enabled("cpu")
