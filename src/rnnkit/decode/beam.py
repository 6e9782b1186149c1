"""Beam search: the best few sequences at every step, for all sentences of a batch at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnkit.decode.hypothesis import Hypothesis
from rnnkit.decode.state import reorder
from rnnkit.decode.stepper import Step, Stepper, check_length_penalty, start
from rnnkit.errors import InputError, OptionError

__all__ = ["beam"]


class _Beams(NamedTuple):
    """S sentences that still search, each with w unended sequences, best first."""

    sentences: list[int]  # where each of the S stands in the caller's batch
    limit: Tensor  # (S,) most steps
    tokens: Tensor  # (S, w, t) what each sequence has produced
    log_prob: Tensor  # (S, w), minus infinity where there is no such sequence


class _Candidates(NamedTuple):
    """The n best continuations of each sentence's sequences, best first."""

    log_prob: Tensor  # (S, n)
    parent: Tensor  # (S, n) which of the w sequences is continued
    token: Tensor  # (S, n)


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
        if len(found) >= self._beam_size or best_log_prob == -torch.inf:
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


@torch.no_grad()
def beam(
    step: Step,
    state: Any,
    *,
    batch_size: int,
    bos: int | Tensor,
    eos: int,
    max_length: int | Tensor,
    beam_size: int = 5,
    length_penalty: float = 1.0,
    n_best: int = 1,
    forbid: Sequence[int] = (),
) -> list[list[Hypothesis]]:
    """Keep the `beam_size` most probable unended sequences of each sentence at every step.

    step: ((R,) last tokens, state) -> ((R, V) log probabilities, each at most 0, and state). R is
        B at the first step and about B * beam_size later; settled sentences leave.
    state: nest of tensors with B rows in dimension 0 (see `reorder`), or None.
    bos: the first token to feed, one for all or (B,) one a row. eos: the token that ends a row.
    max_length: most steps, the end mark included, one number or (B,).
    length_penalty: alpha in score = log_prob / length**alpha; 0 ranks by probability.
    n_best: sequences returned a sentence, at most beam_size.
    forbid: tokens that are never produced (padding, unknown).

    A sequence ends when its end mark is among the `beam_size` best continuations. A sentence is
    settled when `beam_size` of its sequences have ended; or, earlier, when n_best have and none
    that has not can reach a better score within max_length (a bound, so nothing is lost); or at
    max_length, where what has not ended is kept, ranked below all that has.
    Returns for each sentence its n_best hypotheses (fewer if no more exist), best first, all
    different. They depend on no other sentence. Raises ShapeError, OptionError, and InputError if
    a sentence has no sequence of probability above 0.
    Source: Graves 2012, Sequence Transduction with Recurrent Neural Networks (search); Wu et al.
    2016, Google's Neural Machine Translation System, section 7 (length normalization).

    >>> log_probs = torch.tensor([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2]]).log()
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
        tokens, state = beams.tokens[:, :, -1].flatten(), reorder(state, rows.flatten())


def _first_beams(limit: Tensor, log_probs: Tensor) -> _Beams:
    """One empty sequence a sentence."""
    tokens = limit.new_empty(len(limit), 1, 0)
    return _Beams(list(range(len(limit))), limit, tokens, log_probs.new_zeros(len(limit), 1))


def _expand(beams: _Beams, log_probs: Tensor, beam_size: int) -> _Candidates:
    """The best continuations, enough of them to leave `beam_size` that are no end marks."""
    sentences, width = beams.log_prob.shape
    vocab_size = log_probs.shape[1]
    total = beams.log_prob[:, :, None] + log_probs.view(sentences, width, vocab_size)
    count = min(2 * beam_size, width * vocab_size)
    best = total.view(sentences, width * vocab_size).topk(count, dim=1)
    return _Candidates(best.values, best.indices // vocab_size, best.indices % vocab_size)


def _finish(
    results: _Results, beams: _Beams, candidates: _Candidates, *, beam_size: int, eos: int
) -> None:
    """Hand in the sequences whose end mark is among the best `beam_size` continuations."""
    ended = (candidates.token == eos) & (candidates.log_prob > -torch.inf)
    sentence, place = ended[:, :beam_size].nonzero(as_tuple=True)
    sequences = beams.tokens[sentence, candidates.parent[sentence, place]]
    log_probs = candidates.log_prob[sentence, place]
    for row, tokens, log_prob in zip(
        sentence.tolist(), sequences.tolist(), log_probs.tolist(), strict=True
    ):
        results.add(beams.sentences[row], tokens, log_prob, finished=True)


def _prune(
    beams: _Beams, candidates: _Candidates, *, beam_size: int, eos: int
) -> tuple[_Beams, Tensor]:
    """The best continuations that have not ended, and (S, w) the state's row of each."""
    is_end = candidates.token == eos
    # A stable sort of the flags moves the end marks behind the others and keeps both in order.
    order = is_end.to(torch.uint8).argsort(dim=1, stable=True)
    width = min(beam_size, int((~is_end).sum(1).min()))
    order = order[:, :width]
    parent = candidates.parent.gather(1, order)
    token = candidates.token.gather(1, order)
    log_prob = candidates.log_prob.gather(1, order)
    sentence = torch.arange(len(parent), device=parent.device)[:, None]
    tokens = torch.cat([beams.tokens[sentence, parent], token[:, :, None]], dim=2)
    rows = sentence * beams.log_prob.shape[1] + parent
    return beams._replace(tokens=tokens, log_prob=log_prob), rows


def _drop_settled(results: _Results, beams: _Beams, rows: Tensor) -> tuple[_Beams, Tensor]:
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
    index = torch.tensor(kept, dtype=torch.long, device=rows.device)
    left = _Beams(
        [beams.sentences[row] for row in kept],
        *(tensor[index] for tensor in (beams.limit, beams.tokens, beams.log_prob)),
    )
    return left, rows[index]


def _hand_in_unfinished(results: _Results, beams: _Beams, row: int) -> None:
    sequences, log_probs = beams.tokens[row].tolist(), beams.log_prob[row].tolist()
    for tokens, log_prob in zip(sequences, log_probs, strict=True):
        if log_prob > -torch.inf:
            results.add(beams.sentences[row], tokens, log_prob, finished=False)


def _check_sizes(beam_size: int, n_best: int) -> None:
    if beam_size < 1:
        raise OptionError(f"beam_size={beam_size}, but at least one sequence must be kept.")
    if not 1 <= n_best <= beam_size:
        raise OptionError(
            f"n_best={n_best}, but it must be between 1 and beam_size={beam_size}. Raise "
            f"beam_size for more results."
        )
