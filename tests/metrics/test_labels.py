from __future__ import annotations

import numpy as np
import pytest

from rnnkit.errors import InputError
from rnnkit.metrics import score_labels, score_ranking

LABELS = ["a", "a", "b", "b", "b", "c"]
GUESSES = ["a", "b", "b", "b", "a", "b"]


def test_scores_of_each_label_are_those_counted_by_hand():
    scores = score_labels(GUESSES, LABELS)
    assert (scores.count, scores.accuracy) == (6, 0.5)
    found = {name: (one.precision, one.recall, one.f1) for name, one in scores.per_label.items()}
    assert found["a"] == pytest.approx((1 / 2, 1 / 2, 1 / 2))
    assert found["b"] == pytest.approx((2 / 4, 2 / 3, 4 / 7))
    assert found["c"] == (0.0, 0.0, 0.0)
    assert scores.macro_f1 == pytest.approx((1 / 2 + 4 / 7) / 3)
    assert [one.support for one in scores.per_label.values()] == [2, 3, 1]


def test_the_correlation_of_two_classes_is_pearsons():
    truth, said = [1, 1, 0, 0, 1], [1, 0, 0, 0, 1]
    scores = score_labels(list(map(str, said)), list(map(str, truth)))
    assert scores.mcc == pytest.approx(np.corrcoef(truth, said)[0, 1])


def test_labels_keep_the_order_of_the_names_and_those_that_never_occur_are_left_out():
    assert list(score_labels(["x"], ["y"], ["z", "y", "x"]).per_label) == ["y", "x"]


def test_ranking_is_the_share_of_pairs_in_the_right_order():
    chances, truth = [0.9, 0.8, 0.3, 0.2, 0.1], [True, False, True, False, False]
    scores = score_ranking(chances, truth)
    assert scores.roc_auc == pytest.approx(5 / 6)
    assert scores.average_precision == pytest.approx((1 / 1 + 2 / 3) / 2)


def test_what_cannot_be_scored_is_refused():
    with pytest.raises(InputError, match="no labels to score"):
        score_labels([], [])
    with pytest.raises(InputError, match="guesses holds 1, labels holds 2"):
        score_labels(["a"], ["a", "b"])
    with pytest.raises(InputError, match="nothing to sort"):
        score_ranking([0.1, 0.2], [True, True])
