"""The native library: where it is, how it is loaded, and the C interface as ctypes sees it.

Looked for when it is first wanted, never compiled or fetched: $RNNKIT_LIBRARY if that is set, else
the folders of this package. $RNNKIT_ISA chooses the instruction set. Structures and signatures
mirror csrc/rnnkit.h; the structures as formats of `struct`, which packs one in a tenth of the time
that ctypes takes.

Threads: one process should have one OpenMP runtime, or it has two pools of threads that spin
against each other. On Linux the loader sees to that: this library and torch both ask for
`libgomp.so.1`, and whoever comes second gets the one that is there. `rnnkit.kernels` imports torch
before it loads the library, so that this is torch's own copy; without torch it is the system's.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import c_char_p, c_double, c_int, c_int32, c_int64, c_void_p
from functools import cache
from pathlib import Path
from struct import Struct
from typing import Any

import numpy as np

from rnnkit.errors import MissingDependencyError, check_option

__all__ = [
    "BAD_BATCH_SIZES",
    "BAD_LENGTH",
    "CALL",
    "CELL",
    "DTYPES",
    "LAYER",
    "NO_MEMORY",
    "OK",
    "find",
    "has_threads",
    "isa",
    "isas",
    "load",
    "peak_flops",
    "problem",
    "required",
    "use_isa",
]

LIBRARY_VARIABLE, ISA_VARIABLE = "RNNKIT_LIBRARY", "RNNKIT_ISA"
FILE_NAMES = ("librnnkit_native.so", "librnnkit_native.dylib", "rnnkit_native.dll")
ABI = 3

DTYPES: dict[np.dtype[np.floating], int] = {np.dtype("float32"): 0, np.dtype("float64"): 1}
OK, BAD_SIZE, BAD_LENGTH, BAD_BATCH_SIZES, NO_MEMORY = range(5)


# `rnnkit_weights`, five pointers, and `rnnkit_rows`: data, step and row.
_WEIGHTS, _ROWS = "5P", "P2q"

LAYER = Struct(f"5q {_WEIGHTS}")
"""`rnnkit_layer`: mode, dtype, sizes of input, hidden state and projection; the weights."""

CALL = Struct(
    f"{LAYER.format} 5q 2P {_ROWS} 2P"  # the layer; numbers; lengths, batch_sizes; x, h_0, c_0
    f" {_ROWS} 3P"  # y, h_n, c_n, kept
    f" {_ROWS} 2P {_ROWS} 2P {_WEIGHTS}"  # the gradients that come in, and those that go out
)
"""`rnnkit_call`; the numbers are steps, sequences, reverse, threads and checkpoint."""

CELL = Struct("5q")
"""`rnnkit_cell`: gates, states, reserve; product and projects, 0 or 1."""

# For each function, what it gives and what it takes.
_SIGNATURES: dict[str, tuple[Any, list[Any]]] = {
    "rnnkit_forward": (c_int, [c_char_p]),
    "rnnkit_backward": (c_int, [c_char_p]),
    "rnnkit_refused": (c_int64, []),
    "rnnkit_describe": (c_int, [c_int64, c_char_p]),
    "rnnkit_linear": (
        c_int,
        [
            *[c_int32, c_int32, c_int64, c_int64, c_int64],
            *[c_void_p, c_int64, c_void_p, c_void_p, c_void_p, c_int64],
        ],
    ),
    "rnnkit_stream_new": (c_void_p, [c_char_p, c_int64, c_int64, c_int32]),
    "rnnkit_stream_step": (c_int, [c_void_p, c_int64, *[c_void_p] * 3, c_int32]),
    "rnnkit_stream_free": (None, [c_void_p]),
    "rnnkit_isas": (c_char_p, []),
    "rnnkit_isa": (c_char_p, []),
    "rnnkit_use_isa": (c_int, [c_char_p]),
    "rnnkit_has_threads": (c_int, []),
    "rnnkit_after_fork": (None, []),
    "rnnkit_peak": (c_double, [c_int32, c_int32, c_double]),
    "rnnkit_abi": (c_int32, []),
}


def find() -> Path | None:
    """The file of the library: the one that RNNKIT_LIBRARY names, else the one beside this code."""
    given = os.environ.get(LIBRARY_VARIABLE)
    if given:
        return Path(given) if Path(given).is_file() else None
    # An editable installation has two folders: the source's and the built files'.
    folders = [Path(folder) for folder in sys.modules[__package__].__path__]
    files = (folder / name for folder in folders for name in FILE_NAMES)
    return next((file for file in files if file.is_file()), None)


def load() -> ctypes.CDLL | None:
    """The library, ready to be called; None where there is none, and `problem` says why.

    Raises OptionError if RNNKIT_ISA names an instruction set that this machine cannot run.
    """
    return _load()[0]


def problem() -> str | None:
    """Why there is no native library and what to do, in a sentence; None if there is one."""
    return _load()[1]


def required() -> ctypes.CDLL:
    """The library; raises MissingDependencyError where there is none."""
    library, reason = _load()
    if library is None:
        raise MissingDependencyError(reason)
    return library


@cache
def _load() -> tuple[ctypes.CDLL | None, str | None]:
    path = find()
    if path is None:
        given = os.environ.get(LIBRARY_VARIABLE)
        if given:
            return None, f"{LIBRARY_VARIABLE}={given} is no file: correct it, or unset it."
        return None, (
            "rnnkit was installed without its native library: install it again where there is a "
            f"C++17 compiler, or set {LIBRARY_VARIABLE} to the library's file."
        )
    try:
        library = ctypes.CDLL(str(path))
        _declare(library)
    except (OSError, AttributeError) as error:
        return None, f"{path} cannot be loaded ({error}): {_remedy(error)}."
    if library.rnnkit_abi() != ABI:
        return None, (
            f"{path} has interface {library.rnnkit_abi()} but this rnnkit needs {ABI}: install "
            f"rnnkit again."
        )
    chosen = os.environ.get(ISA_VARIABLE)
    if chosen:
        _choose(library, ISA_VARIABLE, chosen)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=library.rnnkit_after_fork)
    return library, None


def _remedy(error: Exception) -> str:
    if "libgomp" in str(error):
        return "install gcc's OpenMP runtime (Debian: apt install libgomp1)"
    return "install rnnkit again"


def _declare(library: ctypes.CDLL) -> None:
    for name, (result, arguments) in _SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments


# -- instruction sets and threads ---------------------------------------------------------------


def isas() -> tuple[str, ...]:
    """The instruction sets that the library holds and this machine runs, best first."""
    library = load()
    return () if library is None else _isas(library)


def isa() -> str | None:
    """The instruction set in use; None without the library."""
    library = load()
    return None if library is None else library.rnnkit_isa().decode()


@contextmanager
def use_isa(name: str) -> Iterator[None]:
    """Use one instruction set inside, in all threads: for tests and benchmarks.

    Raises OptionError for one that cannot run here, MissingDependencyError without the library.
    """
    library = required()
    before = library.rnnkit_isa().decode()
    _choose(library, "isa", name)
    try:
        yield
    finally:
        _choose(library, "isa", before)


def has_threads() -> bool:
    """Whether the library is there and its calls can use several threads."""
    library = load()
    return library is not None and bool(library.rnnkit_has_threads())


def peak_flops(dtype: str, threads: int, seconds: float) -> float:
    """Floating-point operations a second of multiply-adds in registers: the machine's limit.

    dtype: "float32" or "float64". seconds: how long to measure.
    Raises MissingDependencyError without the library.
    """
    check_option("dtype", dtype, [known.name for known in DTYPES])
    return float(required().rnnkit_peak(DTYPES[np.dtype(dtype)], threads, seconds))


def _isas(library: ctypes.CDLL) -> tuple[str, ...]:
    return tuple(library.rnnkit_isas().decode().split(","))


def _choose(library: ctypes.CDLL, option: str, name: str) -> None:
    check_option(option, name, _isas(library))
    library.rnnkit_use_isa(name.encode())
