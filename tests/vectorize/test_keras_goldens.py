"""The text module held against what Keras' own code answered (tests/golden/make_keras_text.py)."""

from __future__ import annotations

import builtins
import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rnnkit.errors import RnnkitError
from rnnkit.vectorize import (
    Tokenizer,
    hashing_trick,
    pad_sequences,
    text_to_word_sequence,
    tokenizer_from_json,
)
from rnnkit.vectorize import tokenizer as module

GOLDEN = Path(__file__).parents[1] / "golden" / "keras_text.json.gz"


@pytest.fixture(scope="module")
def goldens() -> dict[str, list[dict[str, Any]]]:
    return json.loads(gzip.decompress(GOLDEN.read_bytes()))


@pytest.fixture(params=["all texts at once", "word by word"])
def either_way(request, monkeypatch):
    """However few words there are, take the one way or the other."""
    monkeypatch.setattr(module, "FEW", 0 if request.param == "all texts at once" else 10**9)


def check(expected: Any, function: Callable[[], Any], case: Any) -> None:
    if isinstance(expected, dict) and "error" in expected:
        with pytest.raises(getattr(builtins, expected["error"])):
            function()
    else:
        assert function() == expected, case


def pairs(items: Any) -> list[list[Any]]:
    return [list(item) for item in items]


def state(tokenizer: Tokenizer) -> dict[str, Any]:
    return {
        "word_counts": pairs(tokenizer.word_counts.items()),
        "word_index": pairs(tokenizer.word_index.items()),
        "index_word": pairs(tokenizer.index_word.items()),
        "word_docs": pairs(sorted(tokenizer.word_docs.items())),
        "index_docs": pairs(sorted(tokenizer.index_docs.items())),
        "document_count": tokenizer.document_count,
    }


def fitted(case: dict[str, Any]) -> Tokenizer:
    tokenizer = Tokenizer(**case["options"])
    for texts in case["fits"]:
        tokenizer.fit_on_texts(texts)
    if case["counted"]:
        tokenizer.fit_on_sequences(case["counted"])
    return tokenizer


def dense(saved: Any) -> np.ndarray:
    shape, rows, columns, values = saved
    matrix = np.zeros(shape)
    matrix[rows, columns] = values
    return matrix


def test_there_are_thousands_of_cases(goldens):
    assert sum(map(len, goldens.values())) > 4000


def test_fitting_gives_the_vocabulary_and_the_counts_of_keras(goldens, either_way):
    for case in goldens["tokenizer"]:
        assert state(fitted(case)) == case["state"], case["options"]


def test_texts_become_the_sequences_of_keras(goldens, either_way):
    for case in goldens["tokenizer"]:
        tokenizer = fitted(case)
        assert tokenizer.texts_to_sequences(case["new"]) == case["new_sequences"], case
        assert (
            list(tokenizer.texts_to_sequences_generator(iter(case["new"])))
            == (case["new_sequences"])
        )


def test_sequences_become_the_texts_of_keras(goldens):
    for case in goldens["tokenizer"]:
        tokenizer, sequences = fitted(case), case["sequences"]
        check(case["texts"], lambda t=tokenizer, s=sequences: t.sequences_to_texts(s), case)


def test_matrices_are_those_of_keras(goldens):
    for case in goldens["tokenizer"]:
        tokenizer = fitted(case)
        for name, method, given in (
            ("matrix", tokenizer.sequences_to_matrix, case["sequences"]),
            ("text_matrix", tokenizer.texts_to_matrix, case["new"]),
        ):
            if isinstance(case[name], dict):
                check(case[name], lambda m=method, g=given, c=case: m(g, c["mode"]), case)
            else:
                found = method(given, mode=case["mode"])
                np.testing.assert_allclose(found, dense(case[name]), rtol=1e-12, strict=True)


def test_a_tokenizer_that_keras_wrote_is_read_and_written_alike(goldens):
    for case in goldens["json"]:
        tokenizer = tokenizer_from_json(case["json"])
        assert json.loads(tokenizer.to_json()) == json.loads(case["json"])
        assert list(tokenizer.get_config()) == list(json.loads(case["json"])["config"])
        assert tokenizer.texts_to_sequences(case["new"]) == case["new_sequences"]


def test_words_and_hashes_are_those_of_keras(goldens):
    for case in goldens["words"]:
        text, options, n = case["text"], case["options"], case["n"]
        assert text_to_word_sequence(text, **options) == case["words"], case
        check(case["hashed"], lambda t=text, n=n, o=options: hashing_trick(t, n, "md5", **o), case)


def test_whatever_keras_refuses_is_refused_with_the_same_type_of_error(goldens, either_way):
    for case in goldens["errors"]:
        options, texts = case["options"], case["texts"]
        for expected, method in (
            ("fitted", "fit_on_texts"),
            ("new_sequences", "texts_to_sequences"),
        ):
            check(
                case[expected],
                lambda m=method, o=options, t=texts: getattr(Tokenizer(**o), m)(t),
                case,
            )


def test_padding_is_that_of_keras(goldens):
    for case in goldens["padding"]:
        sequences, options, expected = case["sequences"], case["options"], case["padded"]
        if "error" in expected:
            check(expected, lambda s=sequences, o=options: pad_sequences(s, **o), case)
        else:
            found = pad_sequences(sequences, **options)
            assert found.dtype.str == expected["dtype"]
            assert list(found.shape) == expected["shape"]
            assert found.tolist() == expected["values"]


def test_what_is_not_a_text_is_an_error_of_ours_that_shows_it():
    with pytest.raises(RnnkitError, match="nan"):
        Tokenizer().fit_on_texts([float("nan")])
