"""What a regressor reads and says: sequences, and numbers for each."""

from __future__ import annotations

from typing import Any, Self

import numpy as np

from rnnkit.codecs.codec import AnyExamples, Examples, Given, Json
from rnnkit.codecs.reading import required
from rnnkit.codecs.sequences import SequenceCodec
from rnnkit.errors import InputError
from rnnkit.options import RegressorOptions

__all__ = ["RegressorCodec", "TargetScale"]

NEEDS_Y = (
    "a number for each sequence, or with output='step' for each step. Only a forecast "
    "(output='step', fitted without y) takes its targets from X"
)


class TargetScale:
    """Targets of mean 0 and deviation 1, with the training data's figures.

    mean, deviation: (K,).
    """

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        self.mean, self.deviation = mean, deviation

    @classmethod
    def learnt(cls, rows: np.ndarray) -> Self:
        """The figures of rows (n, K); a NaN is left out, and a constant column is not scaled."""
        if np.isnan(rows).all(axis=0).any():
            raise InputError("y holds no number: nothing can be learnt from NaN alone.")
        deviation = np.nanstd(rows, axis=0)
        return cls(np.nanmean(rows, axis=0), np.where(deviation > 0, deviation, 1.0))

    def encode(self, rows: np.ndarray) -> np.ndarray:
        """(n, K) float32."""
        scaled: np.ndarray = (rows - self.mean) / self.deviation
        return scaled.astype(np.float32)

    def decode(self, said: np.ndarray) -> np.ndarray:
        """(n, K) float64, in the units of y."""
        numbers: np.ndarray = said.astype(np.float64) * self.deviation + self.mean
        return numbers

    def to_json(self) -> Json:
        """Plain values."""
        return {
            "target_mean": self.mean.tolist(),
            "target_deviation": self.deviation.tolist(),
        }

    @classmethod
    def from_json(cls, data: Json) -> Self:
        """What `to_json` wrote, among other things."""
        return cls(np.asarray(data["target_mean"]), np.asarray(data["target_deviation"]))


class RegressorCodec(SequenceCodec[Any]):
    """Sequences to rows of numbers; targets (n, K) scaled, and answers back in their units.

    flat: whether an answer is a number, not a row of them. scale: of the targets.
    """

    # Whether the targets are the series' own next values.
    forecasts = False

    flat: bool
    scale: TargetScale

    @classmethod
    def begin(
        cls, options: RegressorOptions, X: object, y: object, *, classes: object = None
    ) -> tuple[Self, AnyExamples]:
        """See `Codec.begin`."""
        required(y, "SequenceRegressor", NEEDS_Y)
        codec, sequences = cls.of(options, X)
        codec.flat = np.asarray(y).ndim == 1
        return codec, Examples(sequences, _one_each(y))

    def read(self, X: object, y: object = None) -> AnyExamples:
        """See `Codec.read`."""
        return Examples(self.sequences(X), None if y is None else _one_each(y))

    def learn_targets(
        self,
        options: RegressorOptions,
        examples: AnyExamples,
    ) -> None:
        """Learn the targets' figures."""
        self.scale = TargetScale.learnt(examples.known)

    def encode_targets(self, targets: np.ndarray) -> np.ndarray:
        """(n, K) float32."""
        return self.scale.encode(targets)

    def as_given(self, rows: np.ndarray) -> np.ndarray:
        """(n, K) in the form that y had."""
        return rows[:, 0] if self.flat else rows

    def to_json(self) -> Json:
        """Plain values."""
        targets = {"forecasts": self.forecasts, "flat": self.flat, **self.scale.to_json()}
        return {**super().to_json(), **targets}

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        codec = super().from_json(data, given)
        codec.flat, codec.scale = data["flat"], TargetScale.from_json(data)
        return codec


def _one_each(y: object) -> np.ndarray:
    """Finite numbers (n, K), a row for each sequence."""
    try:
        targets = np.asarray(y, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"y is not made of numbers: {error}.") from None
    if np.isnan(targets).any():
        raise InputError("Input y contains NaN. Leave out sequences without a target.")
    if np.isinf(targets).any():
        raise InputError("Input y contains infinity or a value too large for dtype('float64').")
    if targets.ndim == 0 or 0 in targets.shape[1:]:
        raise InputError(
            f"y has shape {targets.shape}, but a number, or K numbers, for each sequence is "
            f"expected."
        )
    return targets.reshape(len(targets), -1)
