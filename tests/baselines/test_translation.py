from __future__ import annotations

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.metrics.pairwise import cosine_similarity

from rnnkit.baselines import NearestTranslation
from rnnkit.errors import InputError


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
