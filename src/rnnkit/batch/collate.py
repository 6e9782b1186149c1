"""Arrays of unequal length to packed tensors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from rnnkit.packed import Packed

__all__ = ["pack", "pack_like", "pack_spellings"]


def pack(sequences: Sequence[np.ndarray]) -> Packed:
    """Pack B arrays of shape (T_b, ...).

    >>> pack([np.array([1]), np.array([2, 3])]).data.tolist()
    [2, 1, 3]
    """
    return Packed.from_sequences(sequences)


def pack_like(sequences: Sequence[np.ndarray], like: Packed) -> Tensor:
    """(N, ...) rows of other values for the same steps, such as the tag of each word."""
    order = like.layout.order.tolist()
    flat = torch.cat([torch.as_tensor(sequences[i]) for i in order])
    rows = torch.empty_like(flat)
    rows[like.layout.by_sequence] = flat
    return rows


def pack_spellings(
    forms: Sequence[np.ndarray], spellings: Sequence[np.ndarray], like: Packed
) -> tuple[Packed, Tensor]:
    """The characters of a batch's words, each distinct word once.

    forms: B arrays (T_b,), for each word its index into `spellings`.
    spellings: for each form the ids of its characters.
    Returns the packed characters of the M distinct forms, and (N,) which of those M each row of
    `like` is, counted in the packed characters' sorted order.
    """
    distinct, position = np.unique(np.concatenate(forms), return_inverse=True)
    characters = pack([spellings[form] for form in distinct])
    ends = np.cumsum([len(form) for form in forms])[:-1]
    rows = pack_like(np.split(position, ends), like)
    return characters, characters.layout.inverse[rows]
