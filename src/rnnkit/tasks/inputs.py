"""What a user hands to an estimator, sorted by kind and checked before anything is learnt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_array, validate_data

from rnnkit.errors import InputError, check_option

__all__ = ["INPUTS", "check_columns", "read_like", "read_sequences", "read_texts"]

INPUTS = ("auto", "text", "tokens", "series", "ids")


def read_sequences(X: Any, inputs: str = "auto", name: str = "X") -> tuple[str, list[Any]]:
    """The kind of X ("text", "tokens", "series" or "ids") and its sequences as a list.

    "auto" takes strings as text, lists of strings as tokens, and numbers as series: a 2-D array
    holds one univariate series a row, a 3-D array one multivariate series (steps, features) each.
    name: what the errors call it.

    >>> read_sequences(["good", "bad"])[0], read_sequences([["good", "film"]])[0]
    ('text', 'tokens')
    """
    check_option("inputs", inputs, INPUTS)
    if hasattr(X, "toarray"):
        check_array(X, accept_sparse=False)  # raises scikit-learn's own explanation
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


def read_like(X: Any, fitted: str) -> tuple[str, list[Any]]:
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


def check_columns(estimator: BaseEstimator, X: Any, *, reset: bool) -> None:
    """Hold a table of series (one a row) against the columns of the fit, as scikit-learn does.

    reset: True in `fit`, which only notes them. Series of other lengths come in a list.
    """
    if reset and isinstance(X, list) and len(shapes := {np.shape(one) for one in X}) == 1:
        X = np.empty((len(X), *shapes.pop()))  # a table too, as scikit-learn sees it
    if len(getattr(X, "shape", ())) != 2:
        return
    try:
        validate_data(estimator, X, reset=reset, skip_check_array=True)
    except ValueError as error:
        raise InputError(f"{error} For series of other lengths give a list of them.") from None


def read_texts(X: Any, name: str) -> list[str | Sequence[str]]:
    """Texts or token lists, or an InputError that names the one that is not."""
    kind, sequences = read_sequences(X, name=name)
    if kind not in ("text", "tokens"):
        raise InputError(f"{name} should hold texts (strings or lists of tokens), not numbers.")
    return sequences


def _as_list(X: Any, name: str) -> list[Any]:
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
        return list(_numeric_array(X))
    if not isinstance(X, Iterable):
        raise InputError(f"{name} is a {type(X).__name__}, but a list of sequences is expected.")
    return list(X)


def _holds_text(X: np.ndarray) -> bool:
    return X.dtype.kind in "UT" or (X.dtype == object and X.size > 0 and isinstance(X[0], str))


def _numeric_array(X: np.ndarray) -> np.ndarray:
    checked: np.ndarray = check_array(
        X,
        dtype="numeric" if X.dtype.kind in "iu" else np.float64,
        ensure_all_finite="allow-nan",
        allow_nd=True,
    )
    return checked


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


def _check_each(sequences: list[Any], fits: Any, expected: str, name: str) -> None:
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
