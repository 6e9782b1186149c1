"""What attention reads: said once a source, whatever the number of sequences that look at it."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

__all__ = ["Groups", "Memory"]


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


class Groups:
    """R rows as (B, w): those of a sentence side by side.

    So all rows of a sentence meet its memory in one product, and no memory is copied for them.
    sentence: (R,) which of the B sentences each row belongs to, in any order. w is the largest
    number of rows that a sentence has; where another has fewer, zeros fill its places.

    >>> groups = Groups(torch.tensor([1, 0, 1]), 2)
    >>> groups.group(torch.tensor([[5.0], [6.0], [7.0]])).tolist()
    [[[6.0], [0.0]], [[5.0], [7.0]]]
    """

    def __init__(self, sentence: Tensor, num_sentences: int) -> None:
        owners = sentence.numpy(force=True)
        counts = np.bincount(owners, minlength=num_sentences)
        order = owners.argsort(kind="stable")
        begins = counts.cumsum() - counts
        nth = np.empty_like(owners)  # of its sentence's rows
        nth[order] = np.arange(len(owners)) - begins[owners[order]]
        self._shape = num_sentences, int(counts.max())
        places = owners * self._shape[1] + nth
        in_order = np.array_equal(places, np.arange(num_sentences * self._shape[1]))
        self._places = None if in_order else torch.from_numpy(places).to(sentence.device)

    def group(self, rows: Tensor) -> Tensor:
        """(R, F) -> (B, w, F); a view where the rows stand in order and fill all places."""
        if self._places is not None:
            empty = rows.new_zeros(self._shape[0] * self._shape[1], rows.shape[1])
            rows = empty.index_copy(0, self._places, rows)
        return rows.reshape(*self._shape, rows.shape[1])

    def ungroup(self, groups: Tensor) -> Tensor:
        """(B, w, F) -> (R, F)."""
        rows = groups.flatten(0, 1)
        return rows if self._places is None else rows.index_select(0, self._places)
