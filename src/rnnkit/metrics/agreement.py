"""Which of several sentences the others agree with most."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from rnnkit.errors import InputError

__all__ = ["chrf_between", "most_agreed"]

# As sacreBLEU counts chrF: characters without white space, n-grams of up to six, recall counts as
# much as four times precision (beta = 2).
ORDERS, BETA_SQUARED = 6, 4.0


def most_agreed(texts: Sequence[str]) -> int:
    """Where the text stands whose mean chrF against all of them is highest; the first of equals.

    Of sentences drawn from a model this is the one of least expected loss, by the model's own
    probabilities and 1 - chrF as the loss: minimum Bayes risk (Kumar & Byrne 2004; for neural
    models Eikema & Aziz 2020).

    >>> most_agreed(["a red box", "a blue box", "the moon", "a blue bow"])
    1
    """
    return int(chrf_between(texts).mean(axis=1).argmax())


def chrf_between(texts: Sequence[str]) -> np.ndarray:
    """(n, n), from 0 to 1: the chrF of text i, with text j as its reference.

    Equal to sacreBLEU's score of a sentence, divided by 100 (Popovic 2015). Raises InputError if
    there are no texts.

    >>> chrf_between(["운송 트럭", "트럭"]).round(2).tolist()
    [[1.0, 0.78], [0.47, 1.0]]
    """
    if len(texts) == 0:
        raise InputError("there are no texts to compare.")
    squeezed = ["".join(text.split()) for text in texts]
    precision, recall, orders = np.zeros((3, len(texts), len(texts)))
    for order in range(1, ORDERS + 1):
        grams = _occurrences(squeezed, order)
        shared = grams @ grams.T
        counts = np.diag(shared)
        both = np.outer(counts > 0, counts > 0)
        precision += shared / np.maximum(counts, 1)[:, None]
        recall += shared / np.maximum(counts, 1)
        orders += both
    precision, recall = precision / np.maximum(orders, 1), recall / np.maximum(orders, 1)
    below = np.maximum(BETA_SQUARED * precision + recall, np.finfo(float).tiny)
    scores: np.ndarray = (1 + BETA_SQUARED) * precision * recall / below
    return scores


def _occurrences(texts: Sequence[str], order: int) -> np.ndarray:
    """(n, G) of 0 and 1: the first, second, ... occurrence of an n-gram is a column each.

    So that the product of two rows is what they share, each occurrence counted once.
    """
    columns: dict[tuple[str, int], int] = {}
    found = []
    for row, text in enumerate(texts):
        seen: Counter[str] = Counter()
        for start in range(len(text) - order + 1):
            gram = text[start : start + order]
            seen[gram] += 1
            found.append((row, columns.setdefault((gram, seen[gram]), len(columns))))
    grams = np.zeros((len(texts), len(columns)))
    if found:
        grams[tuple(np.transpose(found))] = 1.0
    return grams
