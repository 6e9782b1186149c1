from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sacrebleu.metrics.chrf import CHRF

from rnnkit.errors import InputError
from rnnkit.metrics import chrf_between, most_agreed


@given(st.lists(st.text("ab 가👍", max_size=12), min_size=1, max_size=5))
def test_every_pair_has_the_chrf_of_sacrebleu(texts):
    scores = chrf_between(texts)
    metric = CHRF()
    for i, text in enumerate(texts):
        for j, reference in enumerate(texts):
            expected = metric.sentence_score(text, [reference]).score / 100
            assert scores[i, j] == pytest.approx(expected, abs=1e-12)


def test_the_chosen_text_has_the_best_mean_chrf_by_sacrebleu():
    generator = np.random.default_rng(0)
    texts = ["".join(generator.choice(list("abc "), 10)) for _ in range(12)]
    metric = CHRF()
    means = [np.mean([metric.sentence_score(a, [b]).score for b in texts]) for a in texts]
    assert most_agreed(texts) == int(np.argmax(means))


def test_the_first_of_equals_is_chosen():
    assert most_agreed(["rain", "sun", "rain", "sun"]) == 0
    assert most_agreed(["", ""]) == 0


def test_without_texts_there_is_nothing_to_choose():
    with pytest.raises(InputError, match="no texts"):
        most_agreed([])
