"""A stack of layers, stepping: weights are read once, the state stays where it is."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from typing import Protocol

import torch
from torch import Tensor

from rnnkit.errors import OptionError
from rnnkit.kernels.dispatch import NATIVE, chosen
from rnnkit.kernels.interface import DTYPES, State, Weights
from rnnkit.kernels.reference import advance
from rnnkit.native import library
from rnnkit.recurrence import CellSpec

__all__ = ["Stepper", "stepper"]


class Stepper(Protocol):
    """Advances the state that it was made for."""

    def step(self, x: Tensor) -> None:
        """Read x, (B, I) contiguous, and overwrite the state."""


def stepper(spec: CellSpec, weights: Sequence[Weights], state: State) -> Stepper:
    """What steps the layers of a cell with these weights, a copy of which is taken.

    state: (h,) or (h, c): (L, B, P) and (L, B, H), contiguous; each step overwrites it.

    >>> from rnnkit.recurrence import RELU
    >>> h = torch.zeros(1, 2, 1)
    >>> weights = [Weights(torch.ones(1, 3), torch.ones(1, 1))]
    >>> stepper(RELU, weights, (h,)).step(torch.ones(2, 3))
    >>> h.flatten().tolist()
    [3.0, 3.0]
    """
    name = chosen(state[0].dtype, state[0].device.type, spec.kernels)
    return (_Native if name == NATIVE else _Reference)(spec, weights, state)


class _Native:
    def __init__(self, spec: CellSpec, weights: Sequence[Weights], state: State) -> None:
        loaded = library.required()
        dtype = state[0].dtype
        # Copies, where there are any, until C has made its own.
        kept = [
            [None if w is None else w.detach().contiguous() for w in layer] for layer in weights
        ]
        layers = b"".join(_layer(spec, dtype, layer) for layer in kept)
        self._sequences = state[0].shape[1]
        handle = loaded.rnnkit_stream_new(
            layers, len(kept), self._sequences, torch.get_num_threads()
        )
        if not handle:
            raise OptionError(
                f"a stream of {len(kept)} layers and {self._sequences} sequences has no memory, or "
                f"its layers do not fit each other."
            )
        weakref.finalize(self, loaded.rnnkit_stream_free, handle)
        self._handle = ctypes.c_void_p(handle)
        self._state = state
        memory = state[1].data_ptr() if spec.has_memory else None
        self._h, self._c = ctypes.c_void_p(state[0].data_ptr()), ctypes.c_void_p(memory)
        self._step = loaded.rnnkit_stream_step

    def step(self, x: Tensor) -> None:
        threads = torch.get_num_threads()
        status = self._step(self._handle, self._sequences, x.data_ptr(), self._h, self._c, threads)
        if status != library.OK:
            raise MemoryError(f"no memory for a step of shape {tuple(x.shape)}.")


class _Reference:
    def __init__(self, spec: CellSpec, weights: Sequence[Weights], state: State) -> None:
        self._spec = spec
        self._weights = [
            Weights(*(None if w is None else w.detach().clone() for w in layer))  # type: ignore[arg-type]
            for layer in weights
        ]
        self._state = state

    @torch.no_grad()
    def step(self, x: Tensor) -> None:
        for layer, weights in enumerate(self._weights):
            state = tuple(s[layer] for s in self._state)
            new, _ = advance(self._spec, x, state, weights)
            for held, value in zip(self._state, new, strict=True):
                held[layer] = value
            x = new[0]


def _layer(spec: CellSpec, dtype: torch.dtype, weights: Sequence[Tensor | None]) -> bytes:
    weight_ih, weight_hh, *_, weight_hr = weights
    assert weight_ih is not None
    assert weight_hh is not None
    assert spec.native is not None
    return library.LAYER.pack(
        spec.native,
        DTYPES[dtype],
        weight_ih.shape[1],
        weight_ih.shape[0] // spec.num_blocks,
        0 if weight_hr is None else weight_hh.shape[1],
        *(0 if w is None else w.data_ptr() for w in weights),
    )
