"""Large blocks of memory that live on between calls.

Outputs, gradients and what forward keeps for backward are given back to the system when a training
step ends, and taken again in the next: the fresh pages, which the system must clear, cost up to a
third of forward.
"""

from __future__ import annotations

import ctypes
import threading
import weakref
from math import prod

import torch
from torch import Tensor

__all__ = ["LARGE", "LIMIT", "borrow", "held", "release"]

LARGE = 1 << 20
"""Bytes; of smaller blocks the C library's allocator keeps the pages by itself."""

LIMIT = 256 << 20
"""Bytes that are held at most while nobody uses them."""

_free: list[Tensor] = []
# Reentrant: collecting garbage inside of it may give a block back.
_lock = threading.RLock()


def borrow(shape: tuple[int, ...], like: Tensor) -> Tensor:
    """As `like.new_empty(shape)`; its memory comes back here when nobody holds it any more.

    >>> borrow((2, 3), torch.ones(1)).shape
    torch.Size([2, 3])
    """
    size = prod(shape) * like.itemsize
    if size < LARGE:
        return like.new_empty(shape)
    block = _take(size)
    # torch holds this object as long as there is a tensor on it.
    owner = (ctypes.c_char * size).from_address(block.data_ptr())
    weakref.finalize(owner, _give, block).atexit = False
    return torch.frombuffer(owner, dtype=like.dtype).view(shape)


def held() -> int:
    """The bytes that are held for the next call."""
    return sum(block.numel() for block in _free)


def release() -> None:
    """Give all of it back to the system."""
    _free.clear()


def _take(size: int) -> Tensor:
    """The smallest block that is large enough, unless most of it would be wasted; or a new one."""
    with _lock:
        fitting = [block for block in _free if size <= block.numel() <= 2 * size]
        if not fitting:
            return torch.empty(size, dtype=torch.uint8)
        best = min(fitting, key=Tensor.numel)
        _free[:] = [block for block in _free if block is not best]
        return best


def _give(block: Tensor) -> None:
    with _lock:
        _free.append(block)
        while held() > LIMIT:
            _free.pop(0)
