"""Sentences out of a decoder: searches for the most probable ones, and draws."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from rnnkit.codecs.sentences import BOUNDARY, TargetVectorizer
from rnnkit.decode import Hypothesis, beam, greedy, reorder, sample
from rnnkit.errors import OptionError
from rnnkit.networks import AttentionDecoder, DecoderState, DecoderStep, Memory
from rnnkit.options import Whole
from rnnkit.reserved import UNKNOWN

__all__ = ["Draw", "Search", "Sentence", "check_n_best"]


class Sentence(NamedTuple):
    """A sentence that was found.

    probability: of the whole text. score: log-probability divided by length to the power of
    `length_penalty`, by which sentences of different lengths are ranked.
    """

    text: str
    probability: float
    log_prob: float
    score: float

    @classmethod
    def of(cls, found: Hypothesis, vectorizer: TargetVectorizer) -> Sentence:
        """The tokens that a search has found, as a text."""
        text = vectorizer.inverse(found.tokens)
        return cls(text, math.exp(found.log_prob), found.log_prob, found.score)


@dataclass(frozen=True)
class Draw:
    """How a token is drawn; see `rnnkit.decode.sample`."""

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None


@dataclass(frozen=True)
class Search:
    """Where the search for answers to a batch begins, and how far it goes.

    memory, state: of the encoded inputs. limit: (B,) the most tokens of each answer.
    """

    decoder: AttentionDecoder
    memory: Memory
    state: DecoderState
    limit: np.ndarray
    length_penalty: float

    def best(self, beam_size: int, n_best: int) -> list[list[Hypothesis]]:
        """The most probable answers to each input, best first; a beam of 1 is greedy."""
        step, count = DecoderStep(self.decoder, self.memory), len(self.limit)
        if beam_size == 1:
            found = greedy(
                step,
                self.state,
                batch_size=count,
                bos=BOUNDARY,
                eos=BOUNDARY,
                max_length=self.limit,
                length_penalty=self.length_penalty,
                forbid=[UNKNOWN],
            )
            return [[one] for one in found]
        return beam(
            step,
            self.state,
            batch_size=count,
            bos=BOUNDARY,
            eos=BOUNDARY,
            max_length=self.limit,
            beam_size=beam_size,
            length_penalty=self.length_penalty,
            n_best=n_best,
            forbid=[UNKNOWN],
        )

    def drawn(
        self, draw: Draw, count: int, generator: np.random.Generator, *, at_once: int
    ) -> list[list[Hypothesis]]:
        """`count` random answers to each input, which is read once. at_once: rows of a step."""
        step = DecoderStep(self.decoder, self.memory)
        rows = np.arange(len(self.limit)).repeat(count)
        found: list[Hypothesis] = []
        for begin in range(0, len(rows), at_once):
            some = rows[begin : begin + at_once]
            found += sample(
                step,
                reorder(self.state, some),
                batch_size=len(some),
                bos=BOUNDARY,
                eos=BOUNDARY,
                max_length=self.limit[some],
                temperature=draw.temperature,
                top_k=draw.top_k,
                top_p=draw.top_p,
                generator=generator,
                length_penalty=self.length_penalty,
                forbid=[UNKNOWN],
            )
        return [found[i : i + count] for i in range(0, len(found), count)]


def check_n_best(n_best: int, beam_size: int) -> None:
    """Raise OptionError unless a beam holds so many answers."""
    Whole(1).check("n_best", n_best)
    Whole(1).check("beam_size", beam_size)
    if n_best > beam_size:
        raise OptionError(f"n_best={n_best}, but a beam of beam_size={beam_size} holds fewer.")
