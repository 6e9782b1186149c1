"""The n-grams beside which language models are shown."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.quality.ngrams import KneserNey

TOKENS = np.random.default_rng(0).integers(5, size=300).tolist()


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("context", [[], [1], [1, 2], [4, 4, 4], [9, 9]])
def test_probabilities_of_all_tokens_sum_to_1(order, context):
    model = KneserNey(order, 7).fit(TOKENS)
    total = sum(model.probability(token, context) for token in range(7))
    assert total == pytest.approx(1.0)
    assert all(model.probability(token, context) > 0 for token in range(5))


def test_a_bigram_is_what_the_formula_gives():
    # 0 1 0 2 0 1: after 0 comes 1 twice and 2 once; 1 and 2 follow one token each, 0 follows two.
    model = KneserNey(2, 3).fit([0, 1, 0, 2, 0, 1])
    top = 3 / (3 + 2 * 1)  # three bigrams once, one twice
    low = 2 / (2 + 2 * 1)  # 1 and 2 after one token each, 0 after two
    unigram = (1 - low) / 4 + low * 3 / 4 / 3
    assert model.probability(1, [0]) == pytest.approx((2 - top) / 3 + top * 2 / 3 * unigram)
    assert model.probability(1, []) == pytest.approx(unigram)


def test_what_repeats_is_less_perplexing_the_more_is_seen():
    tokens = [0, 1, 2, 1, 3] * 50
    perplexities = [KneserNey(order, 5).fit(tokens).perplexity(tokens) for order in (1, 2, 3)]
    assert perplexities[0] > perplexities[1] > perplexities[2]
