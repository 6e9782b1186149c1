"""Which sequences go into a batch together: those of like length, in an order that varies."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rnnkit.errors import OptionError

__all__ = ["bucket_by_length"]

# Sequences are sorted within pools of this many batches: large enough for near-equal lengths,
# small enough that the batches of an epoch differ from those of the last.
POOL_BATCHES = 50


def bucket_by_length(
    lengths: Sequence[int] | np.ndarray,
    batch_size: int,
    *,
    generator: np.random.Generator | None = None,
) -> list[np.ndarray]:
    """Split 0..n-1 into batches of sequences of like length.

    lengths: (n,) steps. Without a generator (prediction) all sequences are sorted, longest first,
    so that a lack of memory shows at once. With one (training) pools of a shuffled order are
    sorted, and the batches come in random order; every index comes exactly once either way.

    >>> [b.tolist() for b in bucket_by_length([3, 9, 1, 8], batch_size=2)]
    [[1, 3], [0, 2]]
    """
    if batch_size < 1:
        raise OptionError(f"batch_size={batch_size}, but a batch needs at least one sequence.")
    sizes = np.asarray(lengths)
    if generator is None:
        order = np.argsort(-sizes, kind="stable")
        return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    shuffled = generator.permutation(len(sizes))
    pool = batch_size * POOL_BATCHES
    batches = []
    for start in range(0, len(shuffled), pool):
        members = shuffled[start : start + pool]
        ordered = members[np.argsort(-sizes[members], kind="stable")]
        batches += [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    return [batches[i] for i in generator.permutation(len(batches))]
