"""Searches that keep one sequence a row: the most probable token each step, or a random one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from rnnkit.decode.hypothesis import Hypothesis
from rnnkit.decode.sampling import Sampler
from rnnkit.decode.state import reorder
from rnnkit.decode.stepper import Step, Stepper, check_length_penalty, start
from rnnkit.errors import InputError

__all__ = ["follow", "greedy", "sample"]

S = TypeVar("S")

Pick = Callable[[np.ndarray], np.ndarray]
"""(R, V) log probabilities -> (R,) tokens."""


def greedy(
    step: Step[S],
    state: S,
    *,
    batch_size: int,
    bos: ArrayLike,
    eos: int,
    max_length: ArrayLike,
    length_penalty: float = 1.0,
    forbid: Sequence[int] = (),
) -> list[Hypothesis]:
    """Take the most probable token at every step.

    step: ((R,) last tokens, int64, and state) -> ((R, V) log probabilities, state). A row leaves as
        soon as its sequence ends, so R shrinks from B on.
    state: nest of arrays with B rows in dimension 0 (see `reorder`), or None.
    bos: the first token to feed, one for all or (B,) one a row. eos: the token that ends a row.
    max_length: most steps, the end mark included, one number or (B,).
    forbid: tokens that are never produced (padding, unknown).
    Returns B hypotheses. Raises ShapeError, OptionError, and InputError if a row has no
    permitted token left.

    >>> log_probs = np.log([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2]])
    >>> chain = lambda tokens, state: (log_probs[tokens], state)
    >>> greedy(chain, None, batch_size=1, bos=1, eos=2, max_length=9)[0].tokens
    [0]
    """
    check_length_penalty(length_penalty)
    tokens, limit = start(
        state, batch_size=batch_size, bos=bos, eos=eos, max_length=max_length, forbid=forbid
    )
    return _roll_out(
        Stepper(step, eos=eos, forbid=forbid),
        state,
        _most_probable,
        tokens=tokens,
        limit=limit,
        eos=eos,
        length_penalty=length_penalty,
    )


def sample(
    step: Step[S],
    state: S,
    *,
    batch_size: int,
    bos: ArrayLike,
    eos: int,
    max_length: ArrayLike,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: np.random.Generator | None = None,
    length_penalty: float = 1.0,
    forbid: Sequence[int] = (),
) -> list[Hypothesis]:
    """Draw every token from the model's distribution, sharpened or cut as asked.

    temperature: p is proportional to exp(log_prob / temperature); towards 0 it becomes greedy.
    top_k: only the k most probable tokens. top_p: only the fewest most probable tokens that
        together reach this share (after temperature and top_k); at least one remains.
    generator: makes the draw repeatable; None: a new one. One stream of random numbers serves the
        whole batch, so what a row draws does depend on the rows beside it.
    The other arguments and the result are those of `greedy`; `log_prob` is the model's own, before
    temperature and cuts.
    Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration (top_p).

    >>> fair = np.array([np.log(0.5), np.log(0.5), -np.inf])
    >>> coin = lambda tokens, state: (np.tile(fair, (len(tokens), 1)), state)
    >>> drawn = sample(coin, None, batch_size=1, bos=0, eos=2, max_length=8,
    ...                generator=np.random.default_rng(0))
    >>> set(drawn[0].tokens) <= {0, 1}, drawn[0].finished
    (True, False)
    """
    check_length_penalty(length_penalty)
    pick = Sampler(temperature=temperature, top_k=top_k, top_p=top_p, generator=generator)
    tokens, limit = start(
        state, batch_size=batch_size, bos=bos, eos=eos, max_length=max_length, forbid=forbid
    )
    return _roll_out(
        Stepper(step, eos=eos, forbid=forbid),
        state,
        pick,
        tokens=tokens,
        limit=limit,
        eos=eos,
        length_penalty=length_penalty,
    )


def follow(
    step: Step[S],
    state: S,
    *,
    bos: ArrayLike,
    eos: int | None,
    max_length: int,
    pick: Pick | None = None,
    forbid: Sequence[int] = (),
) -> Iterator[int]:
    """One sequence token by token, each given as soon as it is known.

    step: ((1,) last token, state) -> ((1, V) log probabilities, state). bos: the first token to
        feed. eos: the token that ends the sequence, and is not given; None goes on to max_length.
    pick: (1, V) log probabilities -> (1,) token, such as a `Sampler`; None takes the most probable.
    forbid: tokens that are never produced (padding, unknown).
    Raises ShapeError, OptionError and InputError when the first token is asked for.

    >>> log_probs = np.log([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2]])
    >>> chain = lambda tokens, state: (log_probs[tokens], state)
    >>> list(follow(chain, None, bos=2, eos=None, max_length=4))
    [1, 0, 2, 1]
    """
    end = -1 if eos is None else eos
    token, _ = start(
        state, batch_size=1, bos=bos, eos=max(end, 0), max_length=max_length, forbid=forbid
    )
    advance = Stepper(step, eos=end, forbid=forbid)
    for _ in range(max_length):
        log_probs, state = advance(token, state)
        token = _permitted(log_probs, pick or _most_probable)
        if token[0] == end:
            return
        yield int(token[0])


def _most_probable(log_probs: np.ndarray) -> np.ndarray:
    """The first of equals."""
    tokens: np.ndarray = log_probs.argmax(axis=1)
    return tokens


def _roll_out(
    step: Stepper[S],
    state: S,
    pick: Pick,
    *,
    tokens: np.ndarray,
    limit: np.ndarray,
    eos: int,
    length_penalty: float,
) -> list[Hypothesis]:
    """Extend every row by what `pick` takes of (R, V) log probabilities, until it ends."""
    written = np.full((len(tokens), limit.max()), eos)
    lengths = limit.copy()  # tokens before the end mark; a row that never ends fills its limit
    finished = np.zeros(len(tokens), dtype=bool)
    sums = np.zeros(len(tokens))
    rows = np.arange(len(tokens))
    for t in range(written.shape[1]):
        log_probs, state = step(tokens, state)
        tokens = _permitted(log_probs, pick)
        sums[rows] += log_probs[np.arange(len(rows)), tokens]
        written[rows, t] = tokens
        ended = tokens == eos
        lengths[rows[ended]] = t
        finished[rows[ended]] = True
        going = np.flatnonzero(~ended & (limit[rows] > t + 1))
        if len(going) == 0:
            break
        if len(going) < len(rows):
            rows, tokens, state = rows[going], tokens[going], reorder(state, going)
    return [
        Hypothesis.from_sum(row[:n], total, finished=done, length_penalty=length_penalty)
        for row, n, total, done in zip(
            written.tolist(), lengths.tolist(), sums.tolist(), finished.tolist(), strict=True
        )
    ]


def _permitted(log_probs: np.ndarray, pick: Pick) -> np.ndarray:
    if (log_probs.max(axis=1) == -np.inf).any():
        raise InputError(
            "step gave every permitted token probability 0 in some row. Permit more tokens "
            "(forbid), or check the model."
        )
    return pick(log_probs)
