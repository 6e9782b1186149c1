"""Sentence pairs: the three forms, empty sides, and what every error says."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import pytest

from rnnkit.data import read_pairs
from rnnkit.errors import DataError, OptionError


@pytest.fixture
def write(tmp_path: Path) -> Any:
    def to(name: str, text: str) -> Path:
        path = tmp_path / name
        raw = text.encode()
        path.write_bytes(gzip.compress(raw) if name.endswith(".gz") else raw)
        return path

    return to


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.tsv.gz", "id\tko\ten\n1\t네.\tYes.\n2\t아뇨.\tNo.\n"),
        ("a.csv", "ko,id,en\n네.,1,Yes.\n아뇨.,2,No.\n"),
        ("a.jsonl", '{"en": "Yes.", "ko": "네."}\n{"en": "No.", "ko": "아뇨."}\n'),
    ],
)
def test_named_columns_are_read_from_every_format(write: Any, name: str, text: str) -> None:
    pairs = read_pairs(write(name, text), source="en", target="ko")
    assert pairs.sources == ["Yes.", "No."]
    assert pairs.targets == ["네.", "아뇨."]
    assert len(pairs) == 2


def test_without_names_the_first_two_columns_are_read_and_there_is_no_header(write: Any) -> None:
    pairs = read_pairs(write("a.tsv", "Yes.\t네.\tmore\nNo.\t아뇨.\tmore\n"))
    assert (pairs.sources, pairs.targets) == (["Yes.", "No."], ["네.", "아뇨."])
    assert pairs.lines == [1, 2]


def test_two_files_are_read_line_by_line(write: Any) -> None:
    pairs = read_pairs(write("a.en.gz", "Yes.\nNo\u2028way.\n"), write("a.ko", "네.\r\n아뇨."))
    assert (pairs.sources, pairs.targets) == (["Yes.", "No\u2028way."], ["네.", "아뇨."])


def test_two_files_of_unequal_length_name_both_counts(write: Any) -> None:
    with pytest.raises(DataError, match=r"a\.en: 2 lines here, but 3 in .*a\.ko"):
        read_pairs(write("a.en", "a\nb\n"), write("a.ko", "가\n나\n다\n"))


def test_an_empty_side_is_refused_or_counted(write: Any) -> None:
    one = write("a.tsv", "en\tko\nYes.\t네.\n\t아뇨.\nMaybe.\t \nNo.\t아뇨.\n")
    with pytest.raises(DataError, match="line 3, column en: the value is empty"):
        read_pairs(one, source="en", target="ko")
    pairs = read_pairs(one, source="en", target="ko", skip_empty=True)
    assert (pairs.sources, pairs.lines, pairs.skipped) == (["Yes.", "No."], [2, 5], 2)
    two = write("a.en", "a\nb\n"), write("a.ko", "가\n\n")
    with pytest.raises(DataError, match=r"line 2, column target \(a\.ko\): the value is empty"):
        read_pairs(*two)
    assert read_pairs(*two, skip_empty=True).targets == ["가"]


def test_a_value_that_is_not_a_text_is_refused(write: Any) -> None:
    path = write("a.jsonl", '{"en": "Yes.", "ko": "네."}\n{"en": 7, "ko": "칠"}\n')
    with pytest.raises(DataError, match=r"line 2, column en: .* 7 \(int\)"):
        read_pairs(path, source="en", target="ko")


def test_a_single_column_has_no_target(write: Any) -> None:
    with pytest.raises(DataError, match="no column '1'"):
        read_pairs(write("a.tsv", "Yes. 네.\n"))


def test_parameters_that_do_not_fit_are_refused(write: Any) -> None:
    path = write("a.jsonl", '{"en": "Yes.", "ko": "네."}\n')
    with pytest.raises(OptionError, match="name both columns"):
        read_pairs(path, source="en")
    with pytest.raises(OptionError, match="both 'en'"):
        read_pairs(path, source="en", target="en")
    with pytest.raises(OptionError, match="say which with source= and target="):
        read_pairs(path)
    with pytest.raises(OptionError, match="two files were given"):
        read_pairs(path, path, source="en", target="ko")


def test_real_corpora_are_read_whole(corpora: Path) -> None:
    folder = corpora / "translation"
    tatoeba = read_pairs(folder / "en_ko" / "tatoeba.tsv.gz", source="en", target="ko")
    assert len(tatoeba) == 3_798
    assert tatoeba.sources[0] == "Go."
    multi30k = folder / "multi30k_en_de"
    pairs = read_pairs(multi30k / "train.en.gz", multi30k / "train.de.gz")
    assert (len(pairs), pairs.skipped) == (29_000, 0)
