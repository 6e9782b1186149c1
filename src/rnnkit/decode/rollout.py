"""Searches that keep one sequence a row: the most probable token each step, or a random one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnnkit.decode.hypothesis import Hypothesis
from rnnkit.decode.state import reorder
from rnnkit.decode.stepper import Step, Stepper, check_length_penalty, start
from rnnkit.errors import InputError, OptionError

__all__ = ["greedy", "sample"]


@torch.no_grad()
def greedy(
    step: Step,
    state: Any,
    *,
    batch_size: int,
    bos: int | Tensor,
    eos: int,
    max_length: int | Tensor,
    length_penalty: float = 1.0,
    forbid: Sequence[int] = (),
) -> list[Hypothesis]:
    """Take the most probable token at every step.

    step: ((R,) last tokens, state) -> ((R, V) log probabilities, state). A row leaves as soon as
        its sequence ends, so R shrinks from B on.
    state: nest of tensors with B rows in dimension 0 (see `reorder`), or None.
    bos: the first token to feed, one for all or (B,) one a row. eos: the token that ends a row.
    max_length: most steps, the end mark included, one number or (B,).
    forbid: tokens that are never produced (padding, unknown).
    Returns B hypotheses. Raises ShapeError, OptionError, and InputError if a row has no
    permitted token left.

    >>> log_probs = torch.tensor([[0.1, 0.2, 0.7], [0.6, 0.3, 0.1], [0.2, 0.6, 0.2]]).log()
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
        lambda log_probs: log_probs.argmax(1),
        tokens=tokens,
        limit=limit,
        eos=eos,
        length_penalty=length_penalty,
    )


@torch.no_grad()
def sample(
    step: Step,
    state: Any,
    *,
    batch_size: int,
    bos: int | Tensor,
    eos: int,
    max_length: int | Tensor,
    temperature: float = 1.0,
    top_k: int | None = None,
    top_p: float | None = None,
    generator: torch.Generator | None = None,
    length_penalty: float = 1.0,
    forbid: Sequence[int] = (),
) -> list[Hypothesis]:
    """Draw every token from the model's distribution, sharpened or cut as asked.

    temperature: p is proportional to exp(log_prob / temperature); towards 0 it becomes greedy.
    top_k: only the k most probable tokens. top_p: only the fewest most probable tokens that
        together reach this share (after temperature and top_k); at least one remains.
    generator: makes the draw repeatable. One stream of random numbers serves the whole batch, so
        what a row draws does depend on the rows beside it.
    The other arguments and the result are those of `greedy`; `log_prob` is the model's own, before
    temperature and cuts.
    Source: Holtzman et al. 2020, The Curious Case of Neural Text Degeneration (top_p).

    >>> fair = torch.tensor([0.5, 0.5, 0.0]).log()
    >>> coin = lambda tokens, state: (fair.expand(len(tokens), 3), state)
    >>> drawn = sample(coin, None, batch_size=1, bos=0, eos=2, max_length=8,
    ...                generator=torch.Generator().manual_seed(0))
    >>> set(drawn[0].tokens) <= {0, 1}, drawn[0].finished
    (True, False)
    """
    check_length_penalty(length_penalty)
    _check_sampling(temperature, top_k, top_p)
    tokens, limit = start(
        state, batch_size=batch_size, bos=bos, eos=eos, max_length=max_length, forbid=forbid
    )

    def pick(log_probs: Tensor) -> Tensor:
        weights = _probabilities(log_probs, temperature=temperature, top_k=top_k, top_p=top_p)
        return torch.multinomial(weights, 1, generator=generator)[:, 0]

    return _roll_out(
        Stepper(step, eos=eos, forbid=forbid),
        state,
        pick,
        tokens=tokens,
        limit=limit,
        eos=eos,
        length_penalty=length_penalty,
    )


def _roll_out(
    step: Stepper,
    state: Any,
    pick: Callable[[Tensor], Tensor],
    *,
    tokens: Tensor,
    limit: Tensor,
    eos: int,
    length_penalty: float,
) -> list[Hypothesis]:
    """Extend every row by what `pick` takes of (R, V) log probabilities, until it ends."""
    batch_size, longest = len(tokens), int(limit.max())
    written = tokens.new_full((batch_size, longest), eos)
    lengths = limit.clone()  # tokens before the end mark; a row that never ends fills its limit
    finished = torch.zeros_like(limit, dtype=torch.bool)
    sums = torch.zeros(batch_size, dtype=torch.float64, device=tokens.device)
    rows = torch.arange(batch_size, device=tokens.device)
    for t in range(longest):
        log_probs, state = step(tokens, state)
        tokens = _permitted(log_probs, pick)
        sums[rows] += log_probs.gather(1, tokens[:, None])[:, 0]
        written[rows, t] = tokens
        ended = tokens == eos
        lengths[rows[ended]] = t
        finished[rows[ended]] = True
        going = (~ended & (limit[rows] > t + 1)).nonzero()[:, 0]
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


def _permitted(log_probs: Tensor, pick: Callable[[Tensor], Tensor]) -> Tensor:
    if bool((log_probs.amax(1) == -torch.inf).any()):
        raise InputError(
            "step gave every permitted token probability 0 in some row. Permit more tokens "
            "(forbid), or check the model."
        )
    return pick(log_probs)


def _probabilities(
    log_probs: Tensor, *, temperature: float, top_k: int | None, top_p: float | None
) -> Tensor:
    """(R, V) -> (R, V) what to draw from."""
    # The largest becomes 0 first, and the divisor stays above 0 in the tensor's own precision, so
    # that no temperature however small makes infinity or 0 / 0 of it.
    divisor = max(temperature, torch.finfo(log_probs.dtype).tiny)
    scaled = (log_probs - log_probs.amax(1, keepdim=True)) / divisor
    if top_k is not None and top_k < scaled.shape[1]:
        kept = scaled.topk(top_k, dim=1)
        scaled = torch.full_like(scaled, -torch.inf).scatter(1, kept.indices, kept.values)
    weights = scaled.softmax(1)
    return weights if top_p is None else _nucleus(weights, top_p)


def _nucleus(weights: Tensor, top_p: float) -> Tensor:
    ordered, order = weights.sort(dim=1, descending=True, stable=True)
    before = ordered.cumsum(1) - ordered
    kept = ordered.masked_fill(before >= top_p, 0.0)
    return torch.zeros_like(weights).scatter(1, order, kept)


def _check_sampling(temperature: float, top_k: int | None, top_p: float | None) -> None:
    if not 0 < temperature < float("inf"):
        raise OptionError(
            f"temperature={temperature}, but it must be above 0. For the most probable token at "
            f"every step, call greedy."
        )
    if top_k is not None and top_k < 1:
        raise OptionError(f"top_k={top_k}, but at least one token must remain.")
    if top_p is not None and not 0 < top_p <= 1:
        raise OptionError(f"top_p={top_p}, but it is a share above 0 and at most 1.")
