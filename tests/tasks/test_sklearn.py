"""scikit-learn's own checks, as far as a 2-D array of numbers means something for sequences: each
row is one univariate series. What is left out is named with its reason."""

from __future__ import annotations

import numpy as np
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks

from rnnkit import SequenceClassifier, SequenceRegressor, SequenceTagger

NOT_CHECKED = {
    "check_estimators_nan_inf": "NaN at the beginning or end of a series is padding, and inside a "
    "missing value, no error; infinity is refused (tests/vectorize/test_series.py)",
}


def small_classifier() -> SequenceClassifier:
    return SequenceClassifier(
        hidden_size=16, lr=0.02, max_epochs=25, batch_size=32, validation_fraction=0, dropout=0
    )


def small_regressor() -> SequenceRegressor:
    return SequenceRegressor(
        hidden_size=16, lr=0.02, max_epochs=60, batch_size=32, validation_fraction=0
    )


class EveryStepHasTheLabel(SequenceTagger):
    """scikit-learn's checks give one label a row; here every step of the row has that label."""

    def fit(self, X, y=None, **options):
        return super().fit(X, self.a_label_a_step(X, y), **options)

    def partial_fit(self, X, y=None, **options):
        return super().partial_fit(X, self.a_label_a_step(X, y), **options)

    def score(self, X, y):
        return super().score(X, self.a_label_a_step(X, y))

    def predict(self, X):
        return np.array(super().predict(X))

    def predict_proba(self, X):
        return np.stack(super().predict_proba(X))

    @staticmethod
    def a_label_a_step(X, y):
        if y is None or getattr(X, "ndim", 2) != 2 or hasattr(X, "toarray"):
            return y
        return [[label] * len(row) for row, label in zip(X, y, strict=False)]


@parametrize_with_checks([small_classifier()])
def test_classifier_passes_scikit_learns_check(estimator, check):
    check(estimator)


@parametrize_with_checks([small_regressor()])
def test_regressor_passes_scikit_learns_check(estimator, check):
    check(estimator)


@parametrize_with_checks(
    [EveryStepHasTheLabel(hidden_size=8, num_layers=1, max_epochs=2, validation_fraction=0)],
    expected_failed_checks=lambda _: NOT_CHECKED,
)
def test_tagger_passes_scikit_learns_check(estimator, check):
    check(estimator)


def test_grid_search_takes_raw_texts():
    X = ["good film", "bad film"] * 12
    y = [1, 0] * 12
    search = GridSearchCV(
        SequenceClassifier(max_epochs=6, lr=0.02, hidden_size=8, random_state=0),
        {"cell": ["gru", "none"]},
        cv=2,
    ).fit(X, y)
    assert search.best_score_ > 0.9
    assert search.predict(["a bad one"]).tolist() == [0]


def test_grid_search_takes_tagged_sentences():
    X = [["dogs", "bark"], ["birds", "sing"]] * 8
    y = [["N", "V"]] * 16
    search = GridSearchCV(
        SequenceTagger(max_epochs=6, lr=0.02, num_layers=1, random_state=0),
        {"hidden_size": [4, 16]},
        cv=2,
    ).fit(X, y)
    assert search.best_score_ > 0.9


def test_a_pipeline_prepares_texts_before_the_network():
    pipeline = make_pipeline(
        FunctionTransformer(lambda texts: [text.replace("@", "") for text in texts]),
        SequenceClassifier(max_epochs=6, lr=0.02, hidden_size=8, random_state=0),
    )
    X, y = ["go@od", "b@ad"] * 12, ["+", "-"] * 12
    assert pipeline.fit(X, y).predict(["good", "bad"]).tolist() == ["+", "-"]


def test_cross_validation_scores_series():
    X = np.random.default_rng(0).normal(size=(60, 8)) + np.repeat([[-1], [1]], 30, axis=0)
    y = np.repeat([0, 1], 30)
    assert cross_val_score(small_classifier(), X, y, cv=3).mean() > 0.9
