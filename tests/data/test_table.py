"""Tables: round trips, options, and what every error says."""

from __future__ import annotations

import csv
import gzip
import io
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.data import Table, read_table
from rnnkit.errors import DataError, MissingDependencyError, OptionError

Write = Any  # (name, text) -> Path


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def to(name: str, text: str) -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return to


# --- Round trips ---------------------------------------------------------------------------------

_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
_ROWS = st.lists(st.tuples(_TEXT, _TEXT), min_size=1, max_size=8)
_UNQUOTED = _TEXT.map(lambda text: text.translate(dict.fromkeys(map(ord, "\t\r\n"))))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tables")


def _store(path: Path, text: str) -> Path:
    raw = text.encode()
    path.write_bytes(gzip.compress(raw, 1) if path.suffix == ".gz" else raw)
    return path


@given(rows=_ROWS, delimiter=st.sampled_from([",", ";", "\t"]), gz=st.booleans())
def test_quoted_tables_come_back_as_written(
    folder: Path, rows: list[tuple[str, str]], delimiter: str, gz: bool
) -> None:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, quoting=csv.QUOTE_ALL)
    writer.writerows([("text", "label"), *rows])
    path = _store(folder / ("a.csv.gz" if gz else "a.csv"), stream.getvalue())
    table = read_table(path, ["label", "text"], delimiter=delimiter)
    assert list(zip(table["text"], table["label"], strict=True)) == rows
    assert list(table.columns) == ["label", "text"]


@given(rows=st.lists(st.tuples(_UNQUOTED, _UNQUOTED), min_size=1, max_size=8), gz=st.booleans())
def test_unquoted_tables_come_back_as_written(
    folder: Path, rows: list[tuple[str, str]], gz: bool
) -> None:
    text = "".join(f"{a}\t{b}\n" for a, b in [("text", "label"), *rows])
    path = _store(folder / ("a.tsv.gz" if gz else "a.tsv"), text)
    table = read_table(path, ["text", "label"])
    assert list(zip(table["text"], table["label"], strict=True)) == rows
    assert table.lines == list(range(2, len(rows) + 2))


_JSON = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), _TEXT)


@given(
    rows=st.lists(st.tuples(_TEXT, _JSON), min_size=1, max_size=8),
    ascii_only=st.booleans(),
    gz=st.booleans(),
)
def test_json_lines_come_back_with_their_types(
    folder: Path, rows: list[tuple[str, Any]], ascii_only: bool, gz: bool
) -> None:
    objects = [{"text": text, "value": value} for text, value in rows]
    text = "\n".join(json.dumps(one, ensure_ascii=ascii_only) for one in objects)
    path = _store(folder / ("a.jsonl.gz" if gz else "a.jsonl"), text)
    table = read_table(path)
    assert table["text"] == [text for text, _ in rows]
    assert [repr(value) for value in table["value"]] == [repr(value) for _, value in rows]


@pytest.mark.parametrize("gz", [False, True])
def test_parquet_comes_back_with_its_types(tmp_path: Path, gz: bool) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / ("a.parquet.gz" if gz else "a.parquet")
    stream = io.BytesIO()
    columns = {"text": ["가나", None, ""], "label": [1, 2, 3], "more": [0.5, 1.0, 2.0]}
    parquet.write_table(pyarrow.table(columns), stream)
    path.write_bytes(gzip.compress(stream.getvalue()) if gz else stream.getvalue())
    table = read_table(path, ["label", "text"])
    assert table.columns == {"label": [1, 2, 3], "text": ["가나", None, ""]}
    assert table.lines == [1, 2, 3]
    assert list(read_table(path).columns) == ["text", "label", "more"]


# --- Options -------------------------------------------------------------------------------------


def test_quotes_are_characters_in_tsv_unless_quoting_is_on(write: Write) -> None:
    path = write("a.tsv", 'text\tlabel\n"so ""good"""\t1\n"open\t0\n')
    assert read_table(path)["text"] == ['"so ""good"""', '"open']
    path = write("b.tsv", 'text\tlabel\n"so ""good"""\t1\n')
    assert read_table(path, quoting=True)["text"] == ['so "good"']


def test_quotes_are_characters_in_csv_when_quoting_is_off(write: Write) -> None:
    path = write("a.csv", 'text,label\n"a",1\n"b,2\n')
    assert read_table(path, quoting=False)["text"] == ['"a"', '"b']


def test_a_quoted_field_may_span_lines_and_the_first_is_named(write: Write) -> None:
    path = write("a.csv", 'text,label\n"one\ntwo\r\nthree",1\n\n"four",2\n')
    table = read_table(path)
    assert table["text"] == ["one\ntwo\r\nthree", "four"]
    assert table.lines == [2, 6]


def test_a_field_may_be_longer_than_the_csv_modules_limit(write: Write) -> None:
    before = csv.field_size_limit()
    long = "가" * (before + 10)
    path = write("a.csv", f'text\n"{long}"\n')
    assert read_table(path)["text"] == [long]
    assert csv.field_size_limit() == before


def test_windows_line_ends_and_blank_lines_are_not_data(write: Write) -> None:
    for name in ("a.tsv", "a.csv"):
        mark = read_table(write(name, "x,y\r\n\r\n1,2\r\n".replace(",", "\t,"[name == "a.csv"])))
        assert mark.columns == {"x": ["1"], "y": ["2"]}
        assert mark.lines == [3]


def test_a_file_without_header_gets_names_or_numbers(write: Write) -> None:
    path = write("a.tsv", "good\t1\nbad\t0\n")
    named = read_table(path, ["label"], header=["text", "label"])
    numbered = read_table(path, header=False)
    assert named.columns == {"label": ["1", "0"]}
    assert named.lines == [1, 2]
    assert numbered.columns == {"0": ["good", "bad"], "1": ["1", "0"]}


def test_the_format_can_be_given(write: Write) -> None:
    path = write("a.data", "text,label\na,1\n")
    assert read_table(path, "text", format="csv")["text"] == ["a"]
    assert read_table(path, "label", format="tsv", delimiter=",")["label"] == ["1"]


def test_an_unquoted_delimiter_may_be_long(write: Write) -> None:
    path = write("a.txt", "en ||| ko\nyes ||| 네\n")
    assert read_table(path, delimiter=" ||| ")["ko"] == ["네"]
    with pytest.raises(OptionError, match="5 characters"):
        read_table(path, delimiter=" ||| ", quoting=True)


def test_json_lines_lack_keys_and_keep_none(write: Write) -> None:
    path = write("a.ndjson", '{"text": "a"}\n\n{"text": null, "label": 2}\n')
    table = read_table(path, ["text", "label"])
    assert table.columns == {"text": ["a", None], "label": [None, 2]}
    assert table.lines == [1, 3]


def test_rows_without_a_required_value_are_refused_or_counted(write: Write) -> None:
    path = write("a.tsv", "id\ttext\n1\tgood\n2\t\n3\t \n4\tbad\n")
    assert read_table(path)["text"] == ["good", "", " ", "bad"]
    with pytest.raises(DataError, match=r"a\.tsv, line 3, column text: the value is empty"):
        read_table(path, required=["text"])
    table = read_table(path, required=["text"], skip_empty=True)
    assert table.columns == {"id": ["1", "4"], "text": ["good", "bad"]}
    assert (table.lines, table.skipped, len(table)) == ([2, 5], 2, 2)
    with pytest.raises(DataError, match=r"no row has a value in 'text'"):
        read_table(write("b.tsv", "id\ttext\n1\t\n"), required=["text"], skip_empty=True)


def test_a_required_column_must_be_read(write: Write) -> None:
    with pytest.raises(OptionError, match=r"required=\['text'\] must be among columns=\['id'\]"):
        read_table(write("a.tsv", "id\ttext\n1\ta\n"), ["id"], required=["text"])


def test_zero_and_false_are_values_and_none_is_not(write: Write) -> None:
    path = write("a.jsonl", '{"x": 0}\n{"x": false}\n{"x": null}\n')
    assert read_table(path, ["x"], required=["x"], skip_empty=True)["x"] == [0, False]


# --- Errors --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.tsv", "id\tdocument\n1\ta\n"), ("a.jsonl", '{"id": 1, "document": "a"}\n')],
)
def test_an_unknown_column_lists_the_columns_and_the_nearest(
    write: Write, name: str, text: str
) -> None:
    known = r"no column 'documents'\. Did you mean 'document'\? Columns: 'id', 'document'\."
    with pytest.raises(DataError, match=known):
        read_table(write(name, text), ["documents"])


def test_an_unknown_column_of_a_table_lists_those_that_were_read(write: Write) -> None:
    table: Table = read_table(write("a.tsv", "id\ttext\n1\ta\n"))
    with pytest.raises(DataError, match=r"no column 'txt'\. Did you mean 'text'"):
        table["txt"]


def test_a_column_name_that_occurs_twice_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="column text: 2 columns have this name"):
        read_table(write("a.tsv", "text\ttext\n1\ta\n"), ["text"])


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("a.tsv", "x\ty\n1\t2\n1\t2\t3\n", 3),
        ("b.tsv", "x\ty\n1\n", 2),
        ("c.csv", 'x,y\n"a\nb",2\n1,2,3\n', 4),
    ],
)
def test_a_ragged_row_names_its_line(write: Write, name: str, text: str, line: int) -> None:
    with pytest.raises(DataError, match="fields, but there are 2 columns: 'x', 'y'") as caught:
        read_table(write(name, text))
    assert caught.value.line == line


def test_a_header_that_does_not_fit_the_first_row_is_refused(write: Write) -> None:
    with pytest.raises(DataError, match="line 1: this row has 2 fields, but there are 3"):
        read_table(write("a.tsv", "1\t2\n"), header=["x", "y", "z"])


@pytest.mark.parametrize("name", ["a.tsv", "a.csv"])
def test_a_header_without_rows_is_refused(write: Write, name: str) -> None:
    with pytest.raises(DataError, match="a header but no row"):
        read_table(write(name, "text\n\n"))


def test_a_quote_that_never_closes_names_the_record(write: Write) -> None:
    with pytest.raises(DataError, match=r"a\.csv, line 3: .*quoting=False"):
        read_table(write("a.csv", 'text,label\na,1\n"b,2\nc,3\n'))


def test_bad_json_names_line_and_column(write: Write) -> None:
    with pytest.raises(DataError, match="line 2, column 10: this is not JSON"):
        read_table(write("a.jsonl", '{"text": "a"}\n{"text": oops}\n'))
    with pytest.raises(DataError, match=r"line 1: each line must be a JSON object .* a list"):
        read_table(write("b.jsonl", '["a"]\n'))


def test_a_file_that_is_not_parquet_is_refused(write: Write) -> None:
    pytest.importorskip("pyarrow")
    with pytest.raises(DataError, match="not a Parquet file"):
        read_table(write("a.parquet", "text"))


def test_an_unknown_parquet_column_and_an_empty_file_are_refused(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "a.parquet"
    parquet.write_table(pyarrow.table({"text": pyarrow.array([], "string")}), path)
    with pytest.raises(DataError, match=r"no column 'texts'\. Did you mean 'text'"):
        read_table(path, ["texts"])
    with pytest.raises(DataError, match="columns but no row"):
        read_table(path)


def test_parquet_without_pyarrow_says_what_to_install(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'rnnkit\[parquet\]'"):
        read_table(write("a.parquet", "text"))


def test_an_unknown_extension_or_format_lists_the_known(write: Write) -> None:
    path = write("a.xlsx", "text")
    with pytest.raises(DataError, match=r"'\.xlsx' is not known.*\.csv \.tsv .*\.parquet"):
        read_table(path)
    with pytest.raises(OptionError, match=r"format='json' is not known\. Did you mean 'jsonl'"):
        read_table(path, format="json")


@pytest.mark.parametrize("option", [{"header": False}, {"quoting": True}, {"delimiter": ";"}])
def test_options_of_csv_are_refused_for_json_lines(write: Write, option: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="read as jsonl"):
        read_table(write("a.jsonl", '{"x": 1}\n'), **option)


# --- Real files ----------------------------------------------------------------------------------


def test_nsmc_is_read_whole(corpora: Path) -> None:
    path = corpora / "sentiment" / "nsmc" / "ratings_train.txt.gz"
    table = read_table(path, ["document", "label"], required=["document"], skip_empty=True)
    assert (len(table), table.skipped) == (149_995, 5)
    whole = read_table(path, ["label"])
    assert [whole["label"].count(label) for label in "01"] == [75_173, 74_827]


def test_a_file_without_header_and_a_csv_file_are_read_whole(corpora: Path) -> None:
    path = corpora / "sentiment" / "sst2" / "train.tsv"
    table = read_table(path, header=["text", "label"])
    assert len(table) == 6_920
    assert set(table["label"]) == {"0", "1"}
    chatbot = read_table(corpora / "dialogue" / "ko_chatbot" / "ChatbotData.csv")
    assert list(chatbot.columns) == ["Q", "A", "label"]
    assert len(chatbot) == 11_823
