from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.vectorize.factorize import LONGEST, Words, _first_equal, chunks, factorize

IDENTITY = bytes(range(256))
CHARACTERS = st.sampled_from(list("ab \x00é한글👍\ud800"))
TEXTS = st.lists(st.text(CHARACTERS, max_size=60), max_size=8)


def words_of(texts: list[str]) -> list[list[str]]:
    return [[word for word in text.split(" ") if word] for text in texts]


@given(TEXTS)
def test_words_come_back_text_by_text(texts):
    words = factorize(texts, IDENTITY, b" ")
    assert words.replaced(words.distinct, None) == words_of(texts)


@given(TEXTS)
def test_distinct_words_stand_in_the_order_first_seen(texts):
    words = factorize(texts, IDENTITY, b" ")
    assert words.distinct == list(dict.fromkeys(word for row in words_of(texts) for word in row))


@given(TEXTS)
def test_counts_are_those_of_a_counter(texts):
    words, rows = factorize(texts, IDENTITY, b" "), words_of(texts)
    assert words.counts() == Counter(word for row in rows for word in row)
    assert words.text_counts() == Counter(word for row in rows for word in set(row))


@pytest.mark.parametrize("length", [1, 7, 8, 9, 15, 16, 17, 40])
def test_words_that_differ_in_one_byte_anywhere_are_different(length):
    base = "a" * length
    others = [base[:i] + "b" + base[i + 1 :] for i in range(length)]
    texts = [" ".join([base, *others, base, base + "\x00", base[:-1] + "\x00"])]
    words = factorize(texts, IDENTITY, b" ")
    assert words.distinct == [base, *others, base + "\x00", base[:-1] + "\x00"]


def test_the_table_is_applied_before_splitting():
    table = bytes(ord("|") if chr(code) in ".," else code for code in range(256))
    assert factorize(["a.b,|c d"], table, b"|").distinct == ["a", "b", "c d"]


def test_values_that_are_left_out_are_not_in_the_rows():
    words = factorize(["a b a", "b", "c b"], IDENTITY, b" ")
    gone = object()
    assert words.replaced([1, gone, None], gone) == [[1, 1], [], [None]]


def test_a_very_long_word_is_left_to_the_caller():
    assert isinstance(factorize(["a" * LONGEST], IDENTITY, b" "), Words)
    assert factorize(["a" * (LONGEST + 1)], IDENTITY, b" ") is None


@pytest.mark.parametrize("texts", [["abc abd"], ["abcdefghij abcdefghik"], ["a ab"], ["a a\x00"]])
def test_two_words_with_one_hash_are_noticed(texts, monkeypatch):
    monkeypatch.setattr(
        "rnnkit.vectorize.factorize._first_equal", lambda hashes: np.zeros(len(hashes), int)
    )
    assert factorize(texts, IDENTITY, b" ") is None


@given(st.lists(st.integers(0, 2**64 - 1) | st.integers(0, 3), max_size=50))
def test_first_equal_finds_the_first_place_of_each_hash(hashes):
    found = _first_equal(np.array(hashes, dtype=np.uint64))
    assert found.tolist() == [hashes.index(value) for value in hashes]


def test_chunks_keep_every_text_once_and_in_order(monkeypatch):
    monkeypatch.setattr("rnnkit.vectorize.factorize.CHUNK", 5)
    texts = ["ab", "cdef", "", ["g", "h"], None, "i" * 9]
    assert [text for chunk in chunks(iter(texts)) for text in chunk] == texts
    assert [len(chunk) for chunk in chunks(texts)] == [2, 4]
    assert list(chunks([])) == []
