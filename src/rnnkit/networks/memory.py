"""What attention reads: said once a source, whatever the number of sequences that look at it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["Memory", "Seats"]


class Memory(NamedTuple):
    """B encoded sources, sentences or images; nothing of it moves from step to step.

    values: (B, S, M) the encoded steps or places; keys: (B, S, ...) as the attention wants them;
    mask: (B, S) the valid ones.
    """

    values: Tensor
    keys: Tensor
    mask: Tensor

    def first(self, count: int) -> Memory:
        """That of the first sources, without a copy."""
        return self if count == len(self.mask) else Memory(*(part[:count] for part in self))

    def rows(self, index: Tensor) -> Memory:
        """A copy: that of the sources at `index`, repeats allowed."""
        return Memory(*(part.index_select(0, index) for part in self))


class Seats:
    """Where each of R rows stands when the rows of a sentence stand side by side, (B, w).

    So all rows of a sentence meet its memory in one product, and no memory is copied for them.
    sentence: (R,) which of the B sentences each row belongs to, in any order. w is the largest
    number of rows that a sentence has; where another has fewer, zeros fill its places.

    >>> Seats(torch.tensor([1, 0, 1]), 2).seated(torch.tensor([[5.0], [6.0], [7.0]])).tolist()
    [[[6.0], [0.0]], [[5.0], [7.0]]]
    """

    def __init__(self, sentence: Tensor, num_sentences: int) -> None:
        owners = sentence.numpy(force=True)
        counts = np.bincount(owners, minlength=num_sentences)
        order = owners.argsort(kind="stable")
        begins = counts.cumsum() - counts
        places = np.empty_like(owners)
        places[order] = np.arange(len(owners)) - begins[owners[order]]
        self.shape = num_sentences, int(counts.max())
        seats = owners * self.shape[1] + places
        in_order = len(seats) == counts.max() * num_sentences and bool((order == seats).all())
        self._seats = None if in_order else torch.from_numpy(seats).to(sentence.device)

    def seated(self, rows: Tensor) -> Tensor:
        """(R, F) -> (B, w, F)."""
        if self._seats is not None:
            empty = rows.new_zeros(self.shape[0] * self.shape[1], rows.shape[1])
            rows = empty.index_copy(0, self._seats, rows)
        return rows.reshape(*self.shape, -1)

    def in_rows(self, seated: Tensor) -> Tensor:
        """(B, w, F) -> (R, F)."""
        rows = seated.flatten(0, 1)
        return rows if self._seats is None else rows.index_select(0, self._seats)
