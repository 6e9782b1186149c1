"""Sequences of different lengths to one padded array, as Keras does it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from rnnkit.errors import InputError, OptionError, ShapeError, check_option

__all__ = ["pad_sequences"]

SIDES = ("pre", "post")


def pad_sequences(
    sequences: Sequence[Sequence[object] | np.ndarray],
    maxlen: int | None = None,
    dtype: npt.DTypeLike = "int32",
    padding: str = "pre",
    truncating: str = "pre",
    value: float | str = 0.0,
) -> np.ndarray:
    """Sequences in one array, short ones padded and long ones cut, both at the front by default.

    rnnkit's own networks take lengths and need no padding; this is for what does, and for code
    that comes from Keras.

    sequences: B sequences of (T_b, ...) values, whose shape after the first axis is the same.
    maxlen: T, the length of each row; None is that of the longest sequence.
    dtype: `object` for strings of any length.
    padding, truncating: "pre" or "post", the side at which to fill or to cut.
    value: what to fill with.
    Returns (B, T, ...).
    Raises an error that is a ValueError for anything that does not fit.

    >>> pad_sequences([[1, 2, 3], [4]], maxlen=2).tolist()
    [[2, 3], [0, 4]]
    >>> pad_sequences([[1, 2, 3], [4]], padding="post", value=-1).tolist()
    [[1, 2, 3], [4, -1, -1]]
    """
    if not hasattr(sequences, "__len__"):
        raise InputError(
            f"`sequences` must be a list of sequences, but {type(sequences).__name__} has no "
            f"length: make it a list."
        )
    lengths = _lengths(sequences)
    if maxlen is None:
        if not lengths:
            raise InputError("there is no sequence whose length could be `maxlen`: give maxlen.")
        maxlen = max(lengths)
    _check_value(value, dtype)
    shape = next(
        (np.asarray(s).shape[1:] for s, n in zip(sequences, lengths, strict=True) if n), ()
    )
    padded: np.ndarray = np.full((len(sequences), maxlen, *shape), value, dtype=dtype)
    for position, sequence in enumerate(sequences):
        if lengths[position]:
            check_option("truncating", truncating, SIDES)
            kept = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
            steps = _steps(kept, dtype, shape, position)
            check_option("padding", padding, SIDES)
            if padding == "post":
                padded[position, : len(steps)] = steps
            else:
                padded[position, -len(steps) :] = steps
    return padded


def _lengths(sequences: Iterable[Sequence[object] | np.ndarray]) -> list[int]:
    lengths = []
    for position, sequence in enumerate(sequences):
        try:
            lengths.append(len(sequence))
        except TypeError:
            raise InputError(
                f"`sequences` must be a list of sequences, but sequences[{position}] is "
                f"{sequence!r:.60}. One sequence alone goes into a list of its own."
            ) from None
    return lengths


def _check_value(value: float | str, dtype: npt.DTypeLike) -> None:
    # As in Keras, the name "object" is not accepted where the type `object` is.
    if isinstance(value, str) and dtype != object and not np.issubdtype(dtype, np.str_):  # noqa: E721
        raise OptionError(
            f"value={value!r} does not fit into dtype={dtype!r}: use dtype=object for strings."
        )


def _steps(kept: object, dtype: npt.DTypeLike, shape: tuple[int, ...], position: int) -> np.ndarray:
    steps = np.asarray(kept, dtype=dtype)
    if steps.shape[1:] != shape:
        raise ShapeError(
            f"a step of sequences[{position}] has shape {steps.shape[1:]}, but {shape} was "
            f"expected, as in the first sequence that is not empty."
        )
    return steps
