from __future__ import annotations

import copy
import json
import pickle
import sys
import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import MissingDependencyError, OptionError
from rnnkit.vectorize import SubwordVectorizer

CORPUS = [
    "고양이가 우유를 마신다.",
    "고양이는 생선을 좋아한다.",
    "A cat drinks milk.",
    "Cats like fish 🐟, and milk!",
] * 3

HANGUL = st.text(st.characters(min_codepoint=0xAC00, max_codepoint=0xD7A3))
JAMO = st.text(st.characters(min_codepoint=0x1100, max_codepoint=0x11FF))
EMOJI = st.text(st.characters(min_codepoint=0x1F300, max_codepoint=0x1FAFF))
ANY = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\u2581"))


@pytest.fixture(scope="module")
def fitted():
    return SubwordVectorizer(size=320).fit(CORPUS)


@given(st.lists(HANGUL | JAMO | EMOJI | ANY, max_size=4).map(" ".join))
def test_a_text_comes_back_in_its_normal_form(fitted, text):
    (row,) = fitted.transform([text])
    assert fitted.inverse(row[:, 0]) == unicodedata.normalize("NFC", text)
    assert row.dtype == np.int64
    assert ((row >= 2) & (row < fitted.sizes[0])).all() or not text


def test_frequent_words_are_one_subword_and_unseen_characters_are_bytes(fitted):
    (row,) = fitted.transform(["고양이 犬"])
    tokens = fitted.tokens(row[:, 0])
    assert tokens[0] == "▁고양이"
    assert tokens[-3:] == [f"<0x{byte:02X}>" for byte in "犬".encode()]


def test_ids_are_those_of_sentencepiece_itself(fitted):
    import sentencepiece

    processor = sentencepiece.SentencePieceProcessor(model_proto=fitted._model)
    for row, text in zip(fitted.transform(CORPUS), CORPUS, strict=True):
        assert row[:, 0].tolist() == processor.encode(text)


def test_names_of_reserved_pieces_in_a_text_are_text(fitted):
    text = "<unk> <pad> <0x41> </s>\n\ttwo  spaces "
    (row,) = fitted.transform([text])
    assert fitted.inverse(row[:, 0]) == text


def test_the_space_sign_comes_back_as_a_space(fitted):
    assert fitted.inverse(fitted.transform(["a▁b"])[0][:, 0]) == "a b"


def test_empty_texts_and_lone_surrogates_are_read(fitted):
    empty, broken = fitted.transform(["", "a\ud800"])
    assert empty.tolist() == [[0]]
    assert fitted.tokens([0, 1]) == ["?", "?"]
    assert fitted.inverse(broken[:, 0]) == "a?"
    assert fitted.inverse([]) == ""


def test_bytes_that_are_no_text_become_replacement_signs(fitted):
    assert fitted.inverse([2 + 0xED]) == "\ufffd"


def test_token_lists_are_read_as_joined_by_spaces(fitted):
    together, apart = fitted.transform(["A cat", ["A", "cat"]])
    assert together.tolist() == apart.tolist()


def test_composed_and_decomposed_and_lowered_texts_are_one_input():
    vectorizer = SubwordVectorizer(size=300, lower=True).fit(CORPUS)
    rows = vectorizer.transform(["Café", "cafe\u0301"])
    assert rows[0].tolist() == rows[1].tolist()
    assert vectorizer.inverse(rows[0][:, 0]) == "café"


def test_fitting_is_deterministic_and_silent(fitted, capfd):
    again = SubwordVectorizer(size=320).fit(iter(CORPUS))
    assert again.get_config() == fitted.get_config()
    assert capfd.readouterr() == ("", "")


def test_the_config_is_plain_json_and_gives_the_same_vectorizer(fitted):
    config = json.loads(json.dumps(fitted.get_config()))
    others = [
        SubwordVectorizer.from_config(config),
        copy.deepcopy(fitted),
        pickle.loads(pickle.dumps(fitted)),
    ]
    for other in others:
        assert other.get_config() == fitted.get_config()
        assert other.sizes == fitted.sizes
        for row, expected in zip(other.transform(CORPUS), fitted.transform(CORPUS), strict=True):
            assert (row == expected).all()


@pytest.mark.parametrize("texts", [[], ["", ""], ["a"]])
def test_a_vocabulary_stays_small_where_there_is_nothing_to_join(texts):
    vectorizer = SubwordVectorizer(size=1000).fit(texts)
    assert 258 < vectorizer.sizes[0] < 265
    assert vectorizer.rare() == []
    assert vectorizer.inverse(vectorizer.transform(["가"])[0][:, 0]) == "가"


def test_long_texts_are_learnt_from_too():
    vectorizer = SubwordVectorizer(size=300).fit(["abcd " * 2000])
    assert "▁abcd" in vectorizer.tokens(range(vectorizer.sizes[0]))


def test_sizes_that_cannot_be_are_refused():
    with pytest.raises(OptionError, match="subwords=258, but a vocabulary"):
        SubwordVectorizer(size=258)
    with pytest.raises(OptionError, match=r"subwords=1000\.0, but a vocabulary"):
        SubwordVectorizer(size=1000.0)
    with pytest.raises(OptionError, match=r"subwords=270 is too small: 258 are taken"):
        SubwordVectorizer(size=270).fit(CORPUS)


def test_without_sentencepiece_the_extra_is_named(monkeypatch, fitted):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    for call in (
        lambda: SubwordVectorizer().fit(CORPUS),
        lambda: SubwordVectorizer.from_config(fitted.get_config()),
    ):
        with pytest.raises(MissingDependencyError, match=r"pip install 'rnnkit\[subword\]'"):
            call()
