from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import OptionError
from rnnkit.vectorize import DocumentVectorizer

TEXTS = ["한국어 모델 <unk> The cat", "the cat\nsat\n", ""]


def ids(texts, **options):
    return [row.tolist() for row in DocumentVectorizer(**options).fit(texts).transform(texts)]


def test_tokens_stand_by_falling_count_behind_the_two_marks():
    vectorizer = DocumentVectorizer().fit(["b a a c", "c a"])
    assert vectorizer.tokens == ["<eos>", "<unk>", "a", "c", "b"]
    assert vectorizer.rare() == [4]
    assert vectorizer.size == 5


def test_a_marks_own_spelling_in_the_text_is_the_mark():
    assert ids(["a <unk> a <eos> a"]) == [[2, 1, 2, 0, 2, 0]]


@pytest.mark.parametrize(
    ("end_mark", "expected"),
    [("line", [2, 0, 0, 3, 0]), ("document", [2, 3, 0]), ("none", [2, 3])],
)
def test_words_end_with_their_line_their_document_or_not_at_all(end_mark, expected):
    assert ids(["a\n\nb\n"], end_mark=end_mark) == [expected]


@pytest.mark.parametrize(
    ("end_mark", "expected"),
    [("line", [2, 0, 3, 0]), ("document", [3, 2, 4, 2, 0]), ("none", [3, 2, 4, 2])],
)
def test_a_line_break_is_a_character_unless_the_mark_stands_for_it(end_mark, expected):
    assert ids(["a\nb\n"], end_mark=end_mark, level="char") == [expected]


def test_an_empty_text_is_an_empty_line():
    assert ids([""], end_mark="line") == ids([""], end_mark="document") == [[0]]
    assert ids([""], end_mark="none") == [[]]


def test_rare_tokens_and_those_beyond_the_limit_are_unknown():
    text = "a a a b b c"
    assert ids([text], min_count=2) == [[2, 2, 2, 3, 3, 1, 0]]
    assert ids([text], num_words=3) == [[2, 2, 2, 1, 1, 1, 0]]


def test_case_is_kept_unless_lowered_in_lists_of_tokens_too():
    assert ids(["A a"]) == [[2, 3, 0]]
    assert ids(["A a", ["A", "a"]], lower=True) == [[2, 2, 0]] * 2


@pytest.mark.parametrize("end_mark", ["line", "document", "none"])
def test_a_prompt_goes_on(end_mark):
    vectorizer = DocumentVectorizer(end_mark=end_mark).fit(["a b"])
    assert vectorizer.prompt("").tolist() == []
    assert vectorizer.prompt("a b").tolist() == [2, 3]
    assert vectorizer.prompt(["a", "b"]).tolist() == [2, 3]
    ended = [0] if end_mark == "line" else []
    assert vectorizer.prompt("a b\n").tolist() == [2, 3, *ended]


def test_pieces_of_words_are_joined_as_a_text_goes_on():
    vectorizer = DocumentVectorizer(end_mark="line").fit(["a b"])
    assert list(vectorizer.pieces([2, 3, 0, 2])) == ["a", " b", "\n", "a"]
    for after, expected in (("a", " b"), (["a"], " b"), ("a ", "b"), ("a\n", "b"), ([], "b")):
        assert list(vectorizer.pieces([3], after=after)) == [expected]


@given(st.text(st.characters(codec="utf-8"), max_size=30))
def test_characters_come_back_as_they_were(text):
    vectorizer = DocumentVectorizer(level="char", end_mark="none").fit([text])
    assert "".join(vectorizer.pieces(vectorizer.transform([text])[0])) == text


@given(st.text("가각힣ab \n", max_size=30))
def test_jamo_come_back_as_syllables_each_in_one_piece(text):
    vectorizer = DocumentVectorizer(level="jamo", end_mark="none").fit([text])
    assert list(vectorizer.pieces(vectorizer.transform([text])[0])) == list(text)


@pytest.mark.parametrize("level", ["word", "char", "jamo"])
def test_a_vectorizer_survives_json(level):
    vectorizer = DocumentVectorizer(level=level, min_count=2, end_mark="line").fit(TEXTS)
    config = json.loads(json.dumps(vectorizer.get_config()))
    again = DocumentVectorizer.from_config(config)
    assert again.get_config() == vectorizer.get_config()
    for one, other in zip(again.transform(TEXTS), vectorizer.transform(TEXTS), strict=True):
        assert one.tolist() == other.tolist()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"level": "words"}, "Did you mean 'word'"),
        ({"end_mark": "lines"}, "Did you mean 'line'"),
        ({"min_count": 0}, "min_count=0"),
        ({"num_words": 2}, "num_words=2.*at least 3"),
    ],
)
def test_bad_options_are_refused(options, words):
    with pytest.raises(OptionError, match=words):
        DocumentVectorizer(**options)
