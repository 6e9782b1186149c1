"""The best path of labels through a chain."""

from __future__ import annotations

import numpy as np

__all__ = ["viterbi"]


def viterbi(
    emissions: np.ndarray,
    batch_sizes: np.ndarray,
    transitions: np.ndarray,
    start: np.ndarray,
    end: np.ndarray,
) -> np.ndarray:
    """The labels y of the largest score, of all paths through a chain.

    s(y) = start[y_1] + sum_t e_t[y_t] + sum_t transitions[y_t, y_{t+1}] + end[y_T]

    emissions: (N, K), of several sequences packed: the rows of a step stand together, the longest
    sequence first. batch_sizes: (T,) how many sequences have each step; they sum to N.
    transitions: (K, K), from the row's label to the column's. start, end: (K,). Returns (N,) int64,
    packed as the emissions are; of equally good paths the one with the smaller labels first.
    Source: Viterbi 1967; Rabiner 1989, section III.B, run from the last step to the first, so that
    the labels are read in the order of the steps.

    >>> alternate = np.array([[-9.0, 0.0], [0.0, -9.0]])
    >>> emissions = np.array([[2.0, 0.0], [1.0, 0.0]])
    >>> viterbi(emissions, np.array([1, 1]), alternate, np.zeros(2), np.zeros(2)).tolist()
    [0, 1]
    """
    scores = np.split(emissions, np.cumsum(batch_sizes)[:-1])
    future = np.broadcast_to(end, scores[-1].shape)
    followers: list[np.ndarray] = []  # of each label, the best one after it; the last step first
    for before, score in zip(scores[-2::-1], scores[:0:-1], strict=True):
        sums = (score + future)[:, None, :] + transitions
        followers.append(sums.argmax(axis=-1))
        future = np.broadcast_to(end, before.shape).astype(sums.dtype)
        future[: len(score)] = sums.max(axis=-1)
    labels = [(start + scores[0] + future).argmax(axis=-1)]
    for follower in reversed(followers):
        labels.append(follower[np.arange(len(follower)), labels[-1][: len(follower)]])
    return np.concatenate(labels)
