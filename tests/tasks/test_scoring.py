from __future__ import annotations

import numpy as np
import pytest
import sacrebleu
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from rnnkit.errors import InputError
from rnnkit.tasks.scoring import NearestTranslation, score_by_group, score_translations

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
    with pytest.raises(ValueError, match="inconsistent numbers"):
        score_translations(["a"], ["a", "b"])


def test_the_nearest_is_the_one_of_highest_cosine():
    generator = np.random.default_rng(0)
    letters = np.array(list("abcde "))
    texts = ["".join(generator.choice(letters, size=8)) + "a" for _ in range(1300)]
    known, asked = texts[:600], texts[600:]
    nearest = NearestTranslation().fit(known, [str(i) for i in range(600)])
    vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 4)).fit(known)
    cosine = cosine_similarity(vectorizer.transform(asked), vectorizer.transform(known))
    chosen = cosine[np.arange(700), [int(row) for row in nearest.predict(asked)]]
    np.testing.assert_allclose(chosen, cosine.max(axis=1), atol=1e-5)


def test_a_known_source_gets_its_own_translation_and_none_is_none():
    nearest = NearestTranslation().fit(["Save file", "Open file"], ["저장", "열기"])
    assert nearest.predict(["open file", "Save file"]) == ["열기", "저장"]
    assert nearest.predict([]) == []
    assert nearest.score(["Open file"], ["열기"]) == 1.0
    with pytest.raises(InputError, match="no pairs"):
        NearestTranslation().fit([], [])
