"""What all estimators share: checks, validation split, training, prediction in batches, files."""

from __future__ import annotations

import warnings
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from rnnkit import archive
from rnnkit.batch import Batches
from rnnkit.bptt import Policy, policy_of
from rnnkit.cells import SCHEMES, initialize_, set_bptt
from rnnkit.diagnose import Subject
from rnnkit.errors import InputError, OptionError, check_option
from rnnkit.learn import BatchLoss, Callback, History, ProgressBar, SizedBatches, Trainer
from rnnkit.networks import count_parameters
from rnnkit.packed import Layout
from rnnkit.tasks.carrying import WindowedBatches
from rnnkit.tasks.files import TABLE, distinct, header_of, load_weights, parameters_from
from rnnkit.tasks.inputs import check_columns, read_like, read_sequences
from rnnkit.tasks.objectives import CrossEntropy, Objective
from rnnkit.tasks.subjects import subject_of_examples
from rnnkit.tensors import to_arrays

__all__ = ["Encoded", "SequenceEstimator", "check_classes", "with_classes"]

PREDICT_BATCH = 256

POSITIVE = ("embedding_size", "hidden_size", "num_layers", "batch_size", "max_epochs")


@dataclass(frozen=True)
class Encoded:
    """Examples as numbers: their lengths, and what builds a batch of the chosen ones."""

    lengths: np.ndarray
    collate: Any

    def __len__(self) -> int:
        return len(self.lengths)


class SequenceEstimator(BaseEstimator):  # type: ignore[misc]
    """Base of the estimators. Subclasses say how examples become numbers, which network reads them
    and what it minimizes; every one of them is trained by back-propagation through time.
    """

    # Set by the subclasses' constructors, which only store.
    init: str
    forget_bias: float
    optimizer: str
    lr: float
    weight_decay: float
    schedule: str
    warmup: float
    bptt: Policy | str | None
    clip_norm: float | None
    clip_value: float | None
    ema_decay: float | None
    batch_size: int
    max_epochs: int
    patience: int | None
    monitor: str
    validation_fraction: float
    random_state: Any
    verbose: int

    # Whether states of a decoder go from step to step, each with a loss of its own.
    _decodes: ClassVar[bool] = False

    # Sequences that are read together without training, where a batch of training has fewer.
    _predict_batch: ClassVar[int] = PREDICT_BATCH

    # Steps between two updates, for those that read long sequences in windows.
    update_every: int | None = None

    # What can be watched on held-out examples.
    _monitors: ClassVar[Mapping[str, tuple[str, str]]] = CrossEntropy.monitors

    # Parameters that hold a callable: not kept in a file, given again to `load`.
    callables: ClassVar[tuple[str, ...]] = ()

    kind_: str  # of the inputs: "text", "series" or "ids"
    module_: nn.Module
    history_: History

    # -- what a subclass says -------------------------------------------------------------------

    @abstractmethod
    def _read(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], Any]:
        """Check X and y in the user's terms and return both as lists (y may be an array).

        fitted: X must be of the kind that the model was fitted on; otherwise that is noted.
        """

    @abstractmethod
    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:
        """Set the fitted vectorizers from the training examples."""

    @abstractmethod
    def _build(self) -> nn.Module:
        """The network for the fitted vectorizers; its recurrent values are set by `init`."""

    @abstractmethod
    def _encode(self, X: list[Any], y: Any | None) -> Encoded:
        """Examples as numbers; without y for prediction."""

    @abstractmethod
    def _logits(self, module: nn.Module, batch: Any) -> tuple[Tensor, Tensor, int]:
        """What the network says (N, ...), the targets (N, ...), and how many steps were read."""

    @abstractmethod
    def _inputs(self, X: Any) -> list[Any]:
        """Check X in the user's terms, for a model that is fitted."""

    @abstractmethod
    def _look(self, batch: Any) -> Any:
        """Read a batch, which may be without targets."""

    @abstractmethod
    def _layout(self, batch: Any) -> Layout | None:
        """Whose the rows of the logits are; None: one row a sequence, in order."""

    @abstractmethod
    def _step_labels(self, sequence: Any) -> list[str]:
        """What the steps of an input are called."""

    @abstractmethod
    def _get_state(self) -> dict[str, Any]:
        """Plain JSON: vectorizers and labels."""

    @abstractmethod
    def _set_state(self, state: dict[str, Any]) -> None:
        """Fitted attributes from what `_get_state` returned."""

    def _learn_labels(self, y: Any, classes: Any = None) -> None:
        """Set the labels: those of y, with the examples that will be held out, and `classes`."""

    def _check_columns(self, X: Any, *, reset: bool) -> None:
        """Note (reset) or compare the columns of a table of series."""
        if reset:
            for name in TABLE:
                self.__dict__.pop(name, None)
        if self.kind_ == "series" and (reset or hasattr(self, "n_features_in_")):
            check_columns(self, X, reset=reset)

    def _sequences(self, X: Any, inputs: str, *, fitted: bool) -> tuple[str, list[Any]]:
        """The kind of X, and its sequences."""
        if fitted:
            return read_like(X, self.kind_)
        kind, sequences = read_sequences(X, inputs)
        self.kind_ = "text" if kind == "tokens" else kind
        return kind, sequences

    @abstractmethod
    def _objective(self) -> Objective:
        """What is minimized."""

    def _targets_itself(self) -> bool:
        """Whether X holds the targets too."""
        return False

    def _groups(self, y: Any) -> np.ndarray:
        """Classes to keep in proportion when validation examples are set aside; one here."""
        return np.zeros(len(y), dtype=int)

    # -- fit ------------------------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any = None,
        *,
        validation: tuple[Any, Any] | None = None,
        callbacks: Iterable[Callback] = (),
    ) -> Self:
        """Learn from sequences X and targets y.

        validation: (X, y) to watch instead of a share of the training data.
        callbacks: objects with the hooks of `rnnkit.learn.Callback`.
        An interrupt (Ctrl-C) ends training, keeps the best weights so far, and warns.
        """
        self._check_options()
        table, (X, y) = X, self._read(X, y, fitted=False)
        self._check_columns(table, reset=True)
        self._learn_labels(y)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        if validation is not None:
            held_out = self._read(*validation, fitted=True)
        else:
            X, y, held_out = self._hold_out(X, y, seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._learn_vocabulary(X, y)
            train = self._encode(X, y)
            self.module_ = self._begin(train)
            self._train(train, held_out, seed, list(callbacks))
        return self

    def partial_fit(self, X: Any, y: Any = None, *, classes: Any = None) -> Self:
        """Go once over X and y, keeping what was learnt before.

        The first call fixes the vocabulary and the classes (`classes` names those that X does not
        show yet); later calls read unknown words as unknown.
        """
        self._check_options()
        begun = hasattr(self, "module_")
        table, (X, y) = X, self._read(X, y, fitted=begun)
        self._check_columns(table, reset=not begun)
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        # Each call has its own order and dropout, or the same units would be dropped every time.
        self._calls = getattr(self, "_calls", 0) + 1
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + self._calls)
            if not begun:
                self._learn_labels(y, classes)
                self._learn_vocabulary(X, y)
            data = self._encode(X, y)
            if not begun:
                self.module_ = self._begin(data)
            if not hasattr(self, "_trainer"):
                self._trainer = self._make_trainer([], watched=False)
            self.module_.train()
            for batch in self._next_batches(data, seed):
                self._trainer.train_batch(batch)
            self.module_.eval()
        return self

    def _begin(self, data: Encoded) -> nn.Module:
        """The network before its first step."""
        # Where all sequences are shorter, chrono still needs two lengths of memory to draw from.
        longest = max(3, int(data.lengths.max()))
        module = initialize_(
            self._build(), self.init, forget_bias=self.forget_bias, max_steps=longest
        )
        return set_bptt(module, self.bptt)

    def _train(self, train: Encoded, held_out: Any, seed: int, callbacks: list[Callback]) -> None:
        valid = self._encode(*held_out) if held_out is not None else None
        if valid is None and (self.patience is not None or self.schedule == "plateau"):
            raise OptionError(
                "patience and schedule='plateau' watch validation examples, and there are none: "
                "give validation=(X, y), or raise validation_fraction."
            )
        if self.verbose:
            callbacks.append(ProgressBar())
        # What partial_fit had begun belongs to another network.
        self.__dict__.pop("_trainer", None)
        trainer = self._make_trainer(callbacks, watched=valid is not None)
        try:
            trainer.fit(
                lambda epoch: self._batches(train, seed, epoch),
                None if valid is None else lambda: self._evaluate(valid),
            )
        finally:
            # After an error too: the best epoch's weights are there, and can be used and saved.
            self.history_ = trainer.history
            self.module_.eval()
        if self.history_.stopped == "interrupted":
            warnings.warn(
                "training was interrupted; the best weights so far are kept.",
                RuntimeWarning,
                stacklevel=3,
            )

    def _make_trainer(self, callbacks: list[Callback], *, watched: bool) -> Trainer:
        monitor, mode = self._monitors[self.monitor]
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
            callbacks=callbacks,
        )

    def _batch_loss(self, module: nn.Module, batch: Any) -> BatchLoss:
        outputs, targets, tokens = self._logits(module, batch)
        return BatchLoss(self._objective().loss(outputs, targets), len(targets), tokens)

    def _evaluate(self, data: Encoded) -> dict[str, float]:
        """Means over the targets, such as the loss without smoothing or weights."""
        told: dict[str, list[Tensor]] = {}
        for batch in self._in_order(data):
            for name, values in self._figures(batch).items():
                told.setdefault(name, []).append(values.double())
        return {name: float(torch.cat(values).nanmean()) for name, values in told.items()}

    def _figures(self, batch: Any) -> dict[str, Tensor]:
        """By its name in the history, the values of each target of a held-out batch."""
        outputs, targets, _ = self._logits(self.module_, batch)
        return self._objective().figures(outputs, targets)

    def _batches(self, data: Encoded, seed: int, epoch: int) -> SizedBatches:
        """An epoch of training."""
        batches = Batches(
            data.lengths, data.collate, batch_size=self.batch_size, seed=seed, rng_key=epoch
        )
        if self.update_every is None:
            return batches
        return WindowedBatches(batches, data.lengths, self.update_every)

    def _next_batches(self, data: Encoded, seed: int) -> SizedBatches:
        """What one call of partial_fit goes over."""
        return self._batches(data, seed, self._calls)

    def _in_order(self, data: Encoded) -> Batches[Any]:
        """Without training: whole sequences, longest first."""
        size = max(self.batch_size, self._predict_batch)
        return Batches(data.lengths, data.collate, batch_size=size)

    def _hold_out(self, X: list[Any], y: Any, seed: int) -> tuple[list[Any], Any, Any]:
        """Set a share of the examples aside, the same share of every class; none if too few."""
        groups = self._groups(y)
        order = np.random.default_rng(seed).permutation(len(X))
        aside: list[int] = []
        for group in np.unique(groups):
            members = order[groups[order] == group]
            aside += members[: int(len(members) * self.validation_fraction)].tolist()
        if not aside:
            return X, y, None
        kept = np.setdiff1d(np.arange(len(X)), aside)
        held_out = (_take(X, sorted(aside)), _take(y, sorted(aside)))
        return _take(X, kept), _take(y, kept), held_out

    # -- predict --------------------------------------------------------------------------------

    def _in_batches(self, data: Encoded, answer: Any) -> list[Any]:
        """`answer(batch)` gives one result a sequence; results come back in X's order."""
        results: list[Any] = [None] * len(data)
        batches = self._in_order(data)
        self.module_.eval()
        with torch.inference_mode():
            for indices, batch in zip(batches.indices, batches, strict=True):
                for index, result in zip(indices, answer(batch), strict=True):
                    results[index] = result
        return results

    def subject(self, X: Any, y: Any = None) -> Subject:
        """The fitted network on these examples, for `rnnkit.diagnose`; without y no loss."""
        check_is_fitted(self, "module_")
        if y is None and not self._targets_itself():
            X = self._inputs(X)
        else:
            X, y = self._read(X, y, fitted=True)
        return subject_of_examples(self, self._encode(X, y), self._step_labels(X[0]))

    # -- checks ---------------------------------------------------------------------------------

    def _check_options(self) -> None:
        for name in POSITIVE:
            value = getattr(self, name)
            if not isinstance(value, Integral) or value < 1:
                raise OptionError(f"{name}={value!r}, but it must be a whole number above 0.")
        if not isinstance(self.lr, Real) or not self.lr > 0:
            raise OptionError(f"lr={self.lr!r}, but it must be a number above 0.")
        check_option("monitor", self.monitor, self._monitors)
        check_option("init", self.init, SCHEMES)
        if not isinstance(self.forget_bias, Real) or not np.isfinite(float(self.forget_bias)):
            raise OptionError(f"forget_bias={self.forget_bias!r}, but it must be a number.")
        policy_of(self.bptt)
        for name in ("validation_fraction", "label_smoothing"):
            if not 0.0 <= getattr(self, name, 0.0) < 1.0:
                raise OptionError(f"{name}={getattr(self, name)}, but a share lies in [0, 1).")

    # -- files ----------------------------------------------------------------------------------

    @property
    def num_parameters_(self) -> int:
        """Trained numbers in the network."""
        check_is_fitted(self, "module_")
        return count_parameters(self.module_)

    def save(self, path: str | Path) -> None:
        """Write everything that prediction needs to one file; `rnnkit.load` reads it.

        Raises ArchiveError if the disk refuses or a parameter cannot be kept.
        """
        check_is_fitted(self, "module_")
        archive.write(path, header_of(self), to_arrays(distinct(self.module_)))

    @classmethod
    def from_archive(
        cls, header: Mapping[str, Any], tensors: Mapping[str, Tensor], **given: Any
    ) -> Self:
        """The estimator that `save` wrote.

        given: the callables that the file cannot hold, by parameter name.
        """
        estimator = cls(**parameters_from(header, given))
        estimator._set_state(header["state"])
        for name, value in header["table"].items():
            plain = np.array(value, dtype=object) if isinstance(value, list) else value
            setattr(estimator, name, plain)
        estimator.module_ = set_bptt(estimator._build(), estimator.bptt)
        load_weights(estimator.module_, tensors)
        estimator.module_.eval()
        if header["history"] is not None:
            estimator.history_ = History.from_dict(header["history"])
        return estimator

    def __getstate__(self) -> dict[str, Any]:
        # The optimizer's state belongs to the running process, not to a copy.
        state: dict[str, Any] = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_trainer"}


def check_classes(classes: np.ndarray) -> None:
    """Refuse to learn from labels that are all the same."""
    if len(classes) < 2:
        raise InputError(
            f"y holds one class only ({classes.tolist()[0]!r}), but at least two classes are "
            f"needed."
        )


def _take(values: Any, indices: Sequence[int] | np.ndarray) -> Any:
    if isinstance(values, np.ndarray):
        return values[indices]
    return [values[i] for i in indices]


def with_classes(labels: list[Any], classes: Any) -> list[Any]:
    """Labels and the classes named beside them, which must hold all of the labels."""
    if classes is None:
        return labels
    named = list(classes)
    unknown = sorted({label for label in labels if label not in named}, key=str)
    if unknown:
        raise InputError(f"y holds {unknown[0]!r}, which is not among classes={named!r}.")
    return labels + named
