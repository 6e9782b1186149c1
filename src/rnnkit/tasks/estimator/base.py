"""What all estimators share: fitting, prediction in batches, files.

An estimator is composed of three values, and a subclass says five things, in this order:

    options   what can be chosen: `rnnkit.options`, a base class of the estimator
    codec     what is learnt of examples besides weights: `rnnkit.codecs`
    plan      what the network is made of: `rnnkit.plans`, from options and codec

    _codec_type()              which codec reads its examples
    _plan(codec)               which network answers
    _objective(codec)          what is minimized
    _encode(codec, examples)   examples as numbers, from which batches are taken
    _forward(network, batch)   what the network says of a batch, beside its targets

Its answers (`predict` and others) read inputs with `_inputs` and ask the network with `_answers`,
which makes batches and brings the results back in order. These names begin with an underscore
because they are for who writes an estimator, not for who uses one.

A text goes this way: `codec.begin` checks it, `codec.learn` learns its words, `_encode` makes ids
of it and batches of those, `_forward` runs the network, and `Objective.loss` is gone back through.
"""

from __future__ import annotations

import copy
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeAlias, TypeVar

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from rnnkit import archive, randomness
from rnnkit.batch import Batches
from rnnkit.bptt import policy_of
from rnnkit.cells import initialize_, set_bptt
from rnnkit.codecs import AnyExamples, Codec
from rnnkit.codecs.codec import Given, Json
from rnnkit.diagnose import Subject
from rnnkit.errors import OptionError, TrainingError
from rnnkit.learn import BatchLoss, Callback, History, ProgressBar, SizedBatches, Trainer
from rnnkit.networks import TokenEmbedding, WordEmbedding, build, count_parameters
from rnnkit.options import check
from rnnkit.options.training import Training
from rnnkit.plans import Plan
from rnnkit.tasks.estimator import files
from rnnkit.tasks.estimator.columns import check_columns
from rnnkit.tasks.estimator.docstrings import tell_options
from rnnkit.tasks.estimator.given import pair_of, seed_of
from rnnkit.tasks.estimator.inspection import subject_of
from rnnkit.tasks.estimator.known import Known
from rnnkit.tasks.estimator.objectives import Objective
from rnnkit.tasks.estimator.values import Encoded, Output, Start
from rnnkit.tensors import to_arrays

__all__ = ["AnyEstimator", "SequenceEstimator", "known_estimators"]

_KNOWN: Known[AnyEstimator] = Known()

C = TypeVar("C", bound=Codec[Any, Any])
B = TypeVar("B")  # a batch
R = TypeVar("R")

PREDICT_BATCH = 256


class SequenceEstimator(Training, BaseEstimator, ABC, Generic[C, B]):  # type: ignore[misc]
    """Base of the estimators; see the module for what a subclass says.

    A subclass is known to `rnnkit.load` by its name once it is defined, and its docstring ends
    with its options.

    codec_, plan_, module_, history_: what was learnt. A fit that is refused or fails leaves them as
    they were.
    """

    codec_: C
    plan_: Plan
    module_: nn.Module
    history_: History

    # Whether states of a decoder go from step to step, each with a loss of its own.
    _decodes: ClassVar[bool] = False

    # Sequences that are read together without training, where a batch of training has fewer.
    _predict_batch: ClassVar[int] = PREDICT_BATCH

    # Where learning from more data stands, besides what was learnt; another fit forgets it.
    _running: ClassVar[tuple[str, ...]] = ("_trainer", "_calls")

    def __init_subclass__(cls, **given: Any) -> None:
        super().__init_subclass__(**given)
        _KNOWN.add(cls)
        tell_options(cls)

    # -- what a subclass says -------------------------------------------------------------------

    @abstractmethod
    def _codec_type(self) -> type[C]:
        """The class of the codec."""

    @abstractmethod
    def _plan(self, codec: C) -> Plan:
        """What the network is made of."""

    @abstractmethod
    def _objective(self, codec: C) -> Objective:
        """What is minimized."""

    @abstractmethod
    def _encode(self, codec: C, examples: AnyExamples) -> Encoded[B]:
        """Examples as numbers; without targets for prediction."""

    @abstractmethod
    def _forward(self, network: nn.Module, batch: B) -> Output:
        """What the network says of a batch, which may be without targets."""

    # -- what a subclass may say otherwise ------------------------------------------------------

    def _check_options(self) -> None:
        """Raise OptionError where options are out of range, or do not go together."""
        check(self)
        policy_of(self.bptt)

    def _check_targets(self, y: object) -> Any:
        """Targets as scikit-learn wants them checked, before the codec reads them."""
        return y

    def _examples(self, codec: C, X: object, y: object) -> AnyExamples:
        """Inputs and targets like those of the fit, as the codec reads them."""
        return codec.read(X, self._check_targets(y))

    def _codec_from(self, data: Json, given: Given) -> C:
        """The codec that a file describes."""
        return self._codec_type().from_json(data, given)

    def _start(self, codec: C) -> Start | None:  # noqa: ARG002 - most begin from nothing
        """What a fit begins with, if that is not nothing."""
        return None

    def _begin(self, codec: C, plan: Plan, data: Encoded[B]) -> nn.Module:
        """The network before its first step."""
        network = self._network(codec, plan)
        # Where all sequences are shorter, chrono still needs two lengths of memory to draw from.
        longest = max(3, int(data.lengths.max()))
        return initialize_(network, self.init, forget_bias=self.forget_bias, max_steps=longest)

    def _given_module(self) -> nn.Module | None:
        """A module of the user's own that is built in."""
        return None

    def _callbacks(self) -> list[Callback]:
        """What the estimator itself does during a fit."""
        return []

    def _batches(self, data: Encoded[B], seed: int, epoch: int) -> SizedBatches:
        """An epoch of training."""
        return self._shuffled(data, seed, epoch)

    def _next_batches(self, data: Encoded[B], seed: int, call: int) -> SizedBatches:
        """What one call of partial_fit goes over."""
        return self._batches(data, seed, call)

    def _figures(self, codec: C, network: nn.Module, batch: B) -> dict[str, Tensor]:
        """By its name in the history, the values of each target of a held-out batch."""
        output = self._forward(network, batch)
        return self._objective(codec).figures(output.said, output.known)

    def _evaluate(self, codec: C, network: nn.Module, data: Encoded[B]) -> dict[str, float]:
        """Means over the targets, such as the loss without smoothing or weights."""
        told: dict[str, list[Tensor]] = {}
        for batch in self._in_order(data):
            for name, values in self._figures(codec, network, batch).items():
                told.setdefault(name, []).append(values.double())
        return {name: float(torch.cat(values).nanmean()) for name, values in told.items()}

    # -- fit ------------------------------------------------------------------------------------

    def fit(
        self,
        X: object,
        y: object = None,
        *,
        validation: tuple[object, object] | None = None,
        callbacks: Iterable[Callback] = (),
    ) -> Self:
        """Learn from sequences X and targets y.

        validation: (X, y) to watch instead of a share of the training data.
        callbacks: objects with the hooks of `rnnkit.learn.Callback`.
        An interrupt (Ctrl-C) ends training, keeps the best weights so far, and warns.
        Raises InputError or OptionError for what cannot be learnt from, and TrainingError where the
        loss is no longer finite: the estimator is as it was before then, and the error's `fitted`
        is one with the best weights so far.
        """
        learner = self._unfitted()
        learner._fit(X, y, validation, list(callbacks))
        self._become(learner)
        if self.history_.stopped == "interrupted":
            warnings.warn(
                "training was interrupted; the best weights so far are kept.",
                RuntimeWarning,
                stacklevel=2,
            )
        return self

    def partial_fit(self, X: object, y: object = None, *, classes: object = None) -> Self:
        """Go once over X and y, keeping what was learnt before.

        The first call fixes the vocabulary and the classes (`classes` names those that X does not
        show yet); later calls read unknown words as unknown. A first call that fails leaves the
        estimator unfitted, a later one with the steps that it took before.
        """
        begun = hasattr(self, "module_")
        learner = self if begun else self._unfitted()
        learner._partial_fit(X, y, classes)
        if not begun:
            self._become(learner)
        return self

    def _unfitted(self) -> Self:
        """A copy that has learnt nothing. A fit works on it, and only then becomes it.

        Its options are plain: a search over arrays gives numpy's, which neither torch nor JSON
        takes everywhere.
        """
        learner = copy.copy(self)
        for name, value in vars(self).items():
            if (name.endswith("_") and not name.startswith("_")) or name in self._running:
                vars(learner).pop(name, None)
            elif isinstance(value, np.generic):
                setattr(learner, name, value.item())
        return learner

    def _become(self, learner: Self) -> None:
        """The one place where a fit changes an estimator."""
        vars(self).clear()
        vars(self).update(vars(learner))

    def _fit(
        self,
        X: object,
        y: object,
        validation: tuple[object, object] | None,
        callbacks: list[Callback],
    ) -> None:
        self._check_options()
        codec, examples = self._codec_type().begin(self, X, self._check_targets(y))
        self._check_columns(codec, X, reset=True)
        seed = seed_of(self.random_state)
        if validation is None:
            generator = np.random.default_rng(seed)
            train, held_out = codec.hold_out(examples, self.validation_fraction, generator)
        else:
            train, held_out = examples, self._pairs(codec, *pair_of(validation))
        with randomness.using(torch.Generator().manual_seed(seed)):
            data = self._begin_fit(codec, train)
            valid = None if held_out is None else self._encode(codec, held_out)
            self._train(data, valid, seed, callbacks)

    def _partial_fit(self, X: object, y: object, classes: object) -> None:
        self._check_options()
        begun = hasattr(self, "module_")
        if begun:
            codec, examples = self.codec_, self._pairs(self.codec_, X, y)
        else:
            named = {} if classes is None else {"classes": classes}
            codec, examples = self._codec_type().begin(self, X, self._check_targets(y), **named)
        self._check_columns(codec, X, reset=not begun)
        trainer: Trainer | None = getattr(self, "_trainer", None)
        self._calls = call = getattr(self, "_calls", 0) + 1
        seed = seed_of(self.random_state)
        # Each call has its own order and dropout, or the same units would be dropped every time.
        with randomness.using(torch.Generator().manual_seed(seed + call)):
            data = self._encode(codec, examples) if begun else self._begin_fit(codec, examples)
            if trainer is None:
                trainer = self._trainer = self._make_trainer([], watched=False)
            trainer.running.seed, trainer.running.calls = seed, call
            self.module_.train()
            for batch in self._next_batches(data, seed, call):
                trainer.train_batch(batch)
            self.module_.eval()

    def _begin_fit(self, codec: C, examples: AnyExamples) -> Encoded[B]:
        """Let the codec learn, and make the network before its first step."""
        start = self._start(codec)
        if start is None:
            codec.learn(self, examples)
        else:
            start.teach(codec, self, examples)
        data = self._encode(codec, examples)
        self.codec_, self.plan_ = codec, self._plan(codec)
        self.module_ = set_bptt(self._begin(codec, self.plan_, data), self.bptt)
        if start is not None:
            start.begin(self.module_, codec)
        return data

    def _network(self, codec: C, plan: Plan) -> nn.Module:
        network = build(plan, self._given_module())
        embedding = getattr(network, "embedding", None)
        if isinstance(embedding, TokenEmbedding | WordEmbedding):
            embedding.set_rare(codec.rare())
        return network

    def _train(
        self,
        data: Encoded[B],
        valid: Encoded[B] | None,
        seed: int,
        callbacks: list[Callback],
    ) -> None:
        if valid is None and (self.patience is not None or self.schedule == "plateau"):
            raise OptionError(
                "patience and schedule='plateau' watch validation examples, and there are none: "
                "give validation=(X, y), or raise validation_fraction."
            )
        if self.verbose:
            callbacks.append(ProgressBar())
        trainer = self._make_trainer(callbacks, watched=valid is not None)
        trainer.seed = seed
        try:
            trainer.fit(
                lambda epoch: self._batches(data, seed, epoch),
                None if valid is None else lambda: self._evaluate(self.codec_, self.module_, valid),
            )
        except TrainingError as error:
            error.fitted = self
            raise
        finally:
            self.history_ = trainer.history
            self.module_.eval()

    def _make_trainer(self, callbacks: list[Callback], *, watched: bool) -> Trainer:
        monitor, mode = self._objective(self.codec_).monitors[self.monitor]
        return Trainer(
            self.module_,
            self._batch_loss,
            optimizer=self.optimizer,
            lr=self.lr,
            weight_decay=self.weight_decay,
            schedule=self.schedule,
            warmup=self.warmup,
            clip_norm=self.clip_norm,
            clip_value=self.clip_value,
            ema_decay=self.ema_decay,
            max_epochs=self.max_epochs,
            patience=self.patience if watched else None,
            monitor=monitor,
            mode=mode,
            callbacks=[*self._callbacks(), *callbacks],
        )

    def _batch_loss(self, network: nn.Module, batch: B) -> BatchLoss:
        output = self._forward(network, batch)
        loss = self._objective(self.codec_).loss(output.said, output.known)
        return BatchLoss(loss, len(output.known), output.tokens)

    def _shuffled(self, data: Encoded[B], seed: int, epoch: int) -> Batches[B]:
        return Batches(
            data.lengths, data.collate, batch_size=self.batch_size, seed=seed, rng_key=epoch
        )

    def _in_order(self, data: Encoded[B]) -> Batches[B]:
        """Without training: whole sequences, longest first."""
        size = max(self.batch_size, self._predict_batch)
        return Batches(data.lengths, data.collate, batch_size=size)

    # -- predict --------------------------------------------------------------------------------

    def _inputs(self, X: object) -> AnyExamples:
        """Inputs like those of the fit, checked, for a model that is fitted."""
        check_is_fitted(self, "module_")
        examples = self.codec_.read(X)
        self._check_columns(self.codec_, X, reset=False)
        return examples

    def _pairs(self, codec: C, X: object, y: object) -> AnyExamples:
        """Inputs and targets like those of the fit, checked."""
        examples = self._examples(codec, X, y)
        self._check_columns(codec, X, reset=False)
        return examples

    def _answers(self, examples: AnyExamples, answer: Callable[[B], Sequence[R]]) -> list[R]:
        """`answer(batch)` gives one result a sequence; results come back in order."""
        data = self._encode(self.codec_, examples)
        results: dict[int, R] = {}
        batches = self._in_order(data)
        self.module_.eval()
        with torch.inference_mode():
            for indices, batch in zip(batches.indices, batches, strict=True):
                results |= zip(indices.tolist(), answer(batch), strict=True)
        return [results[index] for index in range(len(data))]

    def subject(self, X: object, y: object = None) -> Subject:
        """The fitted network on these examples, for `rnnkit.diagnose`; without y no loss."""
        check_is_fitted(self, "module_")
        examples = self._to_inspect(X, y)
        data = self._encode(self.codec_, examples)
        batch = data.collate(np.arange(len(data)))
        return subject_of(
            self.module_,
            forward=lambda: self._forward(self.module_, batch),
            loss=lambda: self._batch_loss(self.module_, batch).loss,
            objective=self._objective(self.codec_),
            lengths=data.lengths,
            decodes=self._decodes,
            labels=self._step_labels(examples),
        )

    def _step_labels(self, examples: AnyExamples) -> list[str]:
        """What the steps of the first example are called."""
        return self.codec_.step_labels(examples.inputs[0])

    def _to_inspect(self, X: object, y: object) -> AnyExamples:
        """The examples of `subject`."""
        return self._inputs(X) if y is None else self._pairs(self.codec_, X, y)

    def _check_columns(self, codec: C, X: object, *, reset: bool) -> None:
        """Note (reset) or compare the columns of a table of series."""
        if codec.kind == "series":
            check_columns(self, X, reset=reset)

    # -- what was learnt ------------------------------------------------------------------------

    @property
    def _learnt(self) -> C:
        """The codec of a fit; before one its attributes raise NotFittedError."""
        check_is_fitted(self, "codec_")
        return self.codec_

    @property
    def kind_(self) -> str:
        """What X holds: "text", "series", "ids", "images" or "frames"."""
        return self._learnt.kind

    @property
    def num_parameters_(self) -> int:
        """Trained numbers in the network."""
        check_is_fitted(self, "module_")
        return count_parameters(self.module_)

    # -- files ----------------------------------------------------------------------------------

    def save(self, path: str | Path) -> None:
        """Write everything that prediction needs to one file; `rnnkit.load` reads it.

        Raises ArchiveError if the disk refuses or a parameter cannot be kept.
        """
        check_is_fitted(self, "module_")
        archive.write(path, files.header_of(self), to_arrays(files.distinct(self.module_)))

    @classmethod
    def from_archive(
        cls, header: archive.Header, tensors: Mapping[str, Tensor], **given: Any
    ) -> Self:
        """The estimator that `save` wrote.

        given: the callables that the file cannot hold, by parameter name.
        """
        estimator = cls(**files.parameters_from(header, given))
        codec = estimator._codec_from(files.codec_of(header), given)
        plan = Plan.from_json(header["plan"]) if "plan" in header else estimator._plan(codec)
        files.restore_columns(estimator, header["table"])
        estimator.codec_, estimator.plan_ = codec, plan
        files.check_sizes(plan, tensors)
        estimator.module_ = set_bptt(estimator._network(codec, plan), estimator.bptt)
        files.load_weights(estimator.module_, tensors)
        estimator.module_.eval()
        if header["history"] is not None:
            estimator.history_ = History.from_dict(header["history"])
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        # The optimizer's state belongs to the running process, not to a copy.
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_trainer"}


AnyEstimator: TypeAlias = SequenceEstimator[Any, Any]
"""An estimator, whatever its codec and batches are."""


def known_estimators() -> dict[str, type[AnyEstimator]]:
    """All that can be made, by the names that model files know them by."""
    return _KNOWN.by_name()
