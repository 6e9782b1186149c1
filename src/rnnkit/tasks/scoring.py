"""How good translations are, and what copying the nearest known translation would reach."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from rnnkit.errors import InputError

__all__ = ["NearestTranslation", "TranslationScores", "score_by_group", "score_translations"]

# Hangul, kana and Chinese characters: words are not (only) split at white space.
_CJK = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7ff]")

# So many rows of similarities to all training sources fit in memory at once.
_ROWS = 512


@dataclass(frozen=True)
class TranslationScores:
    """What a corpus of translations reaches, from 0 to 100.

    chrf: character n-gram F-score (Popovic 2015). bleu: (Papineni et al. 2002), over characters
    where the references hold Hangul, kana or Chinese characters, else over 13a tokens.
    exact: percent of the translations that equal their reference.
    chrf_signature, bleu_signature: sacreBLEU's, which say exactly what was counted.
    """

    count: int
    chrf: float
    bleu: float
    exact: float
    chrf_signature: str
    bleu_signature: str


def score_translations(guesses: Sequence[str], references: Sequence[str]) -> TranslationScores:
    """Corpus scores of translations, one reference for each.

    Raises InputError if there are none.

    >>> scores = score_translations(["운송 트럭", "개"], ["운송 트럭", "고양이"])
    >>> scores.exact, scores.bleu_signature.split("|")[3]
    (50.0, 'tok:char')
    """
    check_consistent_length(guesses, references)
    if not guesses:
        raise InputError("there are no translations to score.")
    metrics = CHRF(), BLEU(tokenize=_tokenization(references))
    chrf, bleu = (metric.corpus_score(list(guesses), [list(references)]) for metric in metrics)
    equal = sum(guess == reference for guess, reference in zip(guesses, references, strict=True))
    signatures = [str(metric.get_signature()) for metric in metrics]
    return TranslationScores(
        len(guesses), float(chrf.score), float(bleu.score), 100 * equal / len(guesses), *signatures
    )


def score_by_group(
    guesses: Sequence[str], references: Sequence[str], groups: Sequence[str]
) -> dict[str, TranslationScores]:
    """The scores of each group, in the order in which the groups first occur, and of "all".

    >>> scores = score_by_group(["a", "b"], ["a", "c"], ["letters", "others"])
    >>> {name: score.exact for name, score in scores.items()}
    {'letters': 100.0, 'others': 0.0, 'all': 50.0}
    """
    check_consistent_length(guesses, references, groups)
    scores = {}
    for name in dict.fromkeys(groups):
        rows = [row for row, group in enumerate(groups) if group == name]
        scores[name] = score_translations(
            [guesses[row] for row in rows], [references[row] for row in rows]
        )
    return {**scores, "all": score_translations(guesses, references)}


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
        check_consistent_length(X, y)
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
        asked: Any = self.vectorizer_.transform(X)
        copied: list[str] = []
        for start in range(0, asked.shape[0], _ROWS):
            similarity = (asked[start : start + _ROWS] @ self.known_.T).toarray()
            copied += [self.targets_[row] for row in similarity.argmax(axis=1)]
        return copied

    def score(self, X: Sequence[str], y: Sequence[str]) -> float:
        """chrF against y, from 0 to 1, as `Translator.score`."""
        return score_translations(self.predict(X), list(y)).chrf / 100


def _tokenization(references: Sequence[str]) -> str:
    return "char" if any(map(_CJK.search, references)) else "13a"
