"""Number series to scaled float arrays, and id sequences to id columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rnnkit.errors import InputError

__all__ = ["IdVectorizer", "SeriesVectorizer", "used_steps"]


def used_steps(sequence: Any) -> slice:
    """The steps between the padding at either end: NaN in a series, 0 among integer ids.

    >>> used_steps([0, 0, 5, 3, 0]), used_steps([float("nan"), 1.0])
    (slice(2, 4, None), slice(1, 2, None))
    """
    array = np.asarray(sequence)
    if array.dtype.kind in "iu":
        used = array != 0
    else:
        used = ~np.isnan(array.astype(np.float64))
    (steps,) = np.nonzero(used if used.ndim < 2 else used.any(axis=1))
    return slice(int(steps[0]), int(steps[-1]) + 1) if steps.size else slice(0, 0)


class SeriesVectorizer:
    """Series (T,) or (T, F) to float32 arrays (T, F) with mean 0 and deviation 1 a feature.

    The scale comes from the series it is fitted on and from nothing else. Steps at either end
    whose features are all NaN are padding and are cut off; any other NaN, and infinity, is refused.

    >>> vectorizer = SeriesVectorizer().fit([[0.0, 2.0]])
    >>> vectorizer.transform([[float("nan"), 2.0, 0.0]])[0].ravel().tolist()
    [1.0, -1.0]
    """

    def __init__(self, *, scale: bool = True) -> None:
        self.scale = scale
        self.mean: np.ndarray | None = None
        self.deviation: np.ndarray | None = None

    def fit(self, series: Iterable[Any]) -> SeriesVectorizer:
        """Learn the number of features, and each one's mean and deviation."""
        arrays = [_valid_steps(i, one) for i, one in enumerate(series)]
        widths = sorted({array.shape[1] for array in arrays})
        if len(widths) != 1:
            raise InputError(
                f"every series needs the same number of features a step, but these have "
                f"{', '.join(map(str, widths))}."
            )
        steps = np.concatenate(arrays)
        self.mean = steps.mean(axis=0) if self.scale else np.zeros(widths[0])
        deviation = steps.std(axis=0) if self.scale else np.ones(widths[0])
        # A constant feature tells nothing: it becomes 0 instead of a division by (almost) zero.
        tiny = deviation <= 1e-12 * np.maximum(np.abs(self.mean), 1e-30)
        self.deviation = np.where(tiny, 1.0, deviation)
        return self

    @property
    def num_features(self) -> int:
        """F, features a step."""
        if self.mean is None:
            raise InputError("this SeriesVectorizer is not fitted: call fit first.")
        return len(self.mean)

    def transform(self, series: Sequence[Any]) -> list[np.ndarray]:
        """(T, F) float32 for each series."""
        arrays = [_valid_steps(i, one) for i, one in enumerate(series)]
        for position, array in enumerate(arrays):
            if array.shape[1] != self.num_features:
                raise InputError(
                    f"series {position} has {array.shape[1]} features a step, but the model was "
                    f"fitted with {self.num_features}."
                )
        return [((array - self.mean) / self.deviation).astype(np.float32) for array in arrays]

    def get_config(self) -> dict[str, Any]:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        if self.mean is None or self.deviation is None:
            return {"scale": self.scale}
        return {
            "scale": self.scale,
            "mean": self.mean.tolist(),
            "deviation": self.deviation.tolist(),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> SeriesVectorizer:
        """The vectorizer that `get_config` described."""
        vectorizer = cls(scale=config["scale"])
        if "mean" in config:
            vectorizer.mean = np.asarray(config["mean"])
            vectorizer.deviation = np.asarray(config["deviation"])
        return vectorizer


class IdVectorizer:
    """Sequences of ids that were made elsewhere, such as by `Tokenizer` and `pad_sequences`.

    Index 0 is padding, as in Keras: zeros at either end are cut off. A sequence of nothing but
    zeros keeps one of them. An id above the largest of the fit becomes 1, the unknown.

    >>> IdVectorizer().fit([[0, 0, 3, 2]]).transform([[0, 2, 0, 9, 0]])[0].ravel().tolist()
    [2, 0, 1]
    """

    def __init__(self, *, size: int = 2) -> None:
        self.size = size

    def fit(self, sequences: Iterable[Any]) -> IdVectorizer:
        """Learn the largest id."""
        rows = (_ids(i, one) for i, one in enumerate(sequences))
        largest = max((int(row.max()) for row in rows), default=1)
        self.size = max(largest + 1, 2)
        return self

    @property
    def sizes(self) -> list[int]:
        """Indices of the one column: the size of its embedding."""
        return [self.size]

    def rare(self) -> list[int]:
        """No counts are kept, so no id is known to be rare."""
        return []

    def transform(self, sequences: Sequence[Any]) -> list[np.ndarray]:
        """(T, 1) int64 for each sequence."""
        rows = [_ids(i, one) for i, one in enumerate(sequences)]
        return [np.where(row < self.size, row, 1)[:, None] for row in rows]

    def get_config(self) -> dict[str, Any]:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {"size": self.size}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> IdVectorizer:
        """The vectorizer that `get_config` described."""
        return cls(**config)


def _ids(position: int, sequence: Any) -> np.ndarray:
    array = np.asarray(sequence)
    if array.ndim != 1 or array.size == 0 or not np.issubdtype(array.dtype, np.integer):
        raise InputError(
            f"sequence {position} should be a non-empty 1-D row of integer ids, but it has shape "
            f"{array.shape} and type {array.dtype}."
        )
    if array.min() < 0:
        raise InputError(f"sequence {position} has the id {array.min()}, but ids start at 0.")
    used = array[used_steps(array)].astype(np.int64)
    return used if used.size else np.zeros(1, np.int64)


def _valid_steps(position: int, series: Any) -> np.ndarray:
    """(T, F) float64 without the NaN steps at either end."""
    try:
        array = np.asarray(series, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"series {position} is not made of numbers: {error}.") from None
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim != 2 or array.shape[1] == 0:
        raise InputError(
            f"series {position} has shape {np.shape(series)}; expected (steps,) or "
            f"(steps, features)."
        )
    steps = used_steps(array)
    array = array[steps]
    if not len(array):
        raise InputError(f"series {position} has no step with a value: leave it out.")
    if not np.isfinite(array).all():
        step = int(steps.start + np.nonzero(~np.isfinite(array).all(axis=1))[0][0])
        raise InputError(
            f"series {position} holds NaN or infinity at step {step}. Fill in missing values "
            f"first; NaN is allowed only as padding at either end."
        )
    return array
