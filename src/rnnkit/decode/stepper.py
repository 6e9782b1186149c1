"""What every search shares: the checks at its start, and one checked call of `step`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Generic, TypeAlias, TypeVar

import numpy as np
from numpy.typing import ArrayLike

from rnnkit.decode.state import check_rows
from rnnkit.errors import InputError, OptionError, ShapeError

__all__ = ["Step", "Stepper", "check_length_penalty", "start"]

S = TypeVar("S")

Step: TypeAlias = Callable[[np.ndarray, S], tuple[np.ndarray, S]]
"""((R,) last tokens, int64, and the state) -> ((R, V) log probabilities, and the new state).

What `numpy.asarray` takes will do too, such as a tensor on the CPU without a gradient.
"""


class Stepper(Generic[S]):
    """Calls `step`, checks what comes back, and takes the forbidden tokens out.

    step: ((R,) last tokens, state) -> ((R, V) log probabilities, state).
    """

    def __init__(self, step: Step[S], *, eos: int, forbid: Sequence[int]) -> None:
        self._step = step
        self._eos = eos
        self._forbidden = sorted(set(forbid))

    def __call__(self, tokens: np.ndarray, state: S) -> tuple[np.ndarray, S]:
        """(R, V) log probabilities, minus infinity at forbidden tokens, and the new state."""
        said, state = self._step(tokens, state)
        log_probs = _as_numpy(said)
        self._check(tokens, log_probs)
        if self._forbidden:
            log_probs = log_probs.copy()
            log_probs[:, self._forbidden] = -np.inf
        return log_probs, state

    def _check(self, tokens: np.ndarray, log_probs: np.ndarray) -> None:
        if log_probs.ndim != 2 or log_probs.shape[0] != tokens.shape[0]:
            raise ShapeError(
                f"step returned log_probs of shape {log_probs.shape}, but "
                f"({tokens.shape[0]}, V) was expected: one row for each of the tokens."
            )
        self._check_tokens(int(tokens.max()), log_probs.shape[1])
        if np.isnan(log_probs).any():
            raise InputError(
                "step returned log probabilities that are not a number. Check the model's weights "
                "and input for values that are not finite."
            )

    def _check_tokens(self, largest: int, vocab_size: int) -> None:
        used = {"bos": largest, "eos": self._eos, "forbid": max(self._forbidden, default=0)}
        for name, token in used.items():
            if token >= vocab_size:
                raise OptionError(
                    f"{name} holds token {token}, but step returned scores for {vocab_size} "
                    f"tokens. Give one of 0 to {vocab_size - 1}."
                )
        if len(self._forbidden) == vocab_size:
            raise OptionError(f"forbid holds all {vocab_size} tokens. Leave at least one.")


def start(
    state: object,
    *,
    batch_size: int,
    bos: ArrayLike,
    eos: int,
    max_length: ArrayLike,
    forbid: Sequence[int],
) -> tuple[np.ndarray, np.ndarray]:
    """Check a search's arguments; (B,) first tokens and (B,) most steps of each row."""
    if batch_size < 1:
        raise OptionError(f"batch_size={batch_size}, but a search needs at least one row.")
    check_rows(state, batch_size)
    if eos < 0 or min(forbid, default=0) < 0:
        raise OptionError(f"eos={eos} and forbid={list(forbid)}, but token ids start at 0.")
    return (
        _one_per_row("bos", bos, batch_size, smallest=0),
        _one_per_row("max_length", max_length, batch_size, smallest=1),
    )


def check_length_penalty(length_penalty: float) -> None:
    """Raise OptionError unless the exponent is a number of at least 0."""
    if not 0 <= length_penalty < float("inf"):
        raise OptionError(
            f"length_penalty={length_penalty}, but it must be at least 0: 0 ranks by probability "
            f"(short wins), 1 by the mean per token."
        )


def _as_numpy(log_probs: ArrayLike) -> np.ndarray:
    try:
        return np.asarray(log_probs)
    except (TypeError, RuntimeError) as error:  # a tensor with a gradient, or on another device
        raise InputError(
            f"step returned log probabilities that numpy cannot read: {error} Run step without "
            f"gradients (torch.no_grad), and return them on the CPU."
        ) from error


def _one_per_row(name: str, value: ArrayLike, batch_size: int, *, smallest: int) -> np.ndarray:
    given = np.asarray(value)
    if given.dtype.kind not in "iu":
        raise ShapeError(f"{name} has dtype {given.dtype}, but whole numbers were expected.")
    if given.ndim > 1 or (given.ndim == 1 and len(given) != batch_size):
        raise ShapeError(
            f"{name} has shape {given.shape}, but one number or one for each of the "
            f"{batch_size} rows was expected."
        )
    if given.min() < smallest:
        raise OptionError(f"{name} holds {given.min()}, but it must be at least {smallest}.")
    return np.broadcast_to(given, batch_size).astype(np.int64)
