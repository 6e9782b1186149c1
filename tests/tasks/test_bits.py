"""A prediction is the same to the last bit, alone and in any batch, with any number of threads."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit import SequenceClassifier, SequenceTagger
from tests.kernels.cases import needs_native, threads

pytestmark = needs_native

SIZES = {"embedding_size": 24, "hidden_size": 40, "max_epochs": 1, "random_state": 0}
ENGLISH = ["a", "film", "so", "very", "good", "bad", "warm", "dull", "funny", "cold"]
WORDS = [*ENGLISH, "영화", "정말", "좋다"]

CLASSIFIERS = {
    f"{cell}-{pooling}": {"cell": cell, "pooling": pooling}
    for cell in ("lstm", "gru", "rnn", "none")
    for pooling in ("last", "mean-max")
}
TAGGERS = {cell: {"cell": cell} for cell in ("lstm", "gru", "none")}


@cache
def classifier(name: str) -> SequenceClassifier:
    X = [" ".join(WORDS[i:]) for i in range(len(WORDS))] * 3
    y = [len(x) % 3 for x in X]
    return SequenceClassifier(num_layers=2, ngrams=2, **CLASSIFIERS[name], **SIZES).fit(X, y)


@cache
def tagger(name: str) -> SequenceTagger:
    X = [WORDS[i:] for i in range(len(WORDS))] * 3
    y = [[str(len(word) % 4) for word in x] for x in X]
    model = SequenceTagger(character_size=8, character_hidden_size=12, **TAGGERS[name], **SIZES)
    return model.fit(X, y)


def assert_same_bits(model: Any, texts: list[Any], order: list[int]) -> None:
    whole = [np.asarray(rows) for rows in model.predict_proba(texts)]
    for count in (1, 2):
        with threads(count):
            chosen = model.predict_proba([texts[i] for i in order])
            alone = [model.predict_proba([texts[i]])[0] for i in order[:3]]
        for i, rows in zip(order, chosen, strict=True):
            assert np.array_equal(np.asarray(rows), whole[i])
        for i, rows in zip(order, alone, strict=False):
            assert np.array_equal(np.asarray(rows), whole[i])


TEXTS = st.lists(
    st.lists(st.sampled_from([*WORDS, "unseen", "?"]), min_size=1, max_size=25),
    min_size=1,
    max_size=40,
)


@pytest.mark.parametrize("name", CLASSIFIERS)
@settings(max_examples=12)
@given(TEXTS, st.data())
def test_a_classifiers_probabilities_do_not_depend_on_the_batch(
    name: str, texts: list[list[str]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    order = order[: data.draw(st.integers(1, len(texts)))]
    assert_same_bits(classifier(name), [" ".join(text) for text in texts], order)


@pytest.mark.parametrize("name", TAGGERS)
@settings(max_examples=12)
@given(TEXTS, st.data())
def test_a_taggers_probabilities_do_not_depend_on_the_batch(
    name: str, texts: list[list[str]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(texts))))
    order = order[: data.draw(st.integers(1, len(texts)))]
    assert_same_bits(tagger(name), texts, order)


@pytest.mark.parametrize("cell", ["gru", "none"])
def test_series_are_classified_and_labelled_alike_in_any_batch(cell: str) -> None:
    generator = np.random.default_rng(0)
    X = [generator.normal(size=(n, 3)) for n in range(1, 60)]
    order = generator.permutation(len(X)).tolist()
    model = SequenceClassifier(cell=cell, **SIZES).fit(X, [len(x) % 2 for x in X])
    assert_same_bits(model, X, order[:20])
    labels = [(x[:, 0] > 0).astype(int).tolist() for x in X]
    assert_same_bits(SequenceTagger(cell=cell, **SIZES).fit(X, labels), X, order[:20])
