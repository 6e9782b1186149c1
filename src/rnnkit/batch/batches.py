"""An epoch's batches, built one at a time while they are read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Generic, TypeVar

import numpy as np

from rnnkit.batch.bucketing import bucket_by_length

__all__ = ["Batches"]

Batch = TypeVar("Batch")


class Batches(Generic[Batch]):
    """A sized iterable of batches of like length.

    lengths: (n,) steps of each sequence, by which they are bucketed.
    collate: builds a batch from (b,) indices into the data that it knows.
    seed: None keeps one order (prediction); an integer shuffles. `rng_key` (an epoch's number)
        makes each epoch differ while the whole run stays reproducible.

    >>> epoch = Batches([3, 1, 2], lambda indices: indices.tolist(), batch_size=2)
    >>> len(epoch), list(epoch)
    (2, [[0, 2], [1]])
    """

    def __init__(
        self,
        lengths: Sequence[int] | np.ndarray,
        collate: Callable[[np.ndarray], Batch],
        *,
        batch_size: int,
        seed: int | None = None,
        rng_key: int = 0,
    ) -> None:
        generator = None if seed is None else np.random.default_rng([seed, rng_key])
        self.indices = bucket_by_length(lengths, batch_size, generator=generator)
        self._collate = collate

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Batch]:
        return (self._collate(indices) for indices in self.indices)
