"""What is read and said step by step: series, and numbers for each of their steps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from rnnkit.codecs.codec import AnyExamples, Examples, Given, Json
from rnnkit.codecs.reading import read_numbers, required
from rnnkit.codecs.regressor import NEEDS_Y, RegressorCodec, TargetScale
from rnnkit.data.inputs import check_same_length
from rnnkit.errors import InputError
from rnnkit.options import RegressorOptions
from rnnkit.vectorize import SeriesVectorizer, carried_forward, used_steps

__all__ = ["ForecasterCodec"]


class ForecasterCodec(RegressorCodec):
    """Series (T, F) to rows of numbers, and (T, K) targets: given ones, or the next values.

    forecasts: whether the targets are the series' own next values. differences: whether the
    network then says by how much the next value differs from this one.
    """

    vectorizer: SeriesVectorizer
    differences: bool

    @classmethod
    def begin(
        cls, options: RegressorOptions, X: object, y: Any, *, classes: object = None
    ) -> tuple[Self, AnyExamples]:
        """See `Codec.begin`. y: None to forecast."""
        codec, sequences = cls.of(options, X)
        if codec.kind != "series":
            raise InputError(f"output='step' reads series of numbers, but X holds {codec.kind}.")
        codec.forecasts = y is None
        codec.differences = codec.forecasts and options.differences
        examples = codec._examples(sequences, y)
        codec.flat = np.ndim(sequences[0]) == 1 if y is None else np.ndim(y[0]) == 1
        return codec, examples

    def read(self, X: object, y: object = None) -> AnyExamples:
        """See `Codec.read`. Without y nothing is shifted: every step is to be answered."""
        sequences = self.sequences(X)
        if y is None:
            return Examples([_used(_columns(one)) for one in sequences])
        return self._examples(sequences, y)

    def read_targets(self, X: object, y: object) -> AnyExamples:
        """Series and what is to be learnt of them: y, or of a forecast X itself."""
        if y is None and not self.forecasts:
            required(y, "SequenceRegressor", NEEDS_Y)
        return self._examples(self.sequences(X), y)

    def _examples(self, sequences: Sequence[Any], y: object) -> AnyExamples:
        return self._shifted(sequences) if y is None else _aligned(sequences, y)

    def _shifted(self, sequences: Sequence[Any]) -> AnyExamples:
        """Each series without its last step, and what comes next at each of the others."""
        series = [_used(_columns(one)) for one in sequences]
        for place, one in enumerate(series):
            if len(one) < 2:
                raise InputError(
                    f"X[{place}] has {len(one)} step(s) with a value, but a forecast is learnt "
                    f"from two or more."
                )
        pairs = [(one[:-1], self._next(one)) for one in series]
        # Where the value before the last is missing, the steps that are left end before it.
        used = [used_steps(now) for now, _ in pairs]
        return Examples(
            [now[steps] for (now, _), steps in zip(pairs, used, strict=True)],
            [after[steps] for (_, after), steps in zip(pairs, used, strict=True)],
        )

    def _next(self, series: np.ndarray) -> np.ndarray:
        """What comes after each step but the last, or by how much it differs."""
        before = carried_forward(series)[:-1] if self.differences else 0.0
        following: np.ndarray = series[1:] - before
        return following

    def learn_targets(
        self,
        options: RegressorOptions,
        examples: AnyExamples,
    ) -> None:
        """Learn the targets' figures."""
        self.scale = TargetScale.learnt(np.concatenate(examples.known))

    def encode_targets(self, targets: Any) -> Any:
        """(T, K) float32 of each series."""
        return [self.scale.encode(rows) for rows in targets]

    def present(self, series: np.ndarray) -> np.ndarray:
        """What is added to what the network says: each step's value, if that is a difference."""
        if not self.differences:
            return np.zeros(())
        filled = carried_forward(series)
        return np.where(np.isnan(filled), self.vectorizer.means, filled)

    def to_json(self) -> Json:
        """Plain values."""
        return {**super().to_json(), "differences": self.differences}

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        codec = super().from_json(data, given)
        codec.forecasts, codec.differences = data["forecasts"], data["differences"]
        return codec


def _columns(rows: Any) -> np.ndarray:
    """(T,) or (T, K) as (T, K)."""
    array = read_numbers(rows)
    if array.ndim not in (1, 2):
        raise InputError(
            f"a series or its targets have shape {array.shape}, but (steps,) or (steps, features) "
            f"is expected."
        )
    return array[:, None] if array.ndim == 1 else array


def _used(series: np.ndarray) -> np.ndarray:
    """Without the steps at either end that are padding."""
    return series[used_steps(series)]


def _aligned(sequences: Sequence[Any], y: Any) -> AnyExamples:
    """Series and their targets, without the steps that are padding."""
    check_same_length(X=sequences, y=y)
    series, targets = [_columns(one) for one in sequences], [_columns(one) for one in y]
    for place, (one, rows) in enumerate(zip(series, targets, strict=True)):
        if len(one) != len(rows):
            raise InputError(
                f"X[{place}] has {len(one)} steps but y[{place}] has {len(rows)} numbers; each "
                f"step needs one."
            )
    used = [used_steps(one) for one in series]
    trimmed = [one[steps] for one, steps in zip(series, used, strict=True)]
    return Examples(trimmed, [rows[steps] for rows, steps in zip(targets, used, strict=True)])
