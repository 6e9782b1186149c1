"""Many to many, aligned: a label for every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor, nn

from rnnkit.batch import pack_like
from rnnkit.bptt import Policy
from rnnkit.errors import InputError
from rnnkit.networks import TaggerNetwork, TokenEmbedding, WordEmbedding, build_encoder
from rnnkit.packed import Layout
from rnnkit.tasks.base import Encoded, SequenceEstimator, check_classes, with_classes
from rnnkit.tasks.inputs import read_like
from rnnkit.tasks.objectives import CrossEntropy
from rnnkit.tasks.spelling import Sentences, Sequences, Source, spelled
from rnnkit.tasks.subjects import step_labels
from rnnkit.vectorize import (
    IdVectorizer,
    LabelEncoder,
    SeriesVectorizer,
    WordVectorizer,
    labels_from_json,
    labels_to_json,
    used_steps,
)

__all__ = ["SequenceTagger"]

VECTORIZERS: dict[str, Any] = {
    "text": WordVectorizer,
    "series": SeriesVectorizer,
    "ids": IdVectorizer,
}

# The feed-forward contrast sees this many neighbors to either side.
WINDOW = 2


class TaggerBatch(NamedTuple):
    """source: what the network reads; targets: (N,) labels in packed order."""

    source: Source
    targets: Tensor | None


class SequenceTagger(SequenceEstimator):
    """Give every step a label: the part of speech of each word, the state at each moment.

    p(k | t) = softmax(W h_t + b), h from a bidirectional recurrent network over word vectors, each
    a learnt vector beside the last states of a character network (Plank et al. 2016).

    Parameters
    ----------
    cell : "lstm", "gru", "rnn" (tanh), "rnn-relu", or "none" for the feed-forward contrast (a
        window of two steps to either side).
    inputs : "auto", "text" (strings, split at white space), "tokens", "series" or "ids".
    lower, normalize, min_count : how words are counted; characters keep their case.
    character_size, character_hidden_size : of the character network; character_size=0 leaves it
        out.
    scale, missing : for series. The others are those of `SequenceClassifier`.

    Attributes
    ----------
    classes_, vectorizer_, module_, history_, num_parameters_

    >>> model = SequenceTagger(max_epochs=30, lr=0.02, hidden_size=16, random_state=0)
    >>> model = model.fit([["dogs", "bark"], ["birds", "sing"]] * 9, [["N", "V"]] * 18)
    >>> model.predict([["birds", "bark"], []])
    [['N', 'V'], []]
    """

    def __init__(
        self,
        *,
        cell: str = "lstm",
        inputs: str = "auto",
        lower: bool = True,
        normalize: str | None = None,
        min_count: int = 1,
        scale: str = "standard",
        missing: str = "mask",
        embedding_size: int = 100,
        character_size: int = 32,
        character_hidden_size: int = 64,
        hidden_size: int = 160,
        num_layers: int = 2,
        bidirectional: bool = True,
        dropout: float = 0.33,
        recurrent_dropout: float = 0.0,
        rare_dropout: float = 0.5,
        init: str = "orthogonal",
        forget_bias: float = 1.0,
        optimizer: str = "adamw",
        lr: float = 3e-3,
        weight_decay: float = 0.01,
        schedule: str = "one-cycle",
        warmup: float = 0.0,
        bptt: Policy | str | None = None,
        clip_norm: float | None = 5.0,
        clip_value: float | None = None,
        batch_size: int = 32,
        max_epochs: int = 12,
        patience: int | None = None,
        monitor: str = "accuracy",
        validation_fraction: float = 0.1,
        label_smoothing: float = 0.0,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.inputs = inputs
        self.lower = lower
        self.normalize = normalize
        self.min_count = min_count
        self.scale = scale
        self.missing = missing
        self.embedding_size = embedding_size
        self.character_size = character_size
        self.character_hidden_size = character_hidden_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bidirectional = bidirectional
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.rare_dropout = rare_dropout
        self.init = init
        self.forget_bias = forget_bias
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.bptt = bptt
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.label_smoothing = label_smoothing
        self.random_state = random_state
        self.verbose = verbose

    def predict(self, X: Any) -> list[list[Any]]:
        """The most probable label of each step, a list for each sequence; none for padding."""
        return [
            self.classes_[probabilities.argmax(axis=1)].tolist()
            for probabilities in self.predict_proba(X)
        ]

    def predict_proba(self, X: Any) -> list[np.ndarray]:
        """Softmax over the labels, (T, K) for each sequence; rows sum to 1."""
        check_is_fitted(self, "module_")
        sequences = self._inputs(X)
        # An empty sentence has no step to label, and no network needs to run for it.
        filled = [i for i, sequence in enumerate(sequences) if len(sequence)]
        results = [np.empty((0, len(self.classes_))) for _ in sequences]
        if filled:
            data = self._encode([sequences[i] for i in filled], None)
            for i, rows in zip(filled, self._in_batches(data, self._answer), strict=True):
                results[i] = rows.numpy()
        return results

    def score(self, X: Any, y: Any) -> float:
        """Share of steps with the right label, padding left out."""
        check_is_fitted(self, "module_")
        self._check_columns(X, reset=False)
        sequences, labels = self._aligned(y, *read_like(X, self.kind_))
        pairs = [
            pair
            for guesses, row in zip(self.predict(sequences), labels, strict=True)
            for pair in zip(guesses, row, strict=True)
        ]
        if not pairs:
            raise InputError("there is no step to score: every sequence is empty.")
        return sum(bool(guess == label) for guess, label in pairs) / len(pairs)

    def _answer(self, batch: TaggerBatch) -> list[Tensor]:
        probabilities = torch.softmax(self.module_(*batch.source).double(), dim=-1)
        return batch.source.x.with_data(probabilities).to_sequences()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.estimator_type = None
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = True
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        return tags

    # -- how it is made -------------------------------------------------------------------------

    def _read(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], list[list[Any]]]:
        if y is None:
            raise InputError(
                "SequenceTagger requires y to be passed, but the target y is None: a list of "
                "labels for each sequence."
            )
        kind, sequences = self._sequences(X, self.inputs, fitted=fitted)
        sequences, labels = self._aligned(y, kind, sequences)
        for position, sequence in enumerate(sequences):
            if len(sequence) == 0:
                raise InputError(f"X[{position}] is empty: leave out sequences without a step.")
        return sequences, labels

    def _aligned(
        self, y: Any, kind: str, sequences: list[Any]
    ) -> tuple[list[Any], list[list[Any]]]:
        """Sequences and labels of equal lengths, without the steps that are padding."""
        sequences = _as_words(kind, sequences)
        check_consistent_length(sequences, y)
        labels = [_plain_list(row) for row in y]
        for position, (sequence, row) in enumerate(zip(sequences, labels, strict=True)):
            if len(sequence) != len(row):
                raise InputError(
                    f"X[{position}] has {len(sequence)} steps but y[{position}] has {len(row)} "
                    f"labels; each step needs one."
                )
        used = [_steps(kind, sequence) for sequence in sequences]
        sequences = [sequence[steps] for sequence, steps in zip(sequences, used, strict=True)]
        return sequences, [row[steps] for row, steps in zip(labels, used, strict=True)]

    def _learn_labels(self, y: Any, classes: Any = None) -> None:
        self._labels = LabelEncoder(with_classes([label for row in y for label in row], classes))
        self.classes_ = self._labels.classes
        check_classes(self.classes_)

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:  # noqa: ARG002 - labels are known
        self.vectorizer_ = self._vectorizer().fit(X)

    def _vectorizer(self) -> Any:
        if self.kind_ == "series":
            return SeriesVectorizer(scale=self.scale, missing=self.missing)
        if self.kind_ == "ids":
            return IdVectorizer()
        return WordVectorizer(lower=self.lower, normalize=self.normalize, min_count=self.min_count)

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
            window=WINDOW,
        )
        return TaggerNetwork(embedding, encoder, len(self.classes_))

    def _embedding(self) -> WordEmbedding | TokenEmbedding | None:
        if self.kind_ == "series":
            return None
        size = self.vectorizer_.size if self.kind_ == "text" else self.vectorizer_.sizes[0]
        words = TokenEmbedding(
            [size],
            self.embedding_size,
            rare=self.vectorizer_.rare(),
            rare_dropout=self.rare_dropout,
        )
        if not self._spells():
            return words
        return spelled(
            words,
            self.vectorizer_,
            character_size=self.character_size,
            hidden_size=self.character_hidden_size,
            cell=self.cell,
            dropout=self.dropout,
        )

    def _spells(self) -> bool:
        return self.kind_ == "text" and self.character_size > 0

    def _encode(self, X: list[Any], y: Any | None) -> Encoded:
        sources = self._sources(X)
        targets = None if y is None else self._targets(y)

        def collate(indices: np.ndarray) -> TaggerBatch:
            source = sources.batch(indices)
            if targets is None:
                return TaggerBatch(source, None)
            return TaggerBatch(source, pack_like([targets[i] for i in indices], source.x))

        return Encoded(np.array([len(row) for row in sources.rows]), collate)

    def _sources(self, X: list[Any]) -> Sequences:
        if self._spells():
            return Sentences(self.vectorizer_, X)
        rows = self.vectorizer_.transform(X)
        return Sequences([row[:, None] for row in rows] if self.kind_ == "text" else rows)

    def _targets(self, y: Sequence[Sequence[Any]]) -> list[np.ndarray]:
        flat = self._labels.encode(label for row in y for label in row)
        return np.split(flat, np.cumsum([len(row) for row in y])[:-1])

    def _logits(self, module: nn.Module, batch: Any) -> tuple[Tensor, Tensor, int]:
        return module(*batch.source), batch.targets, batch.source.x.layout.num_rows

    def _objective(self) -> CrossEntropy:
        return CrossEntropy(label_smoothing=self.label_smoothing)

    def _inputs(self, X: Any) -> list[Any]:
        kind, sequences = read_like(X, self.kind_)
        self._check_columns(X, reset=False)
        return [sequence[_steps(kind, sequence)] for sequence in _as_words(kind, sequences)]

    def _look(self, batch: Any) -> Any:
        return self.module_(*batch.source)

    def _layout(self, batch: Any) -> Layout:
        layout: Layout = batch.source.x.layout
        return layout

    def _step_labels(self, sequence: Any) -> list[str]:
        return list(sequence) if self.kind_ == "text" else step_labels(self.vectorizer_, sequence)

    def _get_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind_,
            "vectorizer": self.vectorizer_.get_config(),
            "labels": labels_to_json(self.classes_),
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self.kind_ = state["kind"]
        self.vectorizer_ = VECTORIZERS[self.kind_].from_config(state["vectorizer"])
        self._labels = LabelEncoder(labels_from_json(state["labels"]))
        self.classes_ = self._labels.classes


def _as_words(kind: str, sequences: list[Any]) -> list[Any]:
    return [sequence.split() for sequence in sequences] if kind == "text" else sequences


def _steps(kind: str, sequence: Any) -> slice:
    """The steps of a sequence that are no padding; text has none."""
    if kind == "series":
        return used_steps(np.asarray(sequence, dtype=np.float64))
    return used_steps(sequence) if kind == "ids" else slice(None)


def _plain_list(row: Any) -> list[Any]:
    if isinstance(row, str) or not hasattr(row, "__len__"):
        raise InputError(
            f"y should hold a list of labels for each sequence, but holds {row!r:.40}."
        )
    values: list[Any] = row.tolist() if isinstance(row, np.ndarray) else list(row)
    return values
