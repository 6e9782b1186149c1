"""Number series to scaled float arrays, and id sequences to id columns."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NotRequired, TypedDict

import numpy as np
import numpy.typing as npt

from rnnkit.errors import InputError, check_option

__all__ = ["MISSING", "SCALES", "IdVectorizer", "SeriesVectorizer", "carried_forward", "used_steps"]

SCALES = ("standard", "signed-log", "none")
MISSING = ("mask", "refuse")


def used_steps(sequence: npt.ArrayLike) -> slice:
    """The steps between the padding at either end: NaN in a series, 0 among integer ids.

    >>> used_steps([0, 0, 5, 3, 0]), used_steps([float("nan"), 1.0])
    (slice(2, 4, None), slice(1, 2, None))
    """
    array = np.asarray(sequence)
    if array.dtype.kind in "iu":
        used = array != 0
    else:
        used = ~np.isnan(_floats(array))
    (steps,) = np.nonzero(used if used.ndim < 2 else used.any(axis=1))
    return slice(int(steps[0]), int(steps[-1]) + 1) if steps.size else slice(0, 0)


def _floats(array: np.ndarray) -> np.ndarray:
    try:
        return array.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"a series is not made of numbers: {error}.") from None


class Config(TypedDict):
    """What a model file holds of a `SeriesVectorizer`."""

    scale: str
    missing: str
    mean: NotRequired[list[float]]
    deviation: NotRequired[list[float]]
    masked: NotRequired[list[bool]]


class IdConfig(TypedDict):
    """What a model file holds of an `IdVectorizer`."""

    size: int


class SeriesVectorizer:
    """Series (T,) or (T, F) to float32 arrays (T, F + M) with mean 0 and deviation 1 a feature.

    scale: "standard"; "signed-log", sign(x) log(1 + |x|) before that, for amounts that span orders
        of magnitude; or "none". The figures come from the series it is fitted on and from nothing
        else.
    missing: "mask" takes a NaN as the last value before it (the feature's mean where there is
        none), and for each of the M features that lack values in the fit adds one that is 1 where
        the value was missing (Lipton et al. 2016; Che et al. 2018, equation 4 without decay).
        "refuse" raises InputError.
    Steps at either end whose features are all NaN are padding and are cut off; infinity is refused.

    >>> vectorizer = SeriesVectorizer().fit([[0.0, float("nan"), 2.0]])
    >>> vectorizer.transform([[float("nan"), 2.0, float("nan"), 0.0]])[0].tolist()
    [[1.0, 0.0], [1.0, 1.0], [-1.0, 0.0]]
    """

    def __init__(self, *, scale: str = "standard", missing: str = "mask") -> None:
        check_option("scale", scale, SCALES)
        check_option("missing", missing, MISSING)
        self.scale, self.missing = scale, missing
        self.mean: np.ndarray | None = None
        self.deviation: np.ndarray | None = None
        self.masked = np.zeros(0, dtype=bool)

    def fit(self, series: Iterable[npt.ArrayLike]) -> SeriesVectorizer:
        """Learn the number of features, each one's mean and deviation, and which lack values."""
        arrays = [self._valid_steps(i, one) for i, one in enumerate(series)]
        widths = sorted({array.shape[1] for array in arrays})
        if len(widths) != 1:
            raise InputError(
                f"every series needs the same number of features a step, but these have "
                f"{', '.join(map(str, widths))}."
            )
        steps = np.concatenate(arrays)
        lacking = np.isnan(steps)
        if lacking.all(axis=0).any():
            column = int(np.flatnonzero(lacking.all(axis=0))[0])
            raise InputError(f"feature {column} has no value in any series: leave it out.")
        self.masked = lacking.any(axis=0)
        scales = self.scale != "none"
        self.mean = np.nanmean(steps, axis=0) if scales else np.zeros(widths[0])
        deviation = np.nanstd(steps, axis=0) if scales else np.ones(widths[0])
        # A constant feature tells nothing: it becomes 0 instead of a division by (almost) zero.
        tiny = deviation <= 1e-12 * np.maximum(np.abs(self.mean), 1e-30)
        self.deviation = np.where(tiny, 1.0, deviation)
        return self

    @property
    def num_features(self) -> int:
        """F + M, numbers a step."""
        return len(self._fitted[0]) + int(self.masked.sum())

    @property
    def means(self) -> np.ndarray:
        """(F,) the mean of each feature."""
        return self._fitted[0]

    @property
    def _fitted(self) -> tuple[np.ndarray, np.ndarray]:
        if self.mean is None or self.deviation is None:
            raise InputError("this SeriesVectorizer is not fitted: call fit first.")
        return self.mean, self.deviation

    def transform(self, series: Sequence[npt.ArrayLike]) -> list[np.ndarray]:
        """(T, F + M) float32 for each series."""
        width = len(self._fitted[0])
        arrays = [self._valid_steps(i, one) for i, one in enumerate(series)]
        for position, array in enumerate(arrays):
            if array.shape[1] != width:
                raise InputError(
                    f"series {position} has {array.shape[1]} features a step, but the model was "
                    f"fitted with {width}."
                )
        return [self._numbers(array) for array in arrays]

    def inverse(self, values: np.ndarray) -> np.ndarray:
        """(..., F) scaled numbers as the series had them."""
        mean, deviation = self._fitted
        plain: np.ndarray = np.asarray(values, dtype=np.float64) * deviation + mean
        if self.scale == "signed-log":
            plain = np.sign(plain) * np.expm1(np.abs(plain))
        return plain

    def transform_step(
        self, values: np.ndarray, before: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """One more step of B series: (B, F) -> its numbers (B, F + M), and the values filled in.

        before: (B, F) the values of the step before, which stand in for missing ones.
        """
        lacking = np.isnan(values)
        filled = values if before is None else np.where(lacking, before, values)
        mean, deviation = self._fitted
        scaled = np.nan_to_num((self._compressed(filled) - mean) / deviation)
        masks = lacking[:, self.masked]
        return np.concatenate([scaled, masks], axis=1).astype(np.float32), filled

    def _numbers(self, array: np.ndarray) -> np.ndarray:
        lacking = np.isnan(array)
        mean, deviation = self._fitted
        scaled: np.ndarray = (array - mean) / deviation
        if not lacking.any() and not self.masked.any():
            return scaled.astype(np.float32)
        masks = lacking[:, self.masked]
        return np.concatenate([np.nan_to_num(carried_forward(scaled)), masks], axis=1).astype(
            np.float32
        )

    def _valid_steps(self, position: int, series: npt.ArrayLike) -> np.ndarray:
        return self._compressed(_valid_steps(position, series, missing=self.missing == "mask"))

    def _compressed(self, values: np.ndarray) -> np.ndarray:
        if self.scale != "signed-log":
            return values
        logarithms: np.ndarray = np.sign(values) * np.log1p(np.abs(values))
        return logarithms

    def get_config(self) -> Config:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        config = Config(scale=self.scale, missing=self.missing)
        if self.mean is not None and self.deviation is not None:
            config["mean"], config["deviation"] = self.mean.tolist(), self.deviation.tolist()
            config["masked"] = self.masked.tolist()
        return config

    @classmethod
    def from_config(cls, config: Config) -> SeriesVectorizer:
        """The vectorizer that `get_config` described."""
        vectorizer = cls(scale=config["scale"], missing=config["missing"])
        if "mean" in config:
            vectorizer.mean = np.asarray(config["mean"])
            vectorizer.deviation = np.asarray(config["deviation"])
            vectorizer.masked = np.asarray(config["masked"])
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

    def fit(self, sequences: Iterable[npt.ArrayLike]) -> IdVectorizer:
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

    def transform(self, sequences: Sequence[npt.ArrayLike]) -> list[np.ndarray]:
        """(T, 1) int64 for each sequence."""
        rows = [_ids(i, one) for i, one in enumerate(sequences)]
        return [np.where(row < self.size, row, 1)[:, None] for row in rows]

    def get_config(self) -> IdConfig:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {"size": self.size}

    @classmethod
    def from_config(cls, config: IdConfig) -> IdVectorizer:
        """The vectorizer that `get_config` described."""
        return cls(size=config["size"])


def _ids(position: int, sequence: npt.ArrayLike) -> np.ndarray:
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


def carried_forward(array: np.ndarray) -> np.ndarray:
    """(T, F) with each NaN as the last value before it; those with none before them stay.

    >>> carried_forward(np.array([[np.nan], [1.0], [np.nan]])).ravel().tolist()
    [nan, 1.0, 1.0]
    """
    steps = np.where(np.isnan(array), 0, np.arange(len(array))[:, None])
    filled: np.ndarray = np.take_along_axis(array, np.maximum.accumulate(steps, axis=0), axis=0)
    return filled


def _valid_steps(position: int, series: npt.ArrayLike, *, missing: bool) -> np.ndarray:
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
    wrong: np.ndarray = np.isinf(array) if missing else ~np.isfinite(array)
    if wrong.any():
        step = int(steps.start + np.nonzero(wrong.any(axis=1))[0][0])
        what = "infinity" if missing else "NaN or infinity"
        way = "" if missing else ", or set missing='mask'; NaN at either end is padding"
        raise InputError(
            f"series {position} holds {what} at step {step}. Fill in missing values first{way}."
        )
    return array
