"""Numbers from sequences: one answer for a whole series, or a forecast at every step."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted

from rnnkit.bptt import Policy
from rnnkit.errors import InputError, OptionError, check_option
from rnnkit.learn import SizedBatches
from rnnkit.nest import arrays_of
from rnnkit.packed import Packed
from rnnkit.tasks.base import Encoded
from rnnkit.tasks.carrying import Carry, StepBatch
from rnnkit.tasks.objectives import SquaredError
from rnnkit.tasks.reader import SequenceReader
from rnnkit.vectorize import carried_forward, used_steps

__all__ = ["SequenceRegressor"]

OUTPUTS = ("last", "step")


class SequenceRegressor(RegressorMixin, SequenceReader):  # type: ignore[misc]
    """Numbers of each sequence, or of each of its steps.

    output="last" (many to one): y = W pool(h_1..h_T) + b.
    output="step" (one to one, with memory): y_t = W h_t + b, in one direction, so that a step's
    answer knows nothing of later ones. Without y it forecasts: the answer at step t is the series'
    value at step t + 1. The error is squared; targets are scaled with the training data's figures.

    Parameters
    ----------
    output : "last" or "step".
    differences : of forecasts; the network says by how much the next value differs from this one,
        so that it begins where the naive forecast ends.
    bidirectional : None is True with output="last" and False with "step".
    update_every : with output="step", steps between two updates of the weights: long series are
        read in windows of so many steps, a training step each, the state carried from one to the
        next (truncated back-propagation through time). None: a training step for whole series.
    The others are those of `SequenceClassifier`.

    Attributes
    ----------
    vectorizer_, module_, history_, num_parameters_, forecasts_

    >>> wave = np.sin(np.arange(200) / 5)
    >>> model = SequenceRegressor(output="step", hidden_size=16, max_epochs=30, lr=0.01,
    ...                           update_every=50, random_state=0).fit([wave])
    >>> model.score([np.sin(np.arange(300) / 5 + 1)]) > 0.99
    True
    >>> one_by_one = [float(model.predict_step(value)) for value in wave[:9]]
    >>> bool(np.allclose(one_by_one, model.predict([wave[:9]])[0]))
    True
    """

    def __init__(
        self,
        *,
        output: str = "last",
        cell: str = "lstm",
        inputs: str = "auto",
        level: str = "word",
        lower: bool = True,
        normalize: str | None = None,
        analyzer: Callable[[str], list[str]] | None = None,
        num_words: int | None = None,
        min_count: int = 1,
        ngrams: int = 1,
        whole_words: bool = False,
        buckets: int = 2**16,
        max_length: int | None = None,
        truncating: str = "pre",
        scale: str = "standard",
        missing: str = "mask",
        differences: bool = True,
        embedding_size: int = 64,
        hidden_size: int = 64,
        num_layers: int = 1,
        bidirectional: bool | None = None,
        pooling: str = "mean-max",
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
        rare_dropout: float = 0.1,
        language_model: str | Path | None = None,
        init: str = "orthogonal",
        forget_bias: float = 1.0,
        optimizer: str = "adamw",
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        schedule: str = "one-cycle",
        warmup: float = 0.0,
        bptt: Policy | str | None = None,
        update_every: int | None = None,
        clip_norm: float | None = 5.0,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        batch_size: int = 32,
        max_epochs: int = 20,
        patience: int | None = None,
        monitor: str = "loss",
        validation_fraction: float = 0.1,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.output = output
        self.cell = cell
        self.inputs = inputs
        self.level = level
        self.lower = lower
        self.normalize = normalize
        self.analyzer = analyzer
        self.num_words = num_words
        self.min_count = min_count
        self.ngrams = ngrams
        self.whole_words = whole_words
        self.buckets = buckets
        self.max_length = max_length
        self.truncating = truncating
        self.scale = scale
        self.missing = missing
        self.differences = differences
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.pooling = pooling
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.rare_dropout = rare_dropout
        self.language_model = language_model
        self.init = init
        self.forget_bias = forget_bias
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.bptt = bptt
        self.update_every = update_every
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.ema_decay = ema_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.random_state = random_state
        self.verbose = verbose

    _monitors = SquaredError.monitors

    forecasts_: bool  # whether the targets are the series' own next values
    flat_: bool  # whether an answer is a number, not a row of them
    _carry: Carry  # where partial_fit goes on

    @property
    def _each_step(self) -> bool:
        return self.output == "step"

    @property
    def _two_ways(self) -> bool:
        return not self._each_step if self.bidirectional is None else self.bidirectional

    # -- answers --------------------------------------------------------------------------------

    def predict(self, X: Any) -> Any:
        """output="last": (n,), or (n, K) where y had K columns. "step": such an array for each
        series, a row a step."""
        check_is_fitted(self, "module_")
        answers = self._answers(self._inputs(X))
        return [self._as_y(rows) for rows in answers] if self._each_step else self._as_y(answers)

    def score(self, X: Any, y: Any = None) -> float:
        """R^2 of the answers: 1 is perfect, 0 what the mean of y reaches; all steps count alike.

        y: may be left out of a forecast.
        """
        check_is_fitted(self, "module_")
        self._check_columns(X, reset=False)
        sequences, targets = self._read(X, y, fitted=True)
        guesses = self._answers(sequences)
        if self._each_step:
            both = zip(targets, sequences, strict=True)
            targets = np.concatenate([rows + self._present(one) for rows, one in both])
            guesses = np.concatenate(guesses)
        known = ~np.isnan(targets).any(axis=1)
        return float(r2_score(targets[known], guesses[known]))

    def predict_step(self, x: Any) -> Any:
        """The answer to one more step, going on from the steps of the calls before.

        x: a number or (F,) numbers; of B series side by side (B,) or (B, F). The answer has x's
        form. The first call after `fit`, `load` or `reset_state` begins anew.
        Raises InputError if x has another form than the step before.
        """
        check_is_fitted(self, "module_")
        self._check_goes_on("predict_step")
        steps, alone = self._as_steps(x)
        before, state = getattr(self, "_stream", (None, None))
        if before is not None and before.shape != steps.shape:
            raise InputError(
                f"this step is of {len(steps)} series, but the one before was of {len(before)}. "
                f"Call reset_state() to begin with other series."
            )
        numbers, values = self.vectorizer_.transform_step(steps, before)
        rows = Packed.from_sequences(list(numbers[:, None]))
        self.module_.eval()
        with torch.inference_mode():
            said, state = self.module_.run(rows, state=state)  # type: ignore[operator]
        self._stream = (values, state)
        answers = self._as_y(self._unscaled(said.numpy()) + self._present(values))
        return answers[0] if alone else answers

    def reset_state(self) -> Self:
        """Forget the steps that `predict_step` and `partial_fit` went on from, not what was learnt.

        Returns the estimator.
        """
        for name in ("_stream", "_carry", "_last"):
            self.__dict__.pop(name, None)
        return self

    def _answers(self, sequences: list[Any]) -> Any:
        """(n, K), or (T, K) for each sequence, in the units of y."""

        def answer(batch: StepBatch) -> Any:
            said = self.module_(*batch.source)
            return batch.source.x.with_data(said).to_sequences() if self._each_step else said

        found = self._in_batches(self._encode(sequences, None), answer)
        rows = [self._unscaled(row.numpy()) for row in found]
        if not self._each_step:
            return np.stack(rows)
        return [row + self._present(one) for row, one in zip(rows, sequences, strict=True)]

    def _unscaled(self, said: np.ndarray) -> np.ndarray:
        numbers: np.ndarray = said.astype(np.float64) * self.target_deviation_ + self.target_mean_
        return numbers

    def _present(self, series: np.ndarray) -> Any:
        """What is added to what the network says: each step's value, if that is a difference."""
        if not (self.forecasts_ and self.differences):
            return 0.0
        filled = carried_forward(series)
        return np.where(np.isnan(filled), self.vectorizer_.mean, filled)

    def _as_y(self, rows: np.ndarray) -> np.ndarray:
        """(n, K) in the form that y had."""
        return rows[:, 0] if self.flat_ else rows

    def _as_steps(self, x: Any) -> tuple[np.ndarray, bool]:
        """(B, F), and whether x was one series' step alone."""
        steps, width = np.asarray(x, dtype=np.float64), len(self.vectorizer_.mean)
        alone = steps.ndim == 0 or (steps.ndim == 1 and width > 1)
        steps = steps.reshape(1, -1) if alone else steps.reshape(len(steps), -1)
        if steps.shape[1] != width:
            raise InputError(
                f"a step of shape {np.shape(x)} came, but the model was fitted on series with "
                f"{width} numbers a step: give ({width},) of one series, or (B, {width}) of B."
            )
        return steps, alone

    # -- learning -------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any = None, **options: Any) -> Self:
        """Learn from sequences X and targets y.

        y: a number or K numbers for each sequence; with output="step" for each step of each, and
        None to forecast the next one. A NaN among a step's targets is left out.
        options: `validation`, (X, y), and `callbacks`, as for `SequenceClassifier.fit`.
        """
        self.reset_state()
        return super().fit(X, y, **options)

    def partial_fit(self, X: Any, y: Any = None, *, classes: Any = None) -> Self:
        """Go once over X and y, keeping what was learnt before.

        With output="step", X are the next steps of the series of the call before, and the state
        goes on from there; `reset_state` begins with other series.
        """
        if not self._each_step or self._two_ways:
            return super().partial_fit(X, y, classes=classes)
        last, goes_on = getattr(self, "_last", None), X
        if last is not None and y is None:
            # The first of these steps is what the last one before should have said.
            given = self._inputs(X)
            self._check_streams(len(given), len(last))
            goes_on = [np.concatenate([a, b]) for a, b in zip(last, given, strict=True)]
        super().partial_fit(goes_on, y)
        self._last = [one[-1:] for one in self._inputs(X)] if y is None else None
        self._carry = Carry({0: self._carry.states[max(self._carry.states)]})
        return self

    def _next_batches(self, data: Encoded, seed: int) -> SizedBatches:
        if not self._each_step or self._two_ways:
            return super()._next_batches(data, seed)
        if data.lengths.min() < data.lengths.max():
            raise InputError(
                f"the series have {data.lengths.min()} to {data.lengths.max()} steps, but "
                f"partial_fit goes on in all of them together: give each as many steps."
            )
        state = getattr(self, "_carry", Carry()).states[0]
        if state is not None:
            self._check_streams(len(data), next(iter(arrays_of(state))).shape[1])
        self._carry = Carry({0: state})
        batch: StepBatch = data.collate(np.arange(len(data)))
        return list(batch.windows(self.update_every or int(data.lengths.max()), self._carry))

    def _check_streams(self, now: int, before: int) -> None:
        if now != before:
            raise InputError(
                f"{now} series came, but the call before had {before}: partial_fit goes on in the "
                f"same ones. Call reset_state() to begin with others."
            )

    def _check_options(self) -> None:
        super()._check_options()
        check_option("output", self.output, OUTPUTS)
        if self.update_every is not None:
            self._check_goes_on("update_every")
            if not isinstance(self.update_every, Integral) or self.update_every < 1:
                raise OptionError(f"update_every={self.update_every!r}, but steps are 1 or more.")

    def _check_goes_on(self, what: str) -> None:
        if not self._each_step or self._two_ways:
            raise OptionError(
                f"{what} goes on from step to step, which needs output='step' in one direction "
                f" (output={self.output!r}, bidirectional={self.bidirectional!r})."
            )

    def _read(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], Any]:
        forecasts = self.forecasts_ if fitted else y is None
        if y is None and not (forecasts and self._each_step):
            raise InputError(
                "SequenceRegressor requires y to be passed, but the target y is None: a number for "
                "each sequence, or with output='step' for each step. Only a forecast "
                "(output='step', fitted without y) takes its targets from X."
            )
        kind, sequences = self._sequences(X, self.inputs, fitted=fitted)
        if not self._each_step:
            targets: Any = _one_each(sequences, y)
            y = np.asarray(y)
        elif kind != "series":
            raise InputError(f"output='step' reads series of numbers, but X holds {kind}.")
        elif y is None:
            return self._shifted(sequences, fitted)
        else:
            sequences, targets = _aligned(sequences, y)
        if not fitted:
            self.forecasts_, self.flat_ = False, np.ndim(y[0]) == int(self._each_step)
        return sequences, targets

    def _shifted(self, sequences: list[Any], fitted: bool) -> tuple[list[Any], list[np.ndarray]]:
        """Each series without its last step, and what comes next at each of the others."""
        series = [_columns(one)[used_steps(_columns(one))] for one in sequences]
        for place, one in enumerate(series):
            if len(one) < 2:
                raise InputError(
                    f"X[{place}] has {len(one)} step(s) with a value, but a forecast is learnt "
                    f"from two or more."
                )
        if not fitted:
            self.forecasts_, self.flat_ = True, np.ndim(sequences[0]) == 1
        now = [one[:-1] for one in series]
        if not self.differences:
            return now, [one[1:] for one in series]
        return now, [one[1:] - carried_forward(one)[:-1] for one in series]

    def _inputs(self, X: Any) -> list[Any]:
        sequences = super()._inputs(X)
        if not self._each_step:
            return sequences
        return [_columns(one)[used_steps(_columns(one))] for one in sequences]

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:
        super()._learn_vocabulary(X, y)
        rows = np.concatenate(y) if self._each_step else y
        if np.isnan(rows).all(axis=0).any():
            raise InputError("y holds no number: nothing can be learnt from NaN alone.")
        self.target_mean_ = np.nanmean(rows, axis=0)
        deviation = np.nanstd(rows, axis=0)
        self.target_deviation_ = np.where(deviation > 0, deviation, 1.0)

    def _num_outputs(self) -> int:
        return len(self.target_mean_)

    def _targets(self, y: Any) -> Any:
        def scaled(rows: np.ndarray) -> np.ndarray:
            numbers: np.ndarray = (rows - self.target_mean_) / self.target_deviation_
            return numbers.astype(np.float32)

        return [scaled(rows) for rows in y] if self._each_step else scaled(y)

    def _targets_itself(self) -> bool:
        return self.forecasts_

    def _objective(self) -> SquaredError:
        return SquaredError()

    def _get_state(self) -> dict[str, Any]:
        return {
            **super()._get_state(),
            "forecasts": self.forecasts_,
            "flat": self.flat_,
            "target_mean": self.target_mean_.tolist(),
            "target_deviation": self.target_deviation_.tolist(),
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        super()._set_state(state)
        self.forecasts_, self.flat_ = state["forecasts"], state["flat"]
        self.target_mean_ = np.asarray(state["target_mean"])
        self.target_deviation_ = np.asarray(state["target_deviation"])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags


def _columns(rows: Any) -> np.ndarray:
    """(T,) or (T, K) as (T, K)."""
    try:
        array = np.asarray(rows, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError(f"a series is not made of numbers: {error}.") from None
    return array[:, None] if array.ndim == 1 else array


def _one_each(sequences: list[Any], y: Any) -> np.ndarray:
    """Finite numbers (n, K), as many rows as there are sequences."""
    targets: np.ndarray = check_array(y, ensure_2d=False, dtype=np.float64, input_name="y")
    check_consistent_length(sequences, targets)
    return targets.reshape(len(targets), -1)


def _aligned(sequences: list[Any], y: Any) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Series and their targets, without the steps that are padding."""
    check_consistent_length(sequences, y)
    series, targets = [_columns(one) for one in sequences], [_columns(one) for one in y]
    for place, (one, rows) in enumerate(zip(series, targets, strict=True)):
        if len(one) != len(rows):
            raise InputError(
                f"X[{place}] has {len(one)} steps but y[{place}] has {len(rows)} numbers; each "
                f"step needs one."
            )
    used = [used_steps(one) for one in series]
    trimmed = [one[steps] for one, steps in zip(series, used, strict=True)]
    return trimmed, [rows[steps] for rows, steps in zip(targets, used, strict=True)]
