"""What every search shares: the checks at its start, and one checked call of `step`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from rnnkit.decode.state import check_rows, device_of
from rnnkit.errors import InputError, OptionError, ShapeError

__all__ = ["Step", "Stepper", "check_length_penalty", "start"]

Step = Callable[[Tensor, Any], tuple[Tensor, Any]]


class Stepper:
    """Calls `step`, checks what comes back, and takes the forbidden tokens out.

    step: ((R,) last tokens, state) -> ((R, V) log probabilities, state).
    """

    def __init__(self, step: Step, *, eos: int, forbid: Sequence[int]) -> None:
        self._step = step
        self._eos = eos
        self._forbidden = sorted(set(forbid))

    def __call__(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """(R, V) log probabilities, minus infinity at forbidden tokens, and the new state."""
        log_probs, state = self._step(tokens, state)
        self._check(tokens, log_probs)
        if self._forbidden:
            forbidden = torch.tensor(self._forbidden, device=log_probs.device)
            log_probs = log_probs.index_fill(1, forbidden, -torch.inf)
        return log_probs, state

    def _check(self, tokens: Tensor, log_probs: Tensor) -> None:
        if log_probs.ndim != 2 or log_probs.shape[0] != tokens.shape[0]:
            raise ShapeError(
                f"step returned log_probs of shape {tuple(log_probs.shape)}, but "
                f"({tokens.shape[0]}, V) was expected: one row for each of the tokens."
            )
        vocab_size = log_probs.shape[1]
        used = {
            "bos": int(tokens.max()),
            "eos": self._eos,
            "forbid": max(self._forbidden, default=0),
        }
        for name, token in used.items():
            if token >= vocab_size:
                raise OptionError(
                    f"{name} holds token {token}, but step returned scores for {vocab_size} "
                    f"tokens. Give one of 0 to {vocab_size - 1}."
                )
        if len(self._forbidden) == vocab_size:
            raise OptionError(f"forbid holds all {vocab_size} tokens. Leave at least one.")
        if bool(log_probs.isnan().any()):
            raise InputError(
                "step returned log probabilities that are not a number. Check the model's weights "
                "and input for values that are not finite."
            )


def start(
    state: Any,
    *,
    batch_size: int,
    bos: int | Tensor,
    eos: int,
    max_length: int | Tensor,
    forbid: Sequence[int],
) -> tuple[Tensor, Tensor]:
    """Check a search's arguments; (B,) first tokens and (B,) most steps of each row."""
    if batch_size < 1:
        raise OptionError(f"batch_size={batch_size}, but a search needs at least one row.")
    check_rows(state, batch_size)
    if eos < 0 or min(forbid, default=0) < 0:
        raise OptionError(f"eos={eos} and forbid={list(forbid)}, but token ids start at 0.")
    device = device_of(state)
    tokens = _one_per_row("bos", bos, batch_size, smallest=0).to(device)
    return tokens, _one_per_row("max_length", max_length, batch_size, smallest=1).to(device)


def check_length_penalty(length_penalty: float) -> None:
    """Raise OptionError unless the exponent is a number of at least 0."""
    if not 0 <= length_penalty < float("inf"):
        raise OptionError(
            f"length_penalty={length_penalty}, but it must be at least 0: 0 ranks by probability "
            f"(short wins), 1 by the mean per token."
        )


def _one_per_row(name: str, value: int | Tensor, batch_size: int, *, smallest: int) -> Tensor:
    given = torch.as_tensor(value)
    if given.is_floating_point() or given.dtype == torch.bool:
        raise ShapeError(f"{name} has dtype {given.dtype}, but whole numbers were expected.")
    if given.ndim > 1 or (given.ndim == 1 and len(given) != batch_size):
        raise ShapeError(
            f"{name} has shape {tuple(given.shape)}, but one number or one for each of the "
            f"{batch_size} rows was expected."
        )
    if int(given.min()) < smallest:
        raise OptionError(f"{name} holds {int(given.min())}, but it must be at least {smallest}.")
    return given.to(torch.long).expand(batch_size)
