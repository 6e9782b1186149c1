"""What a language model holds out is the end: of a list, or of the only text."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.codecs import LanguageCodec
from rnnkit.options import LanguageModelOptions


def held_out(X, share, seed=0):
    codec, examples = LanguageCodec.begin(LanguageModelOptions(), X)
    kept, aside = codec.hold_out(examples, share, np.random.default_rng(seed))
    return kept.inputs, None if aside is None else aside.inputs


@given(count=st.integers(2, 30), share=st.sampled_from([0.1, 0.25, 0.5]), seed=st.integers(0, 3))
def test_of_a_list_the_last_texts_are_held_out(count, share, seed):
    texts = [f"text {place}" for place in range(count)]
    kept, aside = held_out(texts, share, seed)
    assert kept + (aside or []) == texts
    assert len(aside or []) == int(count * share)


@given(text=st.text(alphabet="ab고\u0301👧 \n", min_size=1, max_size=60))
def test_of_one_text_the_end_is_held_out_and_nothing_is_lost(text):
    kept, aside = held_out(text, 0.3)
    assert "".join(kept + (aside or [])) == text
    # A line or a word begins what is held out, where there is one before the place.
    if aside is not None and any(mark in kept[0] for mark in "\n "):
        assert kept[0][-1] == ("\n" if "\n" in text[: int(len(text) * 0.7)] else " ")


def test_a_text_of_one_token_is_kept_whole():
    assert held_out("a", 0.3) == (["a"], None)
    assert held_out(["a"], 0.3) == (["a"], None)
    assert held_out("one two", 0.3) == (["one "], ["two"])


@pytest.mark.parametrize(
    ("level", "X", "mark"),
    [
        ("word", "a b", "line"),
        ("char", "a b", "none"),
        ("jamo", "a b", "none"),
        ("word", ["a b"], "document"),
        ("char", ["a b"], "document"),
    ],
)
def test_the_end_marks_fit_what_came(level, X, mark):
    codec, _ = LanguageCodec.begin(LanguageModelOptions(level=level), X)
    assert codec.vectorizer.end_mark == mark
