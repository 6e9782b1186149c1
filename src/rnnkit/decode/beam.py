"""Beam search: the best few sequences at every step, for all sentences of a batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from rnnkit.decode.hypothesis import Hypothesis
from rnnkit.decode.largest import largest
from rnnkit.decode.state import reorder
from rnnkit.decode.stepper import Step, Stepper, check_length_penalty, start
from rnnkit.errors import InputError, OptionError

__all__ = ["beam"]

S = TypeVar("S")


class _Beams(NamedTuple):
    """S sentences that still search, each with w unended sequences, best first."""

    sentences: list[int]  # where each of the S stands in the caller's batch
    limit: np.ndarray  # (S,) most steps
    tokens: np.ndarray  # (S, w, t) what each sequence has produced
    log_prob: np.ndarray  # (S, w), minus infinity where there is no such sequence


class _Candidates(NamedTuple):
    """The n best continuations of each sentence's sequences, best first."""

    log_prob: np.ndarray  # (S, n)
    parent: np.ndarray  # (S, n) which of the w sequences is continued
    token: np.ndarray  # (S, n)


class _Results:
    """Every sentence's ended sequences, and whether its search can still find a better one."""

    def __init__(
        self, batch_size: int, *, beam_size: int, n_best: int, length_penalty: float
    ) -> None:
        self._beam_size, self._n_best, self._length_penalty = beam_size, n_best, length_penalty
        self._found: list[list[Hypothesis]] = [[] for _ in range(batch_size)]

    def add(self, sentence: int, tokens: list[int], log_prob: float, *, finished: bool) -> None:
        self._found[sentence].append(
            Hypothesis.from_sum(
                tokens, log_prob, finished=finished, length_penalty=self._length_penalty
            )
        )

    def settled(self, sentence: int, best_log_prob: float, limit: int) -> bool:
        """Whether to stop, given the best sequence that has not ended.

        Log probabilities only fall and lengths only grow, so no descendant of a sequence with sum
        s scores above s / limit**length_penalty.
        """
        found = self._found[sentence]
        if len(found) >= self._beam_size or best_log_prob == -np.inf:
            return True
        if len(found) < self._n_best:
            return False
        reachable: float = best_log_prob / limit**self._length_penalty
        return self._ranked(sentence)[self._n_best - 1].score >= reachable

    def best(self) -> list[list[Hypothesis]]:
        if not all(self._found):
            raise InputError(
                f"step left sentence {self._found.index([])} without any sequence of probability "
                f"above 0. Permit more tokens (forbid), or check the model."
            )
        return [self._ranked(i)[: self._n_best] for i in range(len(self._found))]

    def _ranked(self, sentence: int) -> list[Hypothesis]:
        return sorted(self._found[sentence], key=lambda h: (not h.finished, -h.score))


def beam(
    step: Step[S],
    state: S,
    *,
    batch_size: int,
    bos: ArrayLike,
    eos: int,
    max_length: ArrayLike,
    beam_size: int = 5,
    length_penalty: float = 1.0,
    n_best: int = 1,
    forbid: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """Keep the `beam_size` most probable unended sequences of each sentence at every step.

    step: ((R,) last tokens, int64, and state) -> ((R, V) log probabilities, each at most 0, and
        state). R is B at the first step and about B * beam_size later: the rows of a sentence stand
        together, in the sentences' order, and settled sentences leave.
    state: nest of arrays with B rows in dimension 0 (see `reorder`), or None.
    bos: the first token to feed, one for all or (B,) one a row. eos: the token that ends a row.
    max_length: most steps, the end mark included, one number or (B,).
    length_penalty: alpha in score = log_prob / length**alpha; 0 ranks by probability.
    n_best: sequences returned a sentence, at most beam_size.
    forbid: tokens that are never produced (padding, unknown).

    A sequence ends when its end mark is among the `beam_size` best continuations. A sentence is
    settled when `beam_size` of its sequences have ended; or, earlier, when n_best have and none
    that has not can reach a better score within max_length (a bound, so nothing is lost); or at
    max_length, where what has not ended is kept, ranked below all that has.
    Of equally probable continuations that of the better sequence comes first, then the one with the
    smaller token.
    Returns for each sentence its n_best hypotheses (fewer if no more exist), best first, all
    different. They depend on no other sentence. Raises ShapeError, OptionError, and InputError if
    a sentence has no sequence of probability above 0.
    Source: Graves 2012, Sequence Transduction with Recurrent Neural Networks (search); Wu et al.
    2016, Google's Neural Machine Translation System, section 7 (length normalization).

    >>> log_probs = np.log([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2]])
    >>> chain = lambda tokens, state: (log_probs[tokens], state)
    >>> found = beam(chain, None, batch_size=1, bos=1, eos=2, max_length=4, n_best=2)
    >>> [h.tokens for h in found[0]]
    [[0], [1, 0]]
    """
    _check_sizes(beam_size, n_best)
    check_length_penalty(length_penalty)
    tokens, limit = start(
        state, batch_size=batch_size, bos=bos, eos=eos, max_length=max_length, forbid=forbid
    )
    advance = Stepper(step, eos=eos, forbid=forbid)
    results = _Results(
        batch_size, beam_size=beam_size, n_best=n_best, length_penalty=length_penalty
    )
    beams: _Beams | None = None
    while True:
        log_probs, state = advance(tokens, state)
        beams = beams or _first_beams(limit, log_probs)
        candidates = _expand(beams, log_probs, beam_size)
        _finish(results, beams, candidates, beam_size=beam_size, eos=eos)
        beams, rows = _prune(beams, candidates, beam_size=beam_size, eos=eos)
        beams, rows = _drop_settled(results, beams, rows)
        if not beams.sentences:
            return results.best()
        tokens, state = beams.tokens[:, :, -1].ravel(), reorder(state, rows.ravel())


def _first_beams(limit: np.ndarray, log_probs: np.ndarray) -> _Beams:
    """One empty sequence a sentence."""
    tokens = np.empty((len(limit), 1, 0), dtype=np.int64)
    sums = np.zeros((len(limit), 1), dtype=log_probs.dtype)
    return _Beams(list(range(len(limit))), limit, tokens, sums)


def _expand(beams: _Beams, log_probs: np.ndarray, beam_size: int) -> _Candidates:
    """The best continuations, enough of them to leave `beam_size` that are no end marks."""
    sentences, width = beams.log_prob.shape
    vocab_size = log_probs.shape[1]
    total = beams.log_prob[:, :, None] + log_probs.reshape(sentences, width, vocab_size)
    total = total.reshape(sentences, width * vocab_size)
    best = largest(total, min(2 * beam_size, total.shape[1]))
    return _Candidates(
        np.take_along_axis(total, best, axis=1), best // vocab_size, best % vocab_size
    )


def _finish(
    results: _Results, beams: _Beams, candidates: _Candidates, *, beam_size: int, eos: int
) -> None:
    """Hand in the sequences whose end mark is among the best `beam_size` continuations."""
    ended = (candidates.token == eos) & (candidates.log_prob > -np.inf)
    sentence, place = np.nonzero(ended[:, :beam_size])
    sequences = beams.tokens[sentence, candidates.parent[sentence, place]]
    log_probs = candidates.log_prob[sentence, place]
    for row, tokens, log_prob in zip(
        sentence.tolist(), sequences.tolist(), log_probs.tolist(), strict=True
    ):
        results.add(beams.sentences[row], tokens, log_prob, finished=True)


def _prune(
    beams: _Beams, candidates: _Candidates, *, beam_size: int, eos: int
) -> tuple[_Beams, np.ndarray]:
    """The best continuations that have not ended, and (S, w) the state's row of each."""
    is_end = candidates.token == eos
    width = min(beam_size, int((~is_end).sum(axis=1).min()))
    # A stable sort of the flags moves the end marks behind the others and keeps both in order.
    order = is_end.argsort(axis=1, kind="stable")[:, :width]
    log_prob, parent, token = (np.take_along_axis(one, order, axis=1) for one in candidates)
    sentence = np.arange(len(parent))[:, None]
    tokens = np.concatenate([beams.tokens[sentence, parent], token[:, :, None]], axis=2)
    rows = sentence * beams.log_prob.shape[1] + parent
    return beams._replace(tokens=tokens, log_prob=log_prob), rows


def _drop_settled(results: _Results, beams: _Beams, rows: np.ndarray) -> tuple[_Beams, np.ndarray]:
    """Only the sentences that still search; what is at its limit is handed in as it stands."""
    length = beams.tokens.shape[2]
    limits, best = beams.limit.tolist(), beams.log_prob[:, 0].tolist()
    kept = []
    for row, sentence in enumerate(beams.sentences):
        if results.settled(sentence, best[row], limits[row]):
            continue
        if limits[row] > length:
            kept.append(row)
        else:
            _hand_in_unfinished(results, beams, row)
    if len(kept) == len(beams.sentences):
        return beams, rows
    left = _Beams(
        [beams.sentences[row] for row in kept],
        beams.limit[kept],
        beams.tokens[kept],
        beams.log_prob[kept],
    )
    return left, rows[kept]


def _hand_in_unfinished(results: _Results, beams: _Beams, row: int) -> None:
    sequences, log_probs = beams.tokens[row].tolist(), beams.log_prob[row].tolist()
    for tokens, log_prob in zip(sequences, log_probs, strict=True):
        if log_prob > -np.inf:
            results.add(beams.sentences[row], tokens, log_prob, finished=False)


def _check_sizes(beam_size: int, n_best: int) -> None:
    if beam_size < 1:
        raise OptionError(f"beam_size={beam_size}, but at least one sequence must be kept.")
    if not 1 <= n_best <= beam_size:
        raise OptionError(
            f"n_best={n_best}, but it must be between 1 and beam_size={beam_size}. Raise "
            f"beam_size for more results."
        )
