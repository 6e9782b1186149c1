"""The cuts that the translation benchmarks are scored on."""

from __future__ import annotations

from benchmarks.quality.translation import Corpus, english_korean


def test_nothing_that_is_scored_has_been_read_in_training(corpora):
    train, valid, test = english_korean(corpora / "translation" / "en_ko")
    assert len(train.sources) > 14_000
    assert not set(train.sources) & {*valid.sources, *test.sources}
    assert list(dict.fromkeys(test.origins)) == ["jhe", "stsb", "tatoeba"]
    again = english_korean(corpora / "translation" / "en_ko")
    assert again == (train, valid, test)


def test_corpora_are_joined_and_chosen_from_pair_by_pair():
    one, other = Corpus(["a"], ["A"], ["x"]), Corpus(["b", "c"], ["B", "C"], ["y", "y"])
    assert one.plus(other) == Corpus(["a", "b", "c"], ["A", "B", "C"], ["x", "y", "y"])
    assert one.plus(other).where([True, False, True]).targets == ["A", "C"]
