from __future__ import annotations

from pathlib import Path

import pytest

from rnnkit.cli.dataset import Dataset, OneText
from rnnkit.errors import DataError

LETTERS = Dataset(list("abcde"), [0, 1, 2, 3, 4], [2, 3, 4, 5, 6], Path("x.csv"), 1, list("ABCDE"))


def test_chosen_examples_keep_their_targets_lines_and_names():
    chosen = LETTERS.take([3, 1])
    assert (chosen.X, chosen.y, chosen.lines) == (["d", "b"], [3, 1], [5, 3])
    assert (chosen.names, chosen.path, chosen.skipped) == (["D", "B"], Path("x.csv"), 1)


def test_every_example_is_on_one_side_of_a_split_and_a_seed_repeats_it():
    train, test = LETTERS.split(0.4, seed=1)
    assert (len(train), len(test)) == (3, 2)
    assert sorted([*train.X, *test.X]) == list("abcde")
    assert list(train.X) == sorted(train.X)
    assert LETTERS.split(0.4, seed=1) == (train, test)
    assert any(LETTERS.split(0.4, seed=seed)[1] != test for seed in range(2, 6))


def test_a_text_is_tested_at_its_end():
    text = OneText(["one\n", "two\n", "three\n", "four\n"], None, range(1, 5), Path("x.txt"))
    train, test = text.split(0.5, seed=0)
    assert (train.X, test.X, list(test.lines)) == ("one\ntwo\n", "three\nfour\n", [3, 4])


def test_too_few_examples_are_not_split():
    with pytest.raises(DataError, match=r"x\.csv: there are 5 examples, too few"):
        LETTERS.split(0.1, seed=0)


def test_empty_rows_that_were_left_out_are_told():
    assert LETTERS.describe("letters") == "x.csv: 5 letters (1 left out: empty)"
    assert LETTERS.take([0]).describe("letters").startswith("x.csv: 1 letters")
