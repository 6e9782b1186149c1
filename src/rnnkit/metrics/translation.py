"""How good translations are: chrF, BLEU and exact matches of a corpus."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF

from rnnkit.data.inputs import check_same_length
from rnnkit.errors import InputError

__all__ = ["TranslationScores", "score_by_group", "score_translations"]

# Hangul, kana and Chinese characters: words are not (only) split at white space.
_CJK = re.compile(r"[\u1100-\u11ff\u3040-\u30ff\u3130-\u318f\u3400-\u9fff\uac00-\ud7ff]")


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
    check_same_length(guesses=guesses, references=references)
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
    check_same_length(guesses=guesses, references=references, groups=groups)
    scores = {}
    for name in dict.fromkeys(groups):
        rows = [row for row, group in enumerate(groups) if group == name]
        scores[name] = score_translations(
            [guesses[row] for row in rows], [references[row] for row in rows]
        )
    return {**scores, "all": score_translations(guesses, references)}


def _tokenization(references: Sequence[str]) -> str:
    return "char" if any(map(_CJK.search, references)) else "13a"
