from __future__ import annotations

import pytest
import sacrebleu

from rnnkit.errors import InputError
from rnnkit.metrics import score_by_group, score_translations

GUESSES = ["파일을 지우기", "새 폴더", "닫기"]
REFERENCES = ["파일 지우기", "새 폴더", "열기"]


def test_scores_are_those_of_sacrebleu():
    scores = score_translations(GUESSES, REFERENCES)
    assert scores.count == 3
    assert scores.chrf == sacrebleu.corpus_chrf(GUESSES, [REFERENCES]).score
    assert scores.bleu == sacrebleu.corpus_bleu(GUESSES, [REFERENCES], tokenize="char").score
    assert scores.exact == pytest.approx(100 / 3)


@pytest.mark.parametrize(
    ("reference", "tokenization"),
    [("새 폴더", "char"), ("新しい", "char"), ("カメラ", "char"), ("Käse", "13a"), ("мир", "13a")],
)
def test_bleu_counts_characters_where_words_are_not_split_at_white_space(reference, tokenization):
    scores = score_translations(["x"], [reference])
    assert f"tok:{tokenization}|" in scores.bleu_signature


def test_groups_keep_their_order_and_all_comes_last():
    scores = score_by_group(GUESSES, REFERENCES, ["ui", "name", "ui"])
    assert list(scores) == ["ui", "name", "all"]
    assert [scores[name].count for name in scores] == [2, 1, 3]
    assert (scores["name"].exact, scores["ui"].exact) == (100.0, 0.0)
    assert scores["all"] == score_translations(GUESSES, REFERENCES)


def test_nothing_to_score_or_of_unequal_number_is_refused():
    with pytest.raises(InputError, match="no translations"):
        score_translations([], [])
    with pytest.raises(ValueError, match="guesses holds 1, references holds 2"):
        score_translations(["a"], ["a", "b"])
