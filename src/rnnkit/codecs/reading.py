"""What a user hands over, sorted by kind and checked before anything is learnt."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from rnnkit.errors import InputError, check_option
from rnnkit.options.names import INPUTS

__all__ = ["read_like", "read_numbers", "read_sequences", "read_texts", "required"]

Text = str | Sequence[str]


def read_sequences(X: object, inputs: str = "auto", name: str = "X") -> tuple[str, list[Any]]:
    """The kind of X ("text", "tokens", "series" or "ids") and its sequences as a list.

    "auto" takes strings as text, lists of strings as tokens, and numbers as series: a 2-D array
    holds one univariate series a row, a 3-D array one multivariate series (steps, features) each.
    name: what the errors call it.

    >>> read_sequences(["good", "bad"])[0], read_sequences([["good", "film"]])[0]
    ('text', 'tokens')
    """
    check_option("inputs", inputs, INPUTS)
    if hasattr(X, "toarray"):
        raise InputError(
            f"{name} is a sparse matrix, but dense data is required: give {name}.toarray()."
        )
    if isinstance(X, str | bytes | dict):
        raise InputError(
            f"{name} is one {type(X).__name__}, but a list of sequences is expected: put it in a "
            f"list."
        )
    sequences = _as_list(X, name)
    if not sequences:
        raise InputError(f"{name} holds 0 sequences (0 samples), but at least one is needed.")
    kind = _kind(sequences) if inputs == "auto" else inputs
    _check_kind(sequences, kind, name)
    if kind == "tokens":
        sequences = [list(tokens) for tokens in sequences]
    return kind, sequences


def read_like(X: object, fitted: str) -> tuple[str, list[Any]]:
    """The kind of X and its sequences, for a model that was fitted on that kind.

    A model of texts reads strings and token lists alike; the others read their own kind only.
    """
    kind, sequences = read_sequences(X, "auto" if fitted == "text" else fitted)
    if fitted == "text" and kind == "series":
        raise InputError(
            f"X[0] is {sequences[0]!r:.60}, but the model was fitted on text: give strings or "
            f"lists of tokens."
        )
    return kind, sequences


def read_numbers(row: object) -> np.ndarray:
    """A series (T,) or (T, K) as float64. Raises InputError for anything else."""
    try:
        return np.asarray(row, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"a series is not made of numbers: {error}.") from None


def read_texts(X: object, name: str) -> list[Text]:
    """Texts or token lists, or an InputError that names the one that is not."""
    kind, sequences = read_sequences(X, name=name)
    if kind not in ("text", "tokens"):
        raise InputError(f"{name} should hold texts (strings or lists of tokens), not numbers.")
    return sequences


def required(y: object, estimator: str, what: str) -> None:
    """Refuse to learn without targets. what: one target, in words."""
    if y is None:
        raise InputError(f"{estimator} requires y to be passed, but the target y is None: {what}.")


def _as_list(X: object, name: str) -> list[Any]:
    if hasattr(X, "to_numpy"):
        X = X.to_numpy()
    elif hasattr(X, "__array__"):
        X = np.asarray(X)
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1 and _holds_text(X.ravel()):
        X = X.ravel()
    if isinstance(X, np.ndarray) and (_holds_text(X.ravel()) or (X.ndim, X.dtype) == (1, object)):
        values: list[Any] = X.tolist()
        return values
    if isinstance(X, np.ndarray):
        return list(_numeric_array(X, name))
    if not isinstance(X, Iterable):
        raise InputError(f"{name} is a {type(X).__name__}, but a list of sequences is expected.")
    return list(X)


def _holds_text(X: np.ndarray) -> bool:
    return X.dtype.kind in "UT" or (X.dtype == object and X.size > 0 and isinstance(X[0], str))


def _numeric_array(X: np.ndarray, name: str) -> np.ndarray:
    """An array of one series a row, of whole numbers or of floats."""
    if X.dtype.kind == "c":
        raise InputError(f"Complex data not supported: {name} has {X.dtype}. Give X.real, or both.")
    if X.ndim < 2:
        raise InputError(
            f"Expected 2D array, got {X.ndim}D array instead: {name} has shape {X.shape}. Reshape "
            f"your data using array.reshape(-1, 1) if each number is a series of one step, or "
            f"array.reshape(1, -1) if it is one series."
        )
    if X.shape[0] and 0 in X.shape:
        raise InputError(
            f"{name} has 0 feature(s) (shape={X.shape}) while a minimum of 1 is required."
        )
    if X.dtype.kind in "iu":
        return X
    try:
        return X.astype(np.float64, copy=False)
    except (TypeError, ValueError) as error:
        raise InputError(f"{name} is not made of numbers: {error}.") from None


def _kind(sequences: list[Any]) -> str:
    first = sequences[0]
    if isinstance(first, str):
        return "text"
    if isinstance(first, np.ndarray):
        return "tokens" if first.dtype.kind in "UT" else "series"
    # Nothing but empty sequences can only be sentences: a series needs a step.
    elements = next((s for s in sequences if not hasattr(s, "__len__") or len(s)), [""])
    if isinstance(elements, Sequence) and isinstance(elements[0], str):
        return "tokens"
    return "series"


def _check_kind(sequences: list[Any], kind: str, name: str) -> None:
    if kind == "text":
        _check_each(sequences, lambda one: isinstance(one, str), "a string", name)
    if kind == "tokens":
        _check_each(
            sequences,
            lambda one: not isinstance(one, str) and all(isinstance(t, str) for t in one),
            "a list of strings",
            name,
        )


def _check_each(
    sequences: list[Any], fits: Callable[[Any], bool], expected: str, name: str
) -> None:
    for position, one in enumerate(sequences):
        try:
            good = fits(one)
        except TypeError:
            good = False
        if not good:
            raise InputError(
                f"{name}[{position}] is {one!r:.60} ({type(one).__name__}), but {expected} is "
                f"expected like the sequences before it."
            )
