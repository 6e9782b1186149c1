from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArchiveError, InputError, OptionError
from rnnkit.vectorize import (
    IdVectorizer,
    LabelEncoder,
    SeriesVectorizer,
    TextVectorizer,
    WordVectorizer,
    labels_from_json,
    labels_to_json,
    used_steps,
)

TEXTS = ["The dog barks.", "the cat sleeps", "개가 짖는다", "A dog sleeps"]


# -- texts --------------------------------------------------------------------------------------


def test_the_first_column_is_the_tokenizers_index():
    vectorizer = TextVectorizer().fit(TEXTS)
    rows = vectorizer.transform(["the dog flies"])
    index = vectorizer.tokenizer.word_index
    assert rows[0].tolist() == [[index["the"]], [index["dog"]], [1]]
    assert vectorizer.sizes == [len(index) + 1]


def test_a_text_without_a_token_is_one_step_of_the_reserved_index():
    vectorizer = TextVectorizer(ngrams=3, level="char", words=True).fit(TEXTS)
    assert vectorizer.transform([""])[0][:, 0].tolist() == [0]
    assert TextVectorizer().fit(TEXTS).transform(["?!"])[0].tolist() == [[0]]


def test_rare_tokens_and_those_beyond_num_words_are_unknown():
    vectorizer = TextVectorizer(min_count=2).fit(["a a b b c"])
    assert vectorizer.transform(["a b c d"])[0].ravel().tolist() == [2, 3, 1, 1]
    assert vectorizer.sizes == [4]
    limited = TextVectorizer(num_words=3).fit(["a a b b c"])
    assert limited.transform(["a b c"])[0].ravel().tolist() == [2, 1, 1]
    assert limited.sizes == [3]


def test_rare_lists_the_words_seen_once():
    vectorizer = TextVectorizer().fit(["a a b c"])
    index = vectorizer.tokenizer.word_index
    assert sorted(vectorizer.rare()) == sorted([index["b"], index["c"]])


@given(st.lists(st.text(max_size=20), min_size=1, max_size=6), st.integers(1, 4))
def test_every_column_has_a_row_a_step_and_ids_within_its_table(texts, ngrams):
    vectorizer = TextVectorizer(level="char", ngrams=ngrams, words=True, buckets=50).fit(texts)
    for text, row in zip(texts, vectorizer.transform(texts), strict=True):
        assert row.shape == (max(len(text.lower()), 1), ngrams + 1)
        assert (row >= 0).all()
        assert (row < np.array(vectorizer.sizes)).all()


@given(st.lists(st.text("ab 가나", min_size=1, max_size=12), min_size=1, max_size=5))
def test_a_text_gives_the_same_ids_alone_and_among_others(texts):
    vectorizer = TextVectorizer(level="char", ngrams=3, words=True, buckets=97).fit(texts)
    for text, row in zip(texts, vectorizer.transform(texts), strict=True):
        assert row.tolist() == vectorizer.transform([text])[0].tolist()


def test_equal_ngrams_share_a_bucket_and_others_rarely_do():
    vectorizer = TextVectorizer(level="char", ngrams=2, buckets=10_000).fit(["abcabd"])
    buckets = vectorizer.transform(["abcabd"])[0][:, 1]
    assert buckets[1] == buckets[4]  # both "ab"
    assert len(set(buckets.tolist())) == 5


def test_a_character_knows_the_word_it_belongs_to():
    vectorizer = TextVectorizer(level="char", words=True, buckets=10_000).fit(["one two one"])
    words = vectorizer.transform(["one two one"])[0][:, 1].tolist()
    assert words[0] == words[1] == words[2] == words[8]
    assert words[3] == 0
    assert words[4] != words[0]


def test_normalization_makes_composed_and_decomposed_hangul_one_text():
    import unicodedata

    vectorizer = TextVectorizer(level="char", normalize="NFC", words=True).fit(["한국"])
    decomposed = unicodedata.normalize("NFD", "한국")
    assert (
        vectorizer.transform([decomposed])[0].tolist() == vectorizer.transform(["한국"])[0].tolist()
    )


@pytest.mark.parametrize(("truncating", "kept"), [("pre", [4, 5]), ("post", [2, 3])])
def test_long_texts_are_cut_at_the_end_that_was_asked_for(truncating, kept):
    vectorizer = TextVectorizer(max_length=2, truncating=truncating).fit(["a b c d"])
    assert vectorizer.transform(["a b c d"])[0].ravel().tolist() == kept


@pytest.mark.parametrize("level", ["word", "char", "jamo"])
def test_a_vectorizer_comes_back_from_its_json(level):
    vectorizer = TextVectorizer(level=level, ngrams=2, min_count=2, max_length=5).fit(TEXTS)
    config = json.loads(json.dumps(vectorizer.get_config()))
    again = TextVectorizer.from_config(config)
    assert again.get_config() == vectorizer.get_config()
    assert again.sizes == vectorizer.sizes
    for ours, theirs in zip(again.transform(TEXTS), vectorizer.transform(TEXTS), strict=True):
        assert ours.tolist() == theirs.tolist()


@pytest.mark.parametrize("level", ["char", "jamo"])
def test_ids_of_characters_go_back_to_their_text(level):
    vectorizer = TextVectorizer(level=level, lower=False).fit(TEXTS)
    for text, row in zip(TEXTS, vectorizer.transform(TEXTS), strict=True):
        assert vectorizer.inverse(row[:, 0].tolist()) == text


def test_options_that_do_not_go_together_are_refused():
    with pytest.raises(OptionError, match="Did you mean 'char'"):
        TextVectorizer(level="chat")
    with pytest.raises(OptionError, match="use level='char'"):
        TextVectorizer(words=True)
    with pytest.raises(OptionError, match="max_length=0"):
        TextVectorizer(max_length=0)
    with pytest.raises(OptionError, match="ngrams=0"):
        TextVectorizer(ngrams=0)
    with pytest.raises(OptionError, match="ngrams=65, but 64 at most"):
        TextVectorizer(ngrams=65)


# -- words --------------------------------------------------------------------------------------


def test_words_ignore_case_and_characters_keep_it():
    vectorizer = WordVectorizer().fit([["Dog", "dog", "cat"]])
    assert vectorizer.transform([["DOG", "cow"]])[0].tolist() == [[2], [1]]
    upper, lower = vectorizer.spell("Dog"), vectorizer.spell("dog")
    assert upper[0] != lower[0]
    assert upper[1:].tolist() == lower[1:].tolist()
    assert vectorizer.spell("").tolist() == [0]
    assert vectorizer.spell("☃").tolist() == [1]


def test_word_vectorizer_comes_back_from_its_json():
    vectorizer = WordVectorizer(min_count=2).fit([["a", "a", "b"], ["Ab"]])
    again = WordVectorizer.from_config(json.loads(json.dumps(vectorizer.get_config())))
    assert again.size == vectorizer.size == 3
    assert again.num_characters == vectorizer.num_characters
    assert again.transform([["a", "b"]])[0].tolist() == [[2], [1]]


# -- series and ids -----------------------------------------------------------------------------


def test_series_are_scaled_by_the_training_datas_figures_alone():
    vectorizer = SeriesVectorizer().fit([[1.0, 3.0], [5.0]])
    assert vectorizer.mean.tolist() == [3.0]
    (row,) = vectorizer.transform([[3.0, 1000.0]])
    assert row.dtype == np.float32
    np.testing.assert_allclose(row.ravel(), [0.0, 997.0 / np.std([1, 3, 5])], rtol=1e-6)


def test_a_constant_feature_becomes_zero():
    vectorizer = SeriesVectorizer().fit([np.full((4, 2), 7.0)])
    assert vectorizer.transform([np.full((2, 2), 7.0)])[0].tolist() == [[0, 0], [0, 0]]


def test_nan_at_either_end_is_padding_and_nan_inside_is_refused():
    vectorizer = SeriesVectorizer(scale="none", missing="refuse").fit([[1.0]])
    (row,) = vectorizer.transform([[np.nan, 1.0, 2.0, np.nan]])
    assert row.ravel().tolist() == [1.0, 2.0]
    with pytest.raises(InputError, match=r"series 1 holds NaN or infinity at step 2"):
        vectorizer.transform([[1.0], [np.nan, 1.0, np.nan, 2.0]])
    with pytest.raises(InputError, match="infinity at step 0"):
        vectorizer.transform([[np.inf]])
    with pytest.raises(InputError, match="no step with a value"):
        vectorizer.transform([[np.nan]])


def test_series_with_another_number_of_features_are_refused():
    vectorizer = SeriesVectorizer().fit([np.zeros((2, 3))])
    with pytest.raises(InputError, match="has 1 features a step, but the model was fitted with 3"):
        vectorizer.transform([[1.0, 2.0]])
    with pytest.raises(InputError, match="the same number of features"):
        SeriesVectorizer().fit([np.zeros((2, 3)), np.zeros((2, 2))])
    with pytest.raises(InputError, match="not made of numbers"):
        SeriesVectorizer().fit([["a"]])


def test_ids_lose_the_zeros_at_either_end_and_keep_those_inside():
    vectorizer = IdVectorizer().fit([[0, 0, 3, 0, 2]])
    assert vectorizer.sizes == [4]
    assert vectorizer.transform([[3, 0, 2, 0, 0]])[0].ravel().tolist() == [3, 0, 2]
    assert vectorizer.transform([[0, 0]])[0].ravel().tolist() == [0]
    assert vectorizer.transform([[9]])[0].ravel().tolist() == [1]
    with pytest.raises(InputError, match="ids start at 0"):
        vectorizer.transform([[-1]])
    with pytest.raises(InputError, match="integer ids"):
        vectorizer.transform([[0.5]])


def test_used_steps_of_multivariate_series_need_all_features_missing():
    array = np.array([[np.nan, np.nan], [np.nan, 1.0], [2.0, 3.0], [np.nan, np.nan]])
    assert used_steps(array) == slice(1, 3)
    assert used_steps([]) == slice(0, 0)


# -- labels -------------------------------------------------------------------------------------


@pytest.mark.parametrize("labels", [["b", "a"], [3, 1], [True, False], [0.5, -1.0]])
def test_labels_come_back_with_their_type(labels):
    encoder = LabelEncoder(np.array(labels))
    assert encoder.encode(labels).tolist() == [1, 0]
    again = labels_from_json(json.loads(json.dumps(labels_to_json(encoder.classes))))
    assert again.dtype == encoder.classes.dtype
    assert again.tolist() == sorted(labels)


def test_an_unknown_label_is_named_beside_the_known_ones():
    with pytest.raises(InputError, match=r"label 'c' was never seen.*Known: 'a', 'b'"):
        LabelEncoder(np.array(["a", "b"])).encode(["c"])


def test_labels_that_json_cannot_hold_are_refused():
    with pytest.raises(ArchiveError, match="only strings, numbers and booleans"):
        labels_to_json(np.array([b"a", b"b"]))


def test_tokens_name_what_the_indices_stand_for():
    vectorizer = TextVectorizer(level="char").fit(["aab"])
    assert vectorizer.tokens([2, 3, 1, 0, 9]) == ["a", "b", "<oov>", "?", "?"]
