"""The best path of labels through a chain."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.packed import Packed

__all__ = ["viterbi"]


@torch.no_grad()
def viterbi(emissions: Packed, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """The labels y of the largest score, of all paths through a chain.

    s(y) = start[y_1] + sum_t e_t[y_t] + sum_t transitions[y_t, y_{t+1}] + end[y_T]

    emissions: (N, K) packed rows. transitions: (K, K), from the row's label to the column's.
    start, end: (K,). Returns (N,) int64, packed as the emissions are; of equally good paths the
    one with the smaller labels first.
    Source: Viterbi 1967; Rabiner 1989, section III.B, run from the last step to the first, so that
    the labels are read in the order of the steps.

    >>> emissions = Packed.from_sequences([torch.tensor([[2.0, 0.0], [1.0, 0.0]])])
    >>> alternate = torch.tensor([[-9.0, 0.0], [0.0, -9.0]])
    >>> viterbi(emissions, alternate, torch.zeros(2), torch.zeros(2)).tolist()
    [0, 1]
    """
    sizes = emissions.layout.batch_sizes.tolist()
    scores = torch.split(emissions.data, sizes)
    future = end.expand(sizes[-1], -1)
    followers: list[Tensor] = []  # of each label, the best one after it; the last step first
    for size, after, score in zip(sizes[-2::-1], sizes[:0:-1], scores[:0:-1], strict=True):
        best, follower = ((score + future)[:, None, :] + transitions).max(dim=-1)
        followers.append(follower)
        future = torch.cat([best, end.expand(size - after, -1).to(best.dtype)])
    labels = [(start + scores[0] + future).argmax(dim=-1)]
    for follower in reversed(followers):
        going_on = labels[-1][: len(follower), None]
        labels.append(follower.gather(1, going_on).squeeze(1))
    return torch.cat(labels)
