"""What the estimators share that answer in sentences: searches, draws, and the target's tokens."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from numbers import Integral
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from rnnkit.batch import pack, pack_like
from rnnkit.decode import Hypothesis, beam, greedy, reorder, sample
from rnnkit.errors import OptionError
from rnnkit.networks import DecoderState, DecoderStep, Memory
from rnnkit.packed import Packed
from rnnkit.tasks.agreement import most_agreed
from rnnkit.tasks.base import SequenceEstimator
from rnnkit.tasks.objectives import CrossEntropy
from rnnkit.vectorize import SubwordVectorizer, TextVectorizer

__all__ = ["BOUNDARY", "SpeakingEstimator", "Spoken", "one_sentence", "teacher_forced"]

# The reserved index of the target's vocabulary both begins and ends a sentence; index 1 (unknown)
# is never produced.
BOUNDARY, UNKNOWN = 0, 1


class Spoken(NamedTuple):
    """A sentence that was found, as fields of what an estimator calls it.

    probability: of the whole text. score: log-probability divided by length to the power of
    `length_penalty`, by which sentences of different lengths are ranked.
    """

    text: str
    probability: float
    log_prob: float
    score: float


class SpeakingEstimator(SequenceEstimator):
    """An estimator whose answers are sentences, found token by token by its decoder."""

    beam_size: int
    length_penalty: float
    max_length: int | None
    label_smoothing: float

    _decodes = True
    target_vectorizer_: TextVectorizer | SubwordVectorizer
    module_: Any

    @abstractmethod
    def _search(self, batch: Any) -> dict[str, Any]:
        """What every search needs, from `_searching`."""

    def _searching(self, memory: Memory, state: DecoderState, limit: np.ndarray) -> dict[str, Any]:
        """The arguments of a search.

        memory, state: of the encoded inputs. limit: (B,) the most tokens, unless `max_length` says
        it.
        """
        if self.max_length is not None:
            limit = np.full(len(limit), self.max_length)
        return {
            "step": DecoderStep(self.module_.decoder, memory),
            "state": state,
            "batch_size": len(limit),
            "bos": BOUNDARY,
            "eos": BOUNDARY,
            "max_length": limit,
            "length_penalty": self.length_penalty,
            "forbid": [UNKNOWN],
        }

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """The softmax over the target's vocabulary at each token of the predicted sentence.

        (U + 1, V) for each input, the last row where the sentence ends; rows sum to 1.
        """
        check_is_fitted(self, "module_")
        inputs = self._inputs(X)
        data = self._encode(inputs, [best[0].text for best in self._found(inputs, 1, None)])

        def answer(batch: Any) -> list[Tensor]:
            logits, _, _ = self._logits(self.module_, batch)
            rows: Packed = batch.inputs.with_data(torch.softmax(logits.double(), dim=-1))
            return rows.to_sequences()

        return [rows.numpy() for rows in self._in_batches(data, answer)]

    # -- searches -------------------------------------------------------------------------------

    def _found(self, X: Any, n_best: int, beam_size: int | None) -> list[list[Spoken]]:
        """The `n_best` sentences of each input by beam search, best first.

        beam_size: None takes the estimator's; 1 is greedy.
        """
        size = self.beam_size if beam_size is None else beam_size
        if not 1 <= n_best <= size:
            raise OptionError(f"n_best={n_best} must lie between 1 and beam_size={size}.")
        check_is_fitted(self, "module_")

        def answer(batch: Any) -> list[list[Hypothesis]]:
            search = self._search(batch)
            if size == 1:
                return [[one] for one in greedy(**search)]
            return beam(beam_size=size, n_best=n_best, **search)

        found = self._in_batches(self._encode(self._inputs(X), None), answer)
        return [[self._spoken(one) for one in several] for several in found]

    def _drawn(
        self,
        X: Any,
        temperature: float,
        top_k: int | None,
        top_p: float | None,
        random_state: int | None,
        draws: int = 1,
    ) -> list[Spoken]:
        """`draws` random sentences for each input, drawn token by token from the softmax."""
        check_is_fitted(self, "module_")
        generator = np.random.default_rng(random_state)
        size = max(self.batch_size, self._predict_batch)  # of rows that are drawn at once

        def answer(batch: Any) -> list[list[Hypothesis]]:
            search = self._search(batch)
            rows = np.arange(search["batch_size"]).repeat(draws)
            found: list[Hypothesis] = []
            for begin in range(0, len(rows), size):
                found += sample(
                    temperature=temperature,
                    top_k=top_k,
                    top_p=top_p,
                    generator=generator,
                    **_rows_of(search, rows[begin : begin + size]),
                )
            return [found[i : i + draws] for i in range(0, len(found), draws)]

        several = self._in_batches(self._encode(self._inputs(X), None), answer)
        return [self._spoken(one) for some in several for one in some]

    def _agreed(
        self,
        X: Any,
        draws: int,
        temperature: float,
        top_k: int | None,
        top_p: float | None,
        random_state: int | None,
    ) -> list[Spoken]:
        """For each input, of so many random sentences the one that the others agree with most."""
        if not isinstance(draws, Integral) or draws < 1:
            raise OptionError(f"draws={draws!r}, but it must be a whole number above 0.")
        drawn = self._drawn(X, temperature, top_k, top_p, random_state, draws)
        several = [drawn[start : start + draws] for start in range(0, len(drawn), draws)]
        return [some[most_agreed([one.text for one in some])] for some in several]

    def _spoken(self, found: Hypothesis) -> Spoken:
        text = self.target_vectorizer_.inverse(found.tokens)
        return Spoken(text, math.exp(found.log_prob), found.log_prob, found.score)

    # -- training -------------------------------------------------------------------------------

    def _target_ids(self, y: Sequence[Any]) -> list[np.ndarray]:
        """(U,) ids of each target without the boundary; an empty text has none."""
        rows = self.target_vectorizer_.transform(y)
        return [row[row[:, 0] != BOUNDARY, 0] for row in rows]

    def _objective(self) -> CrossEntropy:
        return CrossEntropy(label_smoothing=self.label_smoothing)

    def _check_options(self) -> None:
        super()._check_options()
        if self.beam_size < 1:
            raise OptionError(f"beam_size={self.beam_size}, but a beam holds at least one.")


def _rows_of(search: dict[str, Any], rows: np.ndarray) -> dict[str, Any]:
    """A search that begins with those rows of its state, repeats allowed."""
    return {
        **search,
        "state": reorder(search["state"], rows),
        "batch_size": len(rows),
        "max_length": search["max_length"][rows],
    }


def teacher_forced(targets: Sequence[np.ndarray]) -> tuple[Packed, Tensor]:
    """What the decoder reads, packed (N,) ids from the boundary on, and the ids that follow (N,).

    >>> inputs, following = teacher_forced([np.array([7, 8])])
    >>> inputs.data.tolist(), following.tolist()
    ([0, 7, 8], [7, 8, 0])
    """
    inputs = pack([np.concatenate([[BOUNDARY], ids]) for ids in targets])
    return inputs, pack_like([np.concatenate([ids, [BOUNDARY]]) for ids in targets], inputs)


def one_sentence(tokens: str | Sequence[str]) -> str:
    """A text as it is, and tokens joined by spaces."""
    return tokens if isinstance(tokens, str) else " ".join(tokens)
