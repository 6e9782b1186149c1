"""Tagged sentences: CoNLL-U against the conllu package, and plain columns."""

from __future__ import annotations

import gzip
from pathlib import Path

import conllu
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.data import read_conllu, read_tagged
from rnnkit.errors import DataError, OptionError


def word(number: int | str, form: str, upos: str = "NOUN", **values: str) -> str:
    columns = {"id": number, "form": form, "lemma": "_", "upos": upos, "xpos": "_", "feats": "_"}
    columns |= {"head": "0", "deprel": "root", "deps": "_", "misc": "_"} | values
    return "\t".join(map(str, columns.values()))


SENTENCES = "\n".join(
    [
        "# sent_id = 1",
        "# text = don't go",
        word("1-2", "don't", "_"),
        word(1, "do", "AUX", feats="Mood=Imp|VerbForm=Fin"),
        word(2, "n't", "PART"),
        word(3, "go", "VERB", lemma="go!"),
        word("3.1", "there", "ADV"),
        "",
        "",
        "# sent_id = 2",
        word(1, "#", "SYM"),
        word(2, "10 000", "NUM"),
    ]
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.conllu"
    path.write_text(SENTENCES, encoding="utf-8")
    return path


def test_words_are_read_without_comments_multiword_tokens_and_empty_nodes(path: Path) -> None:
    sentences = read_conllu(path)
    assert sentences.tokens == [["do", "n't", "go"], ["#", "10 000"]]
    assert sentences.tags == [["AUX", "PART", "VERB"], ["SYM", "NUM"]]
    assert sentences.lines == [4, 11]
    assert len(sentences) == 2


def test_any_column_can_be_the_form_or_the_tag(path: Path) -> None:
    assert read_conllu(path, tag="feats").tags[0] == ["Mood=Imp|VerbForm=Fin", "_", "_"]
    assert read_conllu(path, form="lemma").tokens[0] == ["_", "_", "go!"]
    with pytest.raises(OptionError, match=r"tag='upso' is not known.*'upos'"):
        read_conllu(path, tag="upso")


def test_a_column_that_is_never_given_is_refused(path: Path) -> None:
    with pytest.raises(DataError, match="column xpos: every word has '_'"):
        read_conllu(path, tag="xpos")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("1\tgo\tVERB\n", 1, "10 columns separated by tabs were expected, but there are 3"),
        (f"{word(1, 'a')}\n{word(3, 'b')}\n", 2, "the id is '3', but 2 comes next"),
        (f"{word(1, 'a')}\n{word(1, 'b')}\n", 2, "Is a blank line missing"),
        (f"{word('x', 'a')}\n", 1, "the id is 'x'"),
        (f"# one\n{word(1, '')}\n", 2, "the value is empty"),
        (f"{word(1, 'a')}\n{word(2, 'b', '')}\n", 2, "the value is empty"),
        ("# only a comment\n", None, "no sentences"),
    ],
)
def test_a_faulty_line_is_named(path: Path, text: str, line: int | None, message: str) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_conllu(path)
    assert caught.value.line == line


_FORM = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\t\r\n"), min_size=1, max_size=9
)


@given(words=st.lists(st.lists(_FORM, min_size=1, max_size=4), min_size=1, max_size=4))
def test_any_forms_come_back_as_written(
    tmp_path_factory: pytest.TempPathFactory, words: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "any.conllu.gz"
    lines = ["\n".join(word(i, form) for i, form in enumerate(one, 1)) for one in words]
    path.write_bytes(gzip.compress("\n\n".join([*lines, ""]).encode(), 1))
    if all(form == "_" for one in words for form in one):
        with pytest.raises(DataError, match="column form: every word"):
            read_conllu(path)
    else:
        assert read_conllu(path).tokens == words


def test_ewt_is_read_as_the_conllu_package_reads_it(corpora: Path) -> None:
    folder = corpora / "pos" / "en_ewt"
    train = read_conllu(folder / "en_ewt-ud-train.conllu.gz")
    assert len(train) == 12_544
    assert sum(map(len, train.tokens)) == 204_577
    path = folder / "en_ewt-ud-test.conllu.gz"
    with gzip.open(path, "rt", encoding="utf-8") as file:
        theirs = [[w for w in one if isinstance(w["id"], int)] for one in conllu.parse_incr(file)]
    ours = read_tagged(path, tag="xpos")
    assert ours.tokens == [[w["form"] for w in one] for one in theirs]
    assert ours.tags == [[w["xpos"] for w in one] for one in theirs]


# --- Plain columns -------------------------------------------------------------------------------


def test_two_columns_are_tokens_and_tags(tmp_path: Path) -> None:
    path = tmp_path / "tagged.tsv"
    path.write_text("\n#\tSYM\n_\tPUNCT\n\n \nrun\tVERB\r\n", encoding="utf-8")
    sentences = read_tagged(path)
    assert sentences.tokens == [["#", "_"], ["run"]]
    assert sentences.tags == [["SYM", "PUNCT"], ["VERB"]]
    assert sentences.lines == [2, 6]


def test_conll_2003_columns_are_read_by_place(tmp_path: Path) -> None:
    path = tmp_path / "eng.train"
    path.write_text("-DOCSTART- -X- O O\n\nSeoul NNP I-NP I-LOC\nis VBZ I-VP O\n", encoding="utf-8")
    assert read_tagged(path, delimiter=" ").tags == [["I-LOC", "O"]]
    assert read_tagged(path, tag=1, delimiter=" ").tags == [["NNP", "VBZ"]]
    assert read_tagged(path, form=2, tag=-2, delimiter=" ").tokens == [["I-NP", "I-VP"]]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("a\tX\nb\n", 2, "1 columns here, but 2 on the first line"),
        ("a X\nb Y\n", 1, r"each line has 1 column\(s\). Is delimiter='\\t' right"),
        ("a\tX\n\n\tY\n", 3, "the value is empty"),
    ],
)
def test_a_faulty_column_is_named(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "tagged.tsv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message) as caught:
        read_tagged(path)
    assert caught.value.line == line


def test_a_place_outside_the_columns_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tagged.tsv"
    path.write_text("a\tX\n", encoding="utf-8")
    with pytest.raises(DataError, match="no column 2"):
        read_tagged(path, tag=2)


def test_names_and_places_are_not_mixed_up(tmp_path: Path, path: Path) -> None:
    with pytest.raises(OptionError, match="are places of columns"):
        read_tagged(tmp_path / "tagged.tsv", tag="upos")
    with pytest.raises(OptionError, match="are names"):
        read_tagged(path, tag=3)
