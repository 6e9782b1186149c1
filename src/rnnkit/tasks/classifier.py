"""Many to one: a sequence to its class."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, check_is_fitted, column_or_1d

from rnnkit.errors import InputError
from rnnkit.options import ClassifierOptions
from rnnkit.tasks.base import check_classes, with_classes
from rnnkit.tasks.objectives import CrossEntropy
from rnnkit.tasks.reader import SequenceReader
from rnnkit.tasks.weights import class_weights
from rnnkit.vectorize import (
    LabelEncoder,
    labels_from_json,
    labels_to_json,
)

__all__ = ["SequenceClassifier"]


class SequenceClassifier(ClassifierMixin, SequenceReader, ClassifierOptions):  # type: ignore[misc]
    """Give each sequence a class: sentiment of a review, what a series shows.

    p(k | x_1..x_T) = softmax(W pool(h_1..h_T) + b), h from a recurrent network.

    Parameters
    ----------
    cell : "lstm", "gru", "rnn" (tanh), "rnn-relu", or "none" for the feed-forward contrast (a
        bag of tokens, or the padded window of a series).
    inputs : "auto", or "text", "tokens", "series", "ids" to say what X is. Series are lists or
        arrays of numbers, (steps,) or (steps, features), of any lengths; a 2-D array is one series
        a row. NaN at either end of a series, and 0 at either end of ids, are padding.
    level : "word", "char" or "jamo": what a step of a text is.
    lower, normalize, analyzer, num_words, min_count : as in `Tokenizer`; tokens seen fewer than
        `min_count` times are unknown.
    ngrams, whole_words, buckets : hashed n-grams up to `ngrams`, and hashed whole words (for
        level="char"), added to each step's embedding.
    max_length, truncating : steps kept of a text, dropping from the front ("pre") or the end.
    scale : of series, with the training data's figures: "standard" (mean 0, deviation 1),
        "signed-log" (logarithms before that, for amounts of all sizes) or "none".
    missing : "mask" takes a NaN inside a series as the last value before it and tells the network
        where values were missing; "refuse" raises.
    embedding_size, hidden_size, num_layers, bidirectional, pooling : the network; `pooling` is
        "last", "mean", "max" or "mean-max".
    dropout, recurrent_dropout, rare_dropout : locked dropout on inputs and states; share of W_hh
        dropped; chance that a word seen once is read as unknown.
    language_model : the file of a `LanguageModel` of the same level, cell and sizes, which has read
        texts of the same sort without labels, or these very ones (Dai & Le 2015). Training begins
        with its vectors and recurrent layers; texts are read as the language model reads them, with
        its vocabulary: `lower`, `normalize` and `min_count` do not count. The saved model does not
        need the file again.
    init, forget_bias : initial values of the recurrent layers, "orthogonal", "torch", "chrono"
        (gates that remember for up to as long as the longest training sequence), or "identity"
        (for cell="rnn-relu"); see `initialize_`.
    bptt : how far gradients go back, a policy of `rnnkit.bptt` or its text, such as
        "truncated(50, 100)"; None goes back to the first step.
    optimizer, lr, weight_decay, schedule, warmup, clip_norm, clip_value, ema_decay, batch_size,
    max_epochs, patience, monitor, validation_fraction, label_smoothing, class_weight : training;
        see `Trainer`. The epoch best in `monitor` ("accuracy" or "loss") on the held-out share is
        kept, also where an error ends training later.
    random_state : seed. verbose : 1 shows a progress bar.

    Attributes
    ----------
    classes_, vectorizer_, module_, history_, num_parameters_

    >>> model = SequenceClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> model = model.fit(["good film", "bad film"] * 20, [1, 0] * 20)
    >>> model.predict(["a good one", "bad"]).tolist()
    [1, 0]
    """

    def predict(self, X: Any) -> np.ndarray:
        """The most probable class of each sequence, (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: np.ndarray = self.classes_[best]
        return labels

    def predict_proba(self, X: Any) -> np.ndarray:
        """Softmax over the classes, (n, K); rows sum to 1."""
        probabilities: np.ndarray = np.exp(self.predict_log_proba(X))
        return probabilities

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Logarithm of the softmax, (n, K)."""
        check_is_fitted(self, "module_")
        data = self._encode(self._inputs(X), None)
        rows = self._in_batches(
            data, lambda batch: torch.log_softmax(self.module_(*batch.source).double(), dim=-1)
        )
        return np.stack([row.numpy() for row in rows])

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    # -- how it is made -------------------------------------------------------------------------

    def _read(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], np.ndarray]:
        if y is None:
            raise InputError(
                "SequenceClassifier requires y to be passed, but the target y is None: one label "
                "for each sequence."
            )
        _, sequences = self._sequences(X, self.inputs, fitted=fitted)
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        check_consistent_length(sequences, labels)
        return sequences, labels

    def _groups(self, y: Any) -> np.ndarray:
        return np.asarray(y)

    def _learn_labels(self, y: Any, classes: Any = None) -> None:
        self._labels = LabelEncoder(y if classes is None else with_classes(y.tolist(), classes))
        self.classes_ = self._labels.classes
        check_classes(self.classes_)

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:
        super()._learn_vocabulary(X, y)
        self.class_weight_ = class_weights(self.class_weight, self.classes_, np.asarray(y))

    def _objective(self) -> CrossEntropy:
        weight = None if self.class_weight_ is None else torch.tensor(self.class_weight_)
        return CrossEntropy(weight=weight, label_smoothing=self.label_smoothing)

    def _num_outputs(self) -> int:
        return len(self.classes_)

    def _targets(self, y: Any) -> np.ndarray:
        return self._labels.encode(np.asarray(y).tolist())

    def _get_state(self) -> dict[str, Any]:
        return {
            **super()._get_state(),
            "labels": labels_to_json(self.classes_),
            "class_weight": self.class_weight_,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        super()._set_state(state)
        self._labels = LabelEncoder(labels_from_json(state["labels"]))
        self.classes_ = self._labels.classes
        self.class_weight_ = state["class_weight"]
