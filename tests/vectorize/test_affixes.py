from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ArchiveError, OptionError
from rnnkit.vectorize import AffixVectorizer, WordVectorizer

WORDS = ["walking", "walks", "singing", "sings", "on", "a"]


def test_columns_are_prefixes_and_then_suffixes_from_short_to_long():
    vectorizer = AffixVectorizer(3).fit(WORDS)
    walking, walks, singing = vectorizer.transform(["walking", "walks", "singing"])
    assert (walking[:3] == walks[:3]).all()  # w, wa, wal
    assert (walking[3:] == singing[3:]).all()  # g, ng, ing
    assert (walking[:3] != singing[:3]).all()
    assert (walking[3:] != walks[3:]).all()


def test_a_word_that_is_too_short_has_no_affix_and_an_unknown_affix_has_index_one():
    vectorizer = AffixVectorizer(2).fit(WORDS)
    assert vectorizer.transform(["", "z"]).tolist() == [[0, 0, 0, 0], [1, 0, 1, 0]]
    assert vectorizer.transform(["on"]).tolist() == [[1, 1, 1, 1]]  # seen in one word only


def test_an_affix_is_learnt_from_as_many_distinct_words_as_asked_for():
    counted = AffixVectorizer(1, min_count=3).fit(["ab", "ac", "ad", "eb", "eb", "eb"])
    assert counted.transform(["ab", "eb"]).tolist() == [[2, 1], [1, 1]]


def test_no_words_and_no_affixes_give_empty_columns():
    assert AffixVectorizer(2).fit(WORDS).transform([]).shape == (0, 4)
    assert AffixVectorizer(0).fit(WORDS).transform(["a", "b"]).shape == (2, 0)


@given(st.lists(st.text(max_size=6), max_size=8), st.integers(1, 4))
def test_every_index_is_below_its_columns_size(words, longest):
    vectorizer = AffixVectorizer(longest).fit(words[::2])
    rows = vectorizer.transform(words)
    assert rows.dtype == np.int64
    assert (rows >= 0).all()
    assert (rows < np.array(vectorizer.sizes)).all()


def test_affixes_come_back_from_their_json():
    vectorizer = AffixVectorizer(3).fit(WORDS)
    again = AffixVectorizer.from_config(json.loads(json.dumps(vectorizer.get_config())))
    assert again.sizes == vectorizer.sizes
    unseen = [*WORDS, "talking", "동물"]
    assert (again.transform(unseen) == vectorizer.transform(unseen)).all()


# -- as columns of words --------------------------------------------------------------------------


def test_affixes_ignore_case_as_their_words_do():
    sentence = [["Walking", "walks"]]
    ignoring = WordVectorizer(affixes=1).fit(sentence).transform([["Wow", "wow"]])[0]
    assert (ignoring[0] == ignoring[1]).all()
    assert ignoring[0, 1] == 2
    heeding = WordVectorizer(affixes=1, lower=False).fit(sentence).transform([["Wow", "wow"]])[0]
    assert heeding[:, 1].tolist() == [1, 1]


def test_a_word_vectorizer_keeps_its_affixes_in_json():
    vectorizer = WordVectorizer(affixes=2).fit([["간다", "본다"]])
    config = json.loads(json.dumps(vectorizer.get_config()))
    again = WordVectorizer.from_config(config)
    assert again.sizes == vectorizer.sizes
    assert again.spell("운다").tolist() == vectorizer.spell("운다").tolist()
    (row,) = vectorizer.transform([["운다", "ab"]])
    assert again.transform([["운다", "ab"]])[0].tolist() == row.tolist()


def test_a_file_from_before_affixes_has_none():
    config = WordVectorizer().fit([["dog"]]).get_config()
    del config["affixes"]
    assert WordVectorizer.from_config(config).transform([["dog"]])[0].tolist() == [[2]]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"affixes": -1}, "affixes=-1"),
        ({"affixes": 2.5}, "affixes=2.5"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(OptionError, match=words):
        WordVectorizer(**options)


def test_affixes_that_do_not_fit_their_lengths_are_refused():
    config = AffixVectorizer(2).fit(["walking", "walks"]).get_config()
    with pytest.raises(ArchiveError, match="1 to 3 characters do not fit into 4 columns"):
        AffixVectorizer.from_config({**config, "longest": 3})
