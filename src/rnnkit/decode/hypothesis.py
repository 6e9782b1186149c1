"""What a search gives back."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Hypothesis"]


@dataclass(frozen=True)
class Hypothesis:
    """One sequence that a search produced.

    tokens: ids, without the beginning and the end mark.
    log_prob: sum of the model's log probabilities (nats), that of the end mark included.
    score: log_prob / length**length_penalty, where the length counts the end mark; searches rank
        by it.
    finished: whether the end mark came before `max_length` steps were used up.

    >>> Hypothesis.from_sum([4, 7], -1.5, finished=True, length_penalty=1.0).score
    -0.5
    """

    tokens: list[int]
    log_prob: float
    score: float
    finished: bool

    @classmethod
    def from_sum(
        cls, tokens: list[int], log_prob: float, *, finished: bool, length_penalty: float
    ) -> Hypothesis:
        """Score a sequence by its summed log probability."""
        length = len(tokens) + finished
        return cls(tokens, log_prob, log_prob / length**length_penalty, finished)
