"""Many to one: a sequence to its class."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.base import ClassifierMixin
from sklearn.utils import Tags, assert_all_finite
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d
from torch import Tensor

from rnnkit.codecs import ClassifierCodec
from rnnkit.codecs.reading import required
from rnnkit.options import ClassifierOptions
from rnnkit.plans import ClassifierPlan
from rnnkit.tasks.batches import StepBatch
from rnnkit.tasks.estimator import CrossEntropy
from rnnkit.tasks.reader import SequenceReader, whole_plan

__all__ = ["SequenceClassifier"]


class SequenceClassifier(
    ClassifierMixin,  # type: ignore[misc]
    SequenceReader[ClassifierCodec],
    ClassifierOptions,
):
    """Give each sequence a class: sentiment of a review, what a series shows.

    p(k | x_1..x_T) = softmax(W pool(h_1..h_T) + b), h from a recurrent network.

    X: texts, lists of tokens, series (steps,) or (steps, features) of any lengths (a 2-D array is
    one series a row), or ids. NaN at either end of a series, and 0 at either end of ids, are
    padding. y: a label for each.

    Attributes
    ----------
    classes_, vectorizer_, module_, history_, num_parameters_; codec_ and plan_, which say what was
    learnt besides weights, and what the network is made of

    >>> model = SequenceClassifier(max_epochs=20, lr=0.01, random_state=0)
    >>> model = model.fit(["good film", "bad film"] * 20, [1, 0] * 20)
    >>> model.predict(["a good one", "bad"]).tolist()
    [1, 0]
    """

    def predict(self, X: object) -> np.ndarray:
        """The most probable class of each sequence, (n,)."""
        best = self.predict_proba(X).argmax(axis=1)
        labels: np.ndarray = self.classes_[best]
        return labels

    def predict_proba(self, X: object) -> np.ndarray:
        """Softmax over the classes, (n, K); rows sum to 1."""
        probabilities: np.ndarray = np.exp(self.predict_log_proba(X))
        return probabilities

    def predict_log_proba(self, X: object) -> np.ndarray:
        """Logarithm of the softmax, (n, K)."""

        def answer(batch: StepBatch) -> list[Tensor]:
            return list(torch.log_softmax(self.module_(*batch.source).double(), dim=-1))

        return np.stack([row.numpy() for row in self._answers(self._inputs(X), answer)])

    @property
    def classes_(self) -> np.ndarray:
        """(K,) the labels, sorted."""
        return self._learnt.labels.classes

    @property
    def class_weight_(self) -> list[float] | None:
        """The weight of each class in training; None where all count alike."""
        return self._learnt.labels.weights

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        return tags

    # -- how it is made -------------------------------------------------------------------------

    @property
    def _two_ways(self) -> bool:
        return self.bidirectional

    def _codec_type(self) -> type[ClassifierCodec]:
        return ClassifierCodec

    def _check_targets(self, y: object) -> np.ndarray:
        required(y, "SequenceClassifier", "one label for each sequence")
        labels: np.ndarray = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        return labels

    def _plan(self, codec: ClassifierCodec) -> ClassifierPlan:
        return whole_plan(self, codec, len(codec.labels), bidirectional=self.bidirectional)

    def _objective(self, codec: ClassifierCodec) -> CrossEntropy:
        weights = codec.labels.weights
        return CrossEntropy(
            weight=None if weights is None else torch.tensor(weights),
            label_smoothing=self.label_smoothing,
        )
