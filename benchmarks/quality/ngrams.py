"""Counted n-grams: what a language model without a network reaches."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Self


class KneserNey:
    """Interpolated Kneser-Ney n-grams with one discount an order.

    p_k(w | u) = max(c(uw) - D, 0) / c(u) + D n(u) / c(u) p_{k-1}(w | u without its first token),
    c counting occurrences in the highest order and distinct tokens before uw in the others, n(u)
    the distinct tokens after u, and D = n_1 / (n_1 + 2 n_2). p_0 is uniform.
    Source: Ney, Essen & Kneser 1994; Chen & Goodman 1999, section 2.7.

    order: 1 is unigrams. vocabulary_size: of the uniform distribution below them.
    """

    def __init__(self, order: int, vocabulary_size: int) -> None:
        self.order, self.vocabulary_size = order, vocabulary_size

    def fit(self, tokens: Sequence[int]) -> Self:
        """Count a stream of tokens."""
        grams = Counter(zip(*(tokens[start:] for start in range(self.order)), strict=False))
        self._levels = [_Level(grams)]
        for _ in range(self.order - 1):
            grams = Counter(gram[1:] for gram in grams)  # each distinct one once
            self._levels.append(_Level(grams))
        return self

    def perplexity(self, tokens: Sequence[int]) -> float:
        """exp of the mean of -log p over a stream, from its first token on."""
        total = sum(
            math.log(
                self.probability(tokens[place], tokens[max(0, place - self.order + 1) : place])
            )
            for place in range(len(tokens))
        )
        return math.exp(-total / len(tokens))

    def probability(self, token: int, context: Sequence[int]) -> float:
        """p(token | context), of which the last order - 1 tokens count."""
        kept = tuple(context)[-(self.order - 1) :] if self.order > 1 else ()
        p = 1 / self.vocabulary_size
        for level in self._levels[::-1][: len(kept) + 1]:
            p = level.over((*kept[len(kept) - level.context_size :], token), p)
        return p


class _Level:
    """The counts of one order."""

    def __init__(self, grams: Counter[tuple[int, ...]]) -> None:
        self.context_size = len(next(iter(grams))) - 1
        self._counts = grams
        self._total: dict[tuple[int, ...], int] = defaultdict(int)
        self._distinct: dict[tuple[int, ...], int] = defaultdict(int)
        for gram, count in grams.items():
            self._total[gram[:-1]] += count
            self._distinct[gram[:-1]] += 1
        once, twice = (sum(count == n for count in grams.values()) for n in (1, 2))
        self._discount = once / (once + 2 * twice) if once else 0.0

    def over(self, gram: tuple[int, ...], shorter: float) -> float:
        """p of the gram's last token, given that of its shorter context."""
        total = self._total.get(gram[:-1], 0)
        if total == 0:
            return shorter
        left = self._discount * self._distinct[gram[:-1]]
        return (max(self._counts[gram] - self._discount, 0.0) + left * shorter) / total
