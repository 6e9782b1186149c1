"""The largest numbers of each row, of equals the first."""

from __future__ import annotations

import numpy as np

__all__ = ["largest"]

# Rows longer than this are looked through in groups first.
GROUPS = 1024


def largest(values: np.ndarray, k: int) -> np.ndarray:
    """(S, k) where the k largest of each row stand, the largest first; of equals the first.

    values: (S, n) without nan; 1 <= k <= n.

    >>> largest(np.array([[0.5, 2.0, 1.0, 2.0]]), 3).tolist()
    [[1, 3, 2]]
    """
    rows, columns = _candidates(values, k)
    order = np.lexsort((columns, -values[rows, columns], rows))
    first = np.searchsorted(rows[order], np.arange(len(values)))
    found: np.ndarray = columns[order][first[:, None] + np.arange(k)]
    return found


def _candidates(values: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of a few numbers, among which are the k largest of each row.

    A row is cut into `width` groups, of every width-th number. k groups have a number of at least
    the k-th largest of the groups' maxima; so what is below that is not among the k largest.
    """
    size = values.shape[1]
    width = max(k, min(size, GROUPS))
    maxima = values[:, :width].copy()
    for begin in range(width, size, width):
        part = values[:, begin : begin + width]
        head = maxima[:, : part.shape[1]]
        np.maximum(head, part, out=head)
    bound = np.partition(maxima, width - k, axis=1)[:, width - k]
    rows, groups = np.nonzero(maxima >= bound[:, None])
    members = groups[:, None] + np.arange(0, size, width)
    inside = members < size
    kept = inside & (values[rows[:, None], np.where(inside, members, 0)] >= bound[rows, None])
    return np.broadcast_to(rows[:, None], kept.shape)[kept], members[kept]
