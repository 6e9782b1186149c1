from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import InputError, OptionError
from rnnkit.vectorize import (
    from_jamo,
    hashing_trick,
    normalize_text,
    one_hot,
    text_to_word_sequence,
    to_jamo,
)
from rnnkit.vectorize.text import FILTERS

HANGUL = st.characters(min_codepoint=0x1100, max_codepoint=0x11FF) | st.characters(
    min_codepoint=0xAC00, max_codepoint=0xD7A3
)
TEXTS = st.text(HANGUL | st.characters(codec="utf-8"))


def plain_words(text: str, filters: str, lower: bool, split: str) -> list[str]:
    """The definition, one character at a time."""
    text = text.lower() if lower else text
    replaced = "".join(split if character in filters else character for character in text)
    return [word for word in replaced.split(split) if word]


@given(
    st.text(),
    st.text(st.characters(max_codepoint=127)) | st.text(),
    st.booleans(),
    st.text(min_size=1, max_size=2),
)
def test_words_are_what_is_left_between_filtered_characters(text, filters, lower, split):
    expected = plain_words(text, filters, lower, split)
    assert text_to_word_sequence(text, filters, lower, split) == expected
    assert text_to_word_sequence(text, list(filters), lower, split) == expected


def test_every_character_is_kept_unless_it_is_filtered():
    everything = "".join(map(chr, range(sys.maxunicode + 1)))
    kept = "".join(text_to_word_sequence(everything, lower=False))
    assert kept == "".join(c for c in everything if c not in FILTERS + " ")


@pytest.mark.parametrize("wrong", [None, 2.5, b"bytes", ("a", "tuple"), ["a", "list"]])
def test_what_is_not_a_string_is_refused_as_keras_code_expects_it(wrong):
    with pytest.raises(InputError, match=type(wrong).__name__) as caught:
        text_to_word_sequence(wrong)
    assert isinstance(caught.value, AttributeError)


def test_an_empty_split_is_refused():
    with pytest.raises(OptionError, match="char_level"):
        text_to_word_sequence("text", split="")


def test_an_analyzer_replaces_filters_lower_and_split():
    assert hashing_trick("A-B", 9, len, analyzer=lambda text: [text, "A"]) == [4, 2]
    assert one_hot("A-B", 2, analyzer=lambda text: [text, "A", "x"]) == [1, 1, 1]


def test_one_hot_is_the_hash_of_python():
    assert one_hot("some words", 100) == [hash(word) % 99 + 1 for word in ("some", "words")]
    assert hashing_trick("some words", 100) == one_hot("some words", 100)


def test_an_unknown_hash_function_is_refused():
    with pytest.raises(OptionError, match="md5"):
        hashing_trick("text", 9, "md4")


@given(TEXTS)
def test_a_text_in_nfc_comes_back_from_jamo_exactly(text):
    text = unicodedata.normalize("NFC", text)
    assert from_jamo(to_jamo(text)) == text


@given(TEXTS)
def test_any_text_comes_back_from_jamo_canonically_equivalent(text):
    back = from_jamo(to_jamo(text))
    assert unicodedata.normalize("NFC", back) == unicodedata.normalize("NFC", text)


def test_every_syllable_becomes_two_or_three_jamo_and_comes_back():
    syllables = [chr(code) for code in range(0xAC00, 0xD7A4)]
    taken_apart = [to_jamo(syllable) for syllable in syllables]
    assert {len(jamo) for jamo in taken_apart} == {2, 3}
    assert all(0x1100 <= ord(one) <= 0x11FF for jamo in taken_apart for one in jamo)
    assert from_jamo("".join(taken_apart)) == "".join(syllables)


def test_jamo_leave_everything_but_syllables_alone():
    assert to_jamo("é e\u0301 ㄱㅏ 日本 ½") == "é e\u0301 ㄱㅏ 日本 ½"
    assert from_jamo("e\u0301 \u1100 \u11a8") == "e\u0301 \u1100 \u11a8"


def test_normalizing_knows_four_forms_and_none():
    assert normalize_text("ﬁ각", "NFKD") == "fi\u1100\u1161\u11a8"
    assert normalize_text("ﬁ각", "NFD") == "ﬁ\u1100\u1161\u11a8"
    assert normalize_text("ﬁ\u1100\u1161", None) == "ﬁ\u1100\u1161"
    with pytest.raises(OptionError, match="Did you mean 'NFC'"):
        normalize_text("text", "NFCX")
