"""A token drawn from a distribution, sharpened or cut as asked."""

from __future__ import annotations

import torch
from torch import Tensor

from rnnkit.errors import OptionError

__all__ = ["Sampler"]


class Sampler:
    """Draws a token for each row of (R, V) log probabilities.

    temperature: p is proportional to exp(log_prob / temperature); towards 0 it becomes greedy.
    top_k: only the k most probable tokens. top_p: only the fewest most probable tokens that
        together reach this share (after temperature and top_k); at least one remains.
    generator: makes the draw repeatable.
    Raises OptionError at a value out of range.
    Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration (top_p).

    >>> Sampler(top_k=1)(torch.tensor([[0.3, 0.7], [0.6, 0.4]]).log()).tolist()
    [1, 0]
    """

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: torch.Generator | None = None,
    ) -> None:
        _check(temperature, top_k, top_p)
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.generator = generator

    def __call__(self, log_probs: Tensor) -> Tensor:
        """(R, V) log probabilities -> (R,) tokens."""
        return torch.multinomial(self.weights(log_probs), 1, generator=self.generator)[:, 0]

    def weights(self, log_probs: Tensor) -> Tensor:
        """(R, V) -> (R, V) what is drawn from: 0 where a token is cut off.

        >>> Sampler(top_p=0.5).weights(torch.tensor([[0.3, 0.7]]).log()).count_nonzero().item()
        1
        """
        # The largest becomes 0 first, and the divisor stays above 0 in the tensor's own precision,
        # so that no temperature however small makes infinity or 0 / 0 of it.
        divisor = max(self.temperature, torch.finfo(log_probs.dtype).tiny)
        scaled = (log_probs - log_probs.amax(1, keepdim=True)) / divisor
        if self.top_k is not None and self.top_k < scaled.shape[1]:
            kept = scaled.topk(self.top_k, dim=1)
            scaled = torch.full_like(scaled, -torch.inf).scatter(1, kept.indices, kept.values)
        weights = scaled.softmax(1)
        return weights if self.top_p is None else _nucleus(weights, self.top_p)


def _nucleus(weights: Tensor, top_p: float) -> Tensor:
    ordered, order = weights.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(1) - ordered
    kept = ordered.masked_fill(before >= top_p, 0.0)
    return torch.zeros_like(weights).scatter(1, order, kept)


def _check(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0 < temperature < float("inf"):
        raise OptionError(
            f"temperature={temperature}, but it must be above 0. For the most probable token at "
            f"every step, call greedy."
        )
    if top_k is not None and top_k < 1:
        raise OptionError(f"top_k={top_k}, but at least one token must remain.")
    if top_p is not None and not 0 < top_p <= 1:
        raise OptionError(f"top_p={top_p}, but it is a share above 0 and at most 1.")
