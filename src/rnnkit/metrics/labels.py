"""How good predicted labels are, in all and one by one, and how well chances sort examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    roc_auc_score,
)

from rnnkit.data.inputs import check_same_length
from rnnkit.errors import InputError

__all__ = ["LabelScore", "LabelScores", "RankingScores", "score_labels", "score_ranking"]


@dataclass(frozen=True)
class LabelScore:
    """Of one label, from 0 to 1.

    precision: the share that is right of where it was said. recall: the share that was found of
    where it is. f1: their harmonic mean. support: where it is.
    """

    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class LabelScores:
    """What `count` labels reach.

    accuracy: the share that is right. macro_f1: the mean F1 of all labels that were said or are
    there, rare ones as much as others. mcc: Matthews' correlation coefficient, from -1 to 1, 0
    where chance would reach as much. per_label: of each label.
    """

    count: int
    accuracy: float
    macro_f1: float
    mcc: float
    per_label: dict[str, LabelScore]


@dataclass(frozen=True)
class RankingScores:
    """How well chances sort what is true before what is not, from 0 to 1.

    roc_auc: the probability that something true has the higher chance than something that is not.
    average_precision: the mean precision over the true ones, each as the last that is taken.
    """

    roc_auc: float
    average_precision: float


def score_labels(
    guesses: Sequence[str], labels: Sequence[str], names: Sequence[str] | None = None
) -> LabelScores:
    """The scores of guessed labels.

    names: the labels in the order in which they are told; sorted if None. Those that were neither
    said nor are there are left out. Raises InputError if there is nothing to score.

    >>> scores = score_labels(["pos", "neg", "neg", "pos"], ["pos", "pos", "neg", "pos"])
    >>> scores.accuracy, scores.per_label["neg"].precision
    (0.75, 0.5)
    """
    check_same_length(guesses=guesses, labels=labels)
    if len(guesses) == 0:
        raise InputError("there are no labels to score.")
    right = sum(guess == label for guess, label in zip(guesses, labels, strict=True))
    met = {*guesses, *labels}
    return LabelScores(
        len(labels),
        right / len(labels),
        float(f1_score(labels, guesses, average="macro", zero_division=0)),
        float(matthews_corrcoef(labels, guesses)),
        _per_label(guesses, labels, [name for name in names or sorted(met) if name in met]),
    )


def _per_label(
    guesses: Sequence[str], labels: Sequence[str], names: list[str]
) -> dict[str, LabelScore]:
    figures = precision_recall_fscore_support(labels, guesses, labels=names, zero_division=0)
    rows = zip(*(figure.tolist() for figure in figures), strict=True)
    return {name: LabelScore(*row) for name, row in zip(names, rows, strict=True)}


def score_ranking(chances: Sequence[float] | np.ndarray, truth: Sequence[bool]) -> RankingScores:
    """How well the chance that each example was given sorts those of which it is true.

    Raises InputError if it is true of all or of none: there is nothing to sort then.

    >>> score_ranking([0.9, 0.4, 0.6, 0.1], [True, True, False, False])
    RankingScores(roc_auc=0.75, average_precision=0.8333333333333333)
    """
    check_same_length(chances=chances, truth=truth)
    if len(set(truth)) < 2:
        raise InputError("all examples are of one class, so that there is nothing to sort.")
    return RankingScores(
        float(roc_auc_score(truth, chances)), float(average_precision_score(truth, chances))
    )
