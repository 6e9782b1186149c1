"""What the estimators share that label every step: emissions, paths, scores, labels with gaps."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor, nn

from rnnkit.batch import pack_like
from rnnkit.decode import viterbi
from rnnkit.errors import InputError, OptionError
from rnnkit.networks import (
    ConditionalRandomField,
    FrameEmbedding,
    TaggerNetwork,
    TokenEmbedding,
    WordEmbedding,
    build_encoder,
)
from rnnkit.packed import Layout, Packed
from rnnkit.tasks.base import Encoded, SequenceEstimator, check_classes, with_classes
from rnnkit.tasks.carrying import StepBatch, outputs_of
from rnnkit.tasks.objectives import NO_LABEL, CrossEntropy
from rnnkit.tasks.spelling import Sequences
from rnnkit.tasks.videos import Footage
from rnnkit.tasks.weights import class_weights
from rnnkit.vectorize import LabelEncoder, labels_from_json, labels_to_json

__all__ = ["StepTagger"]


class StepTagger(SequenceEstimator):
    """Base of estimators that give every step of a sequence a label, or the path of labels its
    probability; a step whose label is None is read, but nothing is learnt from it.
    """

    # Set by the subclasses' constructors, which only store.
    cell: str
    hidden_size: int
    num_layers: int
    bidirectional: bool
    crf: bool
    dropout: float
    recurrent_dropout: float
    label_smoothing: float
    class_weight: str | dict[Any, float] | None

    # What a step is called.
    _step: ClassVar[str] = "step"

    vectorizer_: Any
    classes_: np.ndarray
    module_: TaggerNetwork

    @abstractmethod
    def _aligned(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], list[list[Any]]]:
        """Sequences, some of them maybe empty, and as many labels as each has steps."""

    @abstractmethod
    def _fitted_vectorizer(self, X: list[Any]) -> Any:
        """What makes numbers of sequences."""

    @abstractmethod
    def _embedding(self) -> WordEmbedding | TokenEmbedding | FrameEmbedding | None:
        """What makes vectors of the vectorizer's numbers; None where they are vectors."""

    @property
    @abstractmethod
    def _window(self) -> int:
        """How many steps to either side the feed-forward contrast sees."""

    @abstractmethod
    def _sources(self, X: list[Any]) -> Sequences | Footage:
        """Sequences as numbers, from which batches are taken by index."""

    # -- answers --------------------------------------------------------------------------------

    def predict(self, X: Any) -> list[list[Any]]:
        """The most probable label of each step, a list for each sequence; none for padding.

        With `crf`, the most probable path of labels (Viterbi).
        """
        check_is_fitted(self, "module_")
        answers = self._answers(X, self._path, np.empty(0, dtype=np.int64))
        return [self.classes_[labels].tolist() for labels in answers]

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """p(label | sequence) of each step, (T, K) for each sequence; rows sum to 1.

        With `crf`, over all paths of labels (forward-backward), so that the best label of a step
        need not be that of the best path.
        """
        check_is_fitted(self, "module_")
        return self._answers(X, self._probabilities, np.empty((0, len(self.classes_))))

    def score(self, X: Any, y: Any) -> float:
        """Share of steps with the right label, without padding and steps whose label is None."""
        check_is_fitted(self, "module_")
        self._check_columns(X, reset=False)
        sequences, labels = self._aligned(X, y, fitted=True)
        pairs = [
            pair
            for guesses, row in zip(self.predict(sequences), labels, strict=True)
            for pair in zip(guesses, row, strict=True)
            if pair[1] is not None
        ]
        if not pairs:
            raise InputError("there is no step to score: no sequence has one with a label.")
        return sum(bool(guess == label) for guess, label in pairs) / len(pairs)

    def _answers(
        self, X: Any, of: Callable[[Packed], Tensor], nothing: np.ndarray
    ) -> list[np.ndarray]:
        """What `of` makes of the emissions (N, K), sequence by sequence."""
        sequences = self._inputs(X)
        # An empty sentence has no step to label, and no network needs to run for it.
        filled = [i for i, sequence in enumerate(sequences) if len(sequence)]
        results = [nothing for _ in sequences]

        def answer(batch: StepBatch) -> list[Tensor]:
            emissions = self._emissions(batch)
            return emissions.with_data(of(emissions)).to_sequences()

        if filled:
            data = self._encode([sequences[i] for i in filled], None)
            for i, rows in zip(filled, self._in_batches(data, answer), strict=True):
                results[i] = rows.numpy()
        return results

    def _emissions(self, batch: StepBatch) -> Packed:
        """(N, K) what the network says of each step alone, in float64."""
        return batch.source.x.with_data(self.module_(*batch.source).double())

    def _path(self, emissions: Packed) -> Tensor:
        """(N,) the best label of each step."""
        crf = self.module_.crf
        if crf is None:
            return emissions.data.argmax(dim=-1)
        chain = (part.detach().numpy() for part in (crf.transitions, crf.start, crf.end))
        sizes = np.asarray(emissions.layout.batch_sizes)
        return torch.from_numpy(viterbi(emissions.data.numpy(), sizes, *chain))

    def _probabilities(self, emissions: Packed) -> Tensor:
        """(N, K) the probability of each label at each step."""
        crf = self.module_.crf
        if crf is None:
            return torch.softmax(emissions.data, dim=-1)
        return crf.marginals(emissions)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = None
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = True
        return tags

    # -- how it is made -------------------------------------------------------------------------

    def _check_options(self) -> None:
        super()._check_options()
        if not isinstance(self.crf, bool | np.bool_):
            raise OptionError(f"crf={self.crf!r}, but True or False is expected.")
        if self.crf and self.label_smoothing:
            raise OptionError(
                f"label_smoothing={self.label_smoothing} spreads the target of a step over all "
                f"labels, but crf=True learns whole paths: use label_smoothing=0 or crf=False."
            )
        if self.crf and self.class_weight is not None:
            raise OptionError(
                f"class_weight={self.class_weight!r} weighs single steps, but crf=True learns "
                f"whole paths: use class_weight=None or crf=False."
            )
        if self.update_every is not None and (self.bidirectional or self.crf):
            raise OptionError(
                f"update_every={self.update_every} trains on one window after the other, which "
                f"needs bidirectional=False and crf=False (they are {self.bidirectional} and "
                f"{self.crf})."
            )

    def _read(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], list[list[Any]]]:
        if y is None:
            raise InputError(
                f"{type(self).__name__} requires y to be passed, but the target y is None: a list "
                f"of labels for each sequence."
            )
        sequences, labels = self._aligned(X, y, fitted=fitted)
        for position, sequence in enumerate(sequences):
            if len(sequence) == 0:
                raise InputError(f"X[{position}] is empty: leave out sequences without a step.")
        return sequences, labels

    def _label_lists(self, sequences: list[Any], y: Any) -> list[list[Any]]:
        """Labels as lists, one for each step of each sequence."""
        check_consistent_length(sequences, y)
        labels = [_plain_list(row) for row in y]
        for position, (sequence, row) in enumerate(zip(sequences, labels, strict=True)):
            if len(sequence) != len(row):
                raise InputError(
                    f"X[{position}] has {len(sequence)} {self._step}s but y[{position}] has "
                    f"{len(row)} labels; each {self._step} needs one."
                )
        return labels

    def _learn_labels(self, y: Any, classes: Any = None) -> None:
        given = _given(y)
        if self.crf and len(given) < sum(map(len, y)):
            raise InputError("crf=True learns whole paths, but some labels are None.")
        if not given:
            raise InputError("y holds no label but None: there is nothing to learn from.")
        self._labels = LabelEncoder(with_classes(given, classes))
        self.classes_ = self._labels.classes
        check_classes(self.classes_)

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:
        self.vectorizer_ = self._fitted_vectorizer(X)
        given = np.array(_given(y), dtype=self.classes_.dtype)
        self.class_weight_ = class_weights(self.class_weight, self.classes_, given)

    def _build(self) -> nn.Module:
        embedding = self._embedding()
        width = self.vectorizer_.num_features if embedding is None else embedding.embedding_size
        encoder = build_encoder(
            self.cell,
            width,
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self.bidirectional,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
            window=self._window,
        )
        num_classes = len(self.classes_)
        crf = ConditionalRandomField(num_classes) if self.crf else None
        return TaggerNetwork(embedding, encoder, num_classes, crf=crf)

    def _encode(self, X: list[Any], y: Any | None) -> Encoded:
        sources = self._sources(X)
        targets = None if y is None else self._targets(y)

        def collate(indices: np.ndarray) -> StepBatch:
            source = sources.batch(indices)
            if targets is None:
                return StepBatch(source, None)
            return StepBatch(source, pack_like([targets[i] for i in indices], source.x))

        return Encoded(np.array([len(row) for row in sources.rows]), collate)

    def _targets(self, y: Sequence[Sequence[Any]]) -> list[np.ndarray]:
        labels = [label for row in y for label in row]
        known = np.array([label is not None for label in labels])
        flat = np.full(len(labels), NO_LABEL)
        flat[known] = self._labels.encode(label for label in labels if label is not None)
        return np.split(flat, np.cumsum([len(row) for row in y])[:-1])

    def _logits(self, module: nn.Module, batch: Any) -> tuple[Tensor, Tensor, int]:
        logits = self._after_labels(module, outputs_of(module, batch), batch)
        return logits, batch.targets, len(logits)

    def _after_labels(self, module: Any, emissions: Tensor, batch: StepBatch) -> Tensor:
        """(N, K) logits of each step's label, with `crf` after the labels that are before it.

        Either way their cross-entropy is -log p(labels | sequence), a mean over the steps.
        """
        if module.crf is None:
            return emissions
        logits: Tensor = module.crf(batch.source.x.with_data(emissions), batch.targets)
        return logits

    def _figures(self, batch: Any) -> dict[str, Tensor]:
        emissions = self._emissions(batch)
        logits = self._after_labels(self.module_, emissions.data, batch)
        figures = self._objective().figures(logits, batch.targets)
        right = self._path(emissions) == batch.targets  # which no label was given for
        known = figures["valid_loss"].isfinite()
        return {**figures, "valid_accuracy": torch.where(known, right.double(), torch.nan)}

    def _objective(self) -> CrossEntropy:
        weight = None if self.class_weight_ is None else torch.tensor(self.class_weight_)
        return CrossEntropy(weight=weight, label_smoothing=self.label_smoothing)

    def _look(self, batch: Any) -> Any:
        return self.module_(*batch.source)

    def _layout(self, batch: Any) -> Layout:
        layout: Layout = batch.source.x.layout
        return layout

    def _get_state(self) -> dict[str, Any]:
        return {
            "vectorizer": self.vectorizer_.get_config(),
            "labels": labels_to_json(self.classes_),
            "class_weight": self.class_weight_,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self._labels = LabelEncoder(labels_from_json(state["labels"]))
        self.classes_ = self._labels.classes
        # Older files know no weights.
        self.class_weight_ = state.get("class_weight")


def _given(y: Sequence[Sequence[Any]]) -> list[Any]:
    return [label for row in y for label in row if label is not None]


def _plain_list(row: Any) -> list[Any]:
    if isinstance(row, str) or not hasattr(row, "__len__"):
        raise InputError(
            f"y should hold a list of labels for each sequence, but holds {row!r:.40}."
        )
    values: list[Any] = row.tolist() if isinstance(row, np.ndarray) else list(row)
    return values
