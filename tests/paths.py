"""Every path of labels through a short chain, with its score: the slow reference of the CRF."""

from __future__ import annotations

from itertools import pairwise, product

import torch
from torch import Tensor


def every_path(
    emissions: Tensor, transitions: Tensor, start: Tensor, end: Tensor
) -> dict[tuple[int, ...], Tensor]:
    """emissions (T, K) -> the score of each of the K^T paths."""
    steps, labels = emissions.shape
    scores = {}
    for path in product(range(labels), repeat=steps):
        score = start[path[0]] + end[path[-1]]
        for step, label in enumerate(path):
            score = score + emissions[step, label]
        for label, after in pairwise(path):
            score = score + transitions[label, after]
        scores[path] = score
    return scores


def random_chain(labels: int, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    """Transitions, start and end."""
    return (
        torch.randn(labels, labels, dtype=dtype),
        torch.randn(labels, dtype=dtype),
        torch.randn(labels, dtype=dtype),
    )
