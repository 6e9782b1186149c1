"""A token drawn from a distribution, sharpened or cut as asked."""

from __future__ import annotations

import numpy as np

from rnnkit.decode.largest import largest
from rnnkit.errors import OptionError

__all__ = ["Sampler"]


class Sampler:
    """Draws a token for each row of (R, V) log probabilities.

    temperature: p is proportional to exp(log_prob / temperature); towards 0 it becomes greedy.
    top_k: only the k most probable tokens. top_p: only the fewest most probable tokens that
        together reach this share (after temperature and top_k); at least one remains.
    generator: makes the draw repeatable; each row takes one number of it. None: a new one.
    Raises OptionError at a value out of range.
    Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration (top_p).

    >>> Sampler(top_k=1)(np.log([[0.3, 0.7], [0.6, 0.4]])).tolist()
    [1, 0]
    """

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        generator: np.random.Generator | None = None,
    ) -> None:
        _check(temperature, top_k, top_p)
        if generator is not None and not isinstance(generator, np.random.Generator):
            raise OptionError(
                f"generator is a {type(generator).__name__} of {type(generator).__module__}, but "
                f"one of numpy is expected: numpy.random.default_rng(seed)."
            )
        self.temperature, self.top_k, self.top_p = temperature, top_k, top_p
        self.generator = generator or np.random.default_rng()

    def __call__(self, log_probs: np.ndarray) -> np.ndarray:
        """(R, V) log probabilities -> (R,) tokens."""
        sums = self.weights(log_probs).cumsum(axis=1, dtype=np.float64)
        drawn = self.generator.random(len(sums)) * sums[:, -1]
        # The first token whose sum is above: one of weight 0 adds nothing, and is never that.
        tokens: np.ndarray = (sums > drawn[:, None]).argmax(axis=1)
        return tokens

    def weights(self, log_probs: np.ndarray) -> np.ndarray:
        """(R, V) -> (R, V) what is drawn from: 0 where a token is cut off.

        >>> int(np.count_nonzero(Sampler(top_p=0.5).weights(np.log([[0.3, 0.7]]))))
        1
        """
        # The largest becomes 0 first, and the divisor stays above 0 in the array's own precision,
        # so that no temperature however small makes infinity or 0 / 0 of it.
        divisor = max(self.temperature, float(np.finfo(log_probs.dtype).tiny))
        scaled = log_probs - log_probs.max(axis=1, keepdims=True)
        with np.errstate(over="ignore"):
            scaled /= scaled.dtype.type(divisor)
        if self.top_k is not None and self.top_k < scaled.shape[1]:
            scaled = _cut_to(scaled, largest(scaled, self.top_k))
        weights: np.ndarray = np.exp(scaled)
        weights /= weights.sum(axis=1, keepdims=True)
        return weights if self.top_p is None else _nucleus(weights, self.top_p)


def _cut_to(scaled: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """Minus infinity everywhere but at the columns kept, (R, k)."""
    cut = np.full_like(scaled, -np.inf)
    np.put_along_axis(cut, kept, np.take_along_axis(scaled, kept, axis=1), axis=1)
    return cut


def _nucleus(weights: np.ndarray, top_p: float) -> np.ndarray:
    """The fewest of the largest that reach the share; of equals the first."""
    ordered = np.sort(weights, axis=1)[:, ::-1]
    before = ordered.cumsum(axis=1, dtype=np.float64) - ordered
    count = (before < top_p).sum(axis=1, keepdims=True)
    least = np.take_along_axis(ordered, count - 1, axis=1)
    above, equal = weights > least, weights == least
    room = count - above.sum(axis=1, keepdims=True)
    kept = above | (equal & (equal.cumsum(axis=1) <= room))
    nucleus: np.ndarray = np.where(kept, weights, 0)
    return nucleus


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
