"""Numbers from sequences: one answer for a whole series, or a forecast at every step."""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from sklearn.base import RegressorMixin
from sklearn.metrics import r2_score
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from rnnkit.codecs import AnyExamples, ForecasterCodec, RegressorCodec
from rnnkit.codecs.codec import Given, Json
from rnnkit.codecs.reading import required
from rnnkit.codecs.regressor import NEEDS_Y
from rnnkit.errors import OptionError
from rnnkit.learn import SizedBatches
from rnnkit.options import RegressorOptions
from rnnkit.plans import ClassifierPlan, TaggerPlan
from rnnkit.tasks.batches import StepBatch, in_windows
from rnnkit.tasks.estimator import Encoded, SquaredError
from rnnkit.tasks.forecasting import Continuation, StepByStep
from rnnkit.tasks.reader import SequenceReader, step_plan, whole_plan

__all__ = ["SequenceRegressor"]


class SequenceRegressor(
    RegressorMixin,  # type: ignore[misc]
    SequenceReader[RegressorCodec],
    RegressorOptions,
):
    """Numbers of each sequence, or of each of its steps.

    output="last" (many to one): y = W pool(h_1..h_T) + b.
    output="step" (one to one, with memory): y_t = W h_t + b, in one direction, so that a step's
    answer knows nothing of later ones. Without y it forecasts: the answer at step t is the series'
    value at step t + 1. The error is squared; targets are scaled with the training data's figures.

    y: a number or K numbers for each sequence; with output="step" for each step of each, and None
    to forecast the next one. A NaN among a step's targets is left out.
    `partial_fit` with output="step" takes the next steps of the series of the call before, and the
    state goes on from there; `reset_state` begins with other series.

    Attributes
    ----------
    vectorizer_, module_, history_, num_parameters_, forecasts_; codec_ and plan_

    >>> wave = np.sin(np.arange(200) / 5)
    >>> model = SequenceRegressor(output="step", hidden_size=16, max_epochs=30, lr=0.01,
    ...                           update_every=50, random_state=0).fit([wave])
    >>> model.score([np.sin(np.arange(300) / 5 + 1)]) > 0.99
    True
    >>> one_by_one = [float(model.predict_step(value)) for value in wave[:9]]
    >>> bool(np.allclose(one_by_one, model.predict([wave[:9]])[0]))
    True
    """

    _running: ClassVar[tuple[str, ...]] = ("_trainer", "_calls", "_stream", "_continuation")

    _stream: StepByStep
    _continuation: Continuation

    # -- answers --------------------------------------------------------------------------------

    def predict(self, X: object) -> Any:
        """output="last": (n,), or (n, K) where y had K columns. "step": such an array for each
        series, a row a step."""
        answers, codec = self._numbers(self._inputs(X)), self.codec_
        if self._each_step:
            return [codec.as_given(rows) for rows in answers]
        return codec.as_given(np.stack(answers))

    def score(self, X: object, y: object = None) -> float:
        """R^2 of the answers: 1 is perfect, 0 what the mean of y reaches; all steps count alike.

        y: may be left out of a forecast.
        """
        check_is_fitted(self, "module_")
        examples = self._pairs(self.codec_, X, y)
        guesses, targets = self._numbers(examples), examples.known
        codec = self.codec_
        if isinstance(codec, ForecasterCodec):
            both = zip(targets, examples.inputs, strict=True)
            targets = np.concatenate([rows + codec.present(one) for rows, one in both])
            guesses = [np.concatenate(guesses)]
        said = guesses[0] if self._each_step else np.stack(guesses)
        known = ~np.isnan(targets).any(axis=1)
        return float(r2_score(targets[known], said[known]))

    def predict_step(self, x: object) -> Any:
        """The answer to one more step, going on from the steps of the calls before.

        x: a number or (F,) numbers; of B series side by side (B,) or (B, F). The answer has x's
        form. The first call after `fit`, `load` or `reset_state` begins anew.
        Raises InputError if x has another form than the step before.
        """
        check_is_fitted(self, "module_")
        self._check_goes_on("predict_step")
        if not hasattr(self, "_stream"):
            assert isinstance(self.codec_, ForecasterCodec)
            self._stream = StepByStep(self.module_, self.codec_)
        return self._stream.step(x)

    def reset_state(self) -> Self:
        """Forget the steps that `predict_step` and `partial_fit` went on from, not what was learnt.

        Returns the estimator.
        """
        for name in ("_stream", "_continuation"):
            self.__dict__.pop(name, None)
        return self

    def _numbers(self, examples: AnyExamples) -> list[np.ndarray]:
        """(K,), or (T, K) for each sequence, in the units of y."""

        def answer(batch: StepBatch) -> list[Tensor]:
            said: Tensor = self.module_(*batch.source)
            return batch.source.x.with_data(said).to_sequences() if self._each_step else list(said)

        codec = self.codec_
        inputs = AnyExamples(examples.inputs)
        rows = [codec.scale.decode(row.numpy()) for row in self._answers(inputs, answer)]
        if isinstance(codec, ForecasterCodec):
            return [
                row + codec.present(one) for row, one in zip(rows, examples.inputs, strict=True)
            ]
        return rows

    @property
    def forecasts_(self) -> bool:
        """Whether the targets are the series' own next values."""
        return self._learnt.forecasts

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.target_tags.multi_output = True
        return tags

    # -- learning -------------------------------------------------------------------------------

    def _partial_fit(self, X: object, y: object, classes: object) -> None:
        if not self._goes_on:
            super()._partial_fit(X, y, classes)
            return
        going, steps = getattr(self, "_continuation", None), X
        if going is None:
            self._continuation = Continuation()
        elif y is None:
            steps = going.joined(self._inputs(X).inputs)
        super()._partial_fit(steps, y, classes)
        self._continuation.after(self._inputs(X).inputs if y is None else None)

    def _next_batches(self, data: Encoded[StepBatch], seed: int, call: int) -> SizedBatches:
        if not self._goes_on:
            return super()._next_batches(data, seed, call)
        return self._continuation.batches(data, self.update_every)

    # -- how it is made -------------------------------------------------------------------------

    @property
    def _each_step(self) -> bool:
        # What was learnt stays as it is, whatever `output` is set to for the next fit.
        if hasattr(self, "codec_"):
            return isinstance(self.codec_, ForecasterCodec)
        return self.output == "step"

    @property
    def _two_ways(self) -> bool:
        return not self._each_step if self.bidirectional is None else self.bidirectional

    @property
    def _goes_on(self) -> bool:
        """Whether the state after a step is all that the next one needs."""
        return self._each_step and not self._two_ways

    def _check_goes_on(self, what: str) -> None:
        if not self._goes_on:
            raise OptionError(
                f"{what} goes on from step to step, which needs output='step' in one direction "
                f"(bidirectional=False or None) when it is fitted."
            )

    def _check_options(self) -> None:
        super()._check_options()
        if self.update_every is not None:
            self._check_goes_on("update_every")

    def _codec_type(self) -> type[RegressorCodec]:
        return ForecasterCodec if self._each_step else RegressorCodec

    def _codec_from(self, data: Json, given: Given) -> RegressorCodec:
        # As it was fitted: `output` may have been set for another fit since.
        codec_type = ForecasterCodec if "differences" in data else RegressorCodec
        return codec_type.from_json(data, given)

    def _examples(self, codec: RegressorCodec, X: object, y: object) -> AnyExamples:
        if isinstance(codec, ForecasterCodec):
            return codec.read_targets(X, y)
        required(y, "SequenceRegressor", NEEDS_Y)
        return codec.read(X, y)

    def _to_inspect(self, X: object, y: object) -> AnyExamples:
        wanted = y is not None or self.forecasts_
        return self._pairs(self.codec_, X, y) if wanted else self._inputs(X)

    def _plan(self, codec: RegressorCodec) -> ClassifierPlan | TaggerPlan:
        make = step_plan if self._each_step else whole_plan
        return make(self, codec, len(codec.scale.mean), bidirectional=self._two_ways)

    def _batches(self, data: Encoded[StepBatch], seed: int, epoch: int) -> SizedBatches:
        return in_windows(self._shuffled(data, seed, epoch), data.lengths, self.update_every)

    def _objective(self, codec: RegressorCodec) -> SquaredError:  # noqa: ARG002
        return SquaredError()
