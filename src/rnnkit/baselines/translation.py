"""What copying the nearest known translation reaches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.validation import check_is_fitted

from rnnkit.data.inputs import check_same_length
from rnnkit.errors import InputError
from rnnkit.metrics.translation import score_translations

__all__ = ["NearestTranslation"]

# So many rows of similarities to all training sources fit in memory at once.
_ROWS = 512


class NearestTranslation(BaseEstimator):  # type: ignore[misc]
    """The baseline that learns nothing: copy the translation of the most similar known source.

    Similar is the cosine of tf-idf weighted character 1- to 4-grams within words. A source that
    shares nothing with any known one gets the first known translation.

    >>> nearest = NearestTranslation().fit(["delivery truck", "red apple"], ["운송 트럭", "사과"])
    >>> nearest.predict(["a fire truck", "green apple"])
    ['운송 트럭', '사과']
    """

    def fit(self, X: Sequence[str], y: Sequence[str]) -> Self:
        """Remember the pairs. Raises InputError if there are none."""
        check_same_length(X=X, y=y)
        if len(X) == 0:
            raise InputError("there are no pairs to copy from.")
        self.vectorizer_ = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4), dtype=np.float32)
        self.known_ = self.vectorizer_.fit_transform(X)
        self.targets_ = list(y)
        return self

    def predict(self, X: Sequence[str]) -> list[str]:
        """The translation of each text's nearest known source."""
        check_is_fitted(self, "known_")
        if len(X) == 0:
            return []
        asked = self.vectorizer_.transform(X)
        copied: list[str] = []
        for start in range(0, asked.shape[0], _ROWS):
            similarity = (asked[start : start + _ROWS] @ self.known_.T).toarray()
            copied += [self.targets_[row] for row in similarity.argmax(axis=1)]
        return copied

    def score(self, X: Sequence[str], y: Sequence[str]) -> float:
        """chrF against y, from 0 to 1, as `Translator.score`."""
        return score_translations(self.predict(X), list(y)).chrf / 100
