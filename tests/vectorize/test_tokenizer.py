from __future__ import annotations

import json
import pickle
from collections import OrderedDict, defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import InputError, OptionError
from rnnkit.vectorize import Tokenizer, tokenizer_from_json
from rnnkit.vectorize import tokenizer as module

NAMES = ("word_counts", "word_docs", "word_index", "index_word", "index_docs", "document_count")
WORDS = st.sampled_from(["a", "b", "C", "oov", "한글", "각", "a,b", " "])
TEXTS = st.lists(st.lists(WORDS, max_size=8).map(" ".join), max_size=6)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "num_words": st.integers(0, 8),
        "oov_token": st.sampled_from(["<oov>", "oov", "a"]),
        "char_level": st.booleans(),
        "lower": st.booleans(),
        "normalize": st.sampled_from([None, "NFC", "NFKD"]),
    },
)


def fitted(texts, **options) -> Tokenizer:
    tokenizer = Tokenizer(**options)
    tokenizer.fit_on_texts(texts)
    return tokenizer


def same_state(one: Tokenizer, other: Tokenizer) -> bool:
    # The order counts, save for the documents', which Keras counts in the order of a set.
    ordered = ("word_counts", "word_index", "index_word")
    return all(getattr(one, name) == getattr(other, name) for name in NAMES) and all(
        list(getattr(one, name)) == list(getattr(other, name)) for name in ordered
    )


@given(OPTIONS, TEXTS, TEXTS)
def test_vocabulary_size_is_one_more_than_the_largest_index_there_can_be(options, texts, new):
    tokenizer = fitted(texts, **options)
    unseen = "Z" if tokenizer.char_level else "unseen"
    rows = tokenizer.texts_to_sequences([*texts, *new, unseen])
    largest = max((index for row in rows for index in row), default=0)
    if texts:
        assert tokenizer.vocabulary_size == largest + 1


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({}, 4),
        ({"num_words": 3}, 3),
        ({"num_words": 100}, 4),
        ({"num_words": 1}, 1),
        ({"oov_token": "<oov>"}, 5),
        ({"oov_token": "<oov>", "num_words": 1}, 2),  # the oov_token is given all the same
        ({"oov_token": "c", "num_words": 2}, 5),  # and has the index of the word that it is
    ],
)
def test_vocabulary_size_covers_what_num_words_hides(options, size):
    assert fitted(["a a a b b c"], **options).vocabulary_size == size


def test_vocabulary_size_of_an_unfitted_tokenizer_is_that_of_padding():
    assert Tokenizer().vocabulary_size == 1


@given(OPTIONS, TEXTS, TEXTS)
def test_a_tokenizer_read_from_json_goes_on_like_the_one_that_was_written(options, texts, more):
    tokenizer = fitted(texts, **options)
    again = tokenizer_from_json(tokenizer.to_json())
    assert same_state(again, tokenizer)
    for each in (tokenizer, again):
        each.fit_on_texts(more)
        each.fit_on_sequences([[1, 2], [70]])
    assert same_state(again, tokenizer)
    assert again.get_config() == tokenizer.get_config()
    assert again.texts_to_sequences(texts) == tokenizer.texts_to_sequences(texts)


@given(OPTIONS, TEXTS, TEXTS)
def test_fitting_twice_is_fitting_on_everything(options, texts, more):
    twice = fitted(texts, **options)
    twice.fit_on_texts(more)
    assert same_state(twice, fitted([*texts, *more], **options))


@given(OPTIONS, TEXTS, TEXTS)
def test_all_texts_at_once_are_like_word_by_word(options, texts, new):
    found = []
    for few in (0, 10**9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "FEW", few)
            tokenizer = fitted(texts, **options)
            found.append((tokenizer, tokenizer.texts_to_sequences(new)))
    assert same_state(found[0][0], found[1][0])
    assert found[0][1] == found[1][1]


def test_many_texts_are_really_taken_at_once(monkeypatch):
    def refuse(*_):
        raise AssertionError("word by word")

    monkeypatch.setattr(module, "text_to_word_sequence", refuse)
    tokenizer = fitted(["many words"] * module.FEW)
    assert tokenizer.texts_to_sequences(["words"] * module.FEW)[0] == [2]


def test_a_very_long_word_is_counted_like_any_other():
    long = "x" * module.FEW
    assert fitted([f"a {long} {long}"]).word_counts == {"a": 1, long: 2}


def test_texts_may_come_from_a_generator_and_are_read_one_at_a_time():
    tokenizer = fitted(text for text in ["a b", "a"])
    endless = iter(lambda: "b a", None)
    assert next(tokenizer.texts_to_sequences_generator(endless)) == [2, 1]


def test_attributes_have_the_types_that_they_have_in_keras():
    for tokenizer in (Tokenizer(), fitted(["a"]), tokenizer_from_json(fitted(["a"]).to_json())):
        assert isinstance(tokenizer.word_counts, OrderedDict)
        assert isinstance(tokenizer.word_docs, defaultdict)
        assert isinstance(tokenizer.index_docs, defaultdict)


def test_config_has_nothing_that_keras_does_not_know_unless_it_is_set():
    assert not {"normalize", "jamo", "analyzer"} & set(Tokenizer().get_config())
    config = Tokenizer(char_level=True, jamo=True, normalize="NFC").get_config()
    assert (config["jamo"], config["normalize"]) == (True, "NFC")
    again = tokenizer_from_json(json.dumps({"config": config}))
    assert (again.jamo, again.normalize) == (True, "NFC")


def test_json_options_go_to_json():
    assert "한글" in fitted(["한글"], oov_token="한글").to_json(ensure_ascii=False)


@pytest.mark.parametrize("text", ["[]", "{}", '{"config": 3}', '"text"'])
def test_json_of_something_else_is_refused(text):
    with pytest.raises(InputError, match="tokenizer"):
        tokenizer_from_json(text)


def test_a_tokenizer_can_be_pickled():
    tokenizer = fitted(["a b a"], oov_token="<oov>")
    again = pickle.loads(pickle.dumps(tokenizer))
    assert same_state(again, tokenizer)
    assert again.texts_to_sequences(["b c"]) == [[3, 1]]


def test_an_analyzer_replaces_filters_lower_and_split_but_not_lists_and_characters():
    def halves(text):
        return text.split("/")

    tokenizer = fitted(["A b/C, d"], analyzer=halves)
    assert tokenizer.word_index == {"A b": 1, "C, d": 2}
    assert tokenizer.texts_to_sequences(["C, d/A b", ["a b"]]) == [[2, 1], []]
    assert set(fitted(["A/"], analyzer=halves, char_level=True).word_index) == {"a", "/"}


def test_normalize_makes_one_word_of_two_spellings():
    spellings = ["각", "\u1100\u1161\u11a8", ["각", "\u1100\u1161\u11a8"]]
    assert len(fitted(spellings).word_index) == 2
    tokenizer = fitted(spellings, normalize="NFC")
    assert tokenizer.word_counts == {"각": 4}
    assert tokenizer.texts_to_sequences(["\u1100\u1161\u11a8"]) == [[1]]


def test_normalize_comes_before_the_analyzer():
    tokenizer = fitted(["\u1100\u1161"], normalize="NFC", analyzer=lambda text: [text])
    assert tokenizer.word_index == {"가": 1}


def test_jamo_are_put_together_again():
    texts = ["한국어 text", "각 가"]
    tokenizer = fitted(texts, char_level=True, jamo=True, lower=False)
    assert "한" not in tokenizer.word_index
    rows = tokenizer.texts_to_sequences(texts)
    assert [len(row) for row in rows] == [13, 6]
    assert tokenizer.sequences_to_texts(rows) == texts


def test_characters_are_joined_as_asked():
    tokenizer = fitted(["ab"], char_level=True)
    assert tokenizer.sequences_to_texts([[1, 2]]) == ["a b"]
    assert tokenizer.sequences_to_texts([[1, 2]], separator="") == ["ab"]


def test_options_that_make_no_sense_are_refused():
    with pytest.raises(OptionError, match="char_level"):
        Tokenizer(jamo=True)
    with pytest.raises(OptionError, match="NFC"):
        Tokenizer(normalize="NFX")
    with pytest.raises(TypeError):
        Tokenizer(words=3)
    with pytest.raises(OptionError, match="tfidf"):
        fitted(["a"]).texts_to_matrix(["a"], mode="tf-idf")


def test_a_tuple_is_no_list_of_words_as_in_keras():
    with pytest.raises(InputError, match="tuple"):
        fitted([("a", "b")])


def test_the_old_name_of_num_words_warns():
    with pytest.warns(UserWarning, match="num_words"):
        assert Tokenizer(nb_words=3).num_words == 3
