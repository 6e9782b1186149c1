from __future__ import annotations

import gzip

import numpy as np
import pytest

from rnnkit.data import read_series, read_ts
from rnnkit.errors import DataError, InputError, OptionError

TS = """#A comment
@problemName Tiny
@timeStamps false
@univariate false
@dimensions 2
@equalLength false
@classLabel true up down
@data
1,2,3:4,5,6:up
7:?:down
"""


def written(folder, text, name="table.csv"):
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_ts_file_gives_series_of_unequal_length_and_their_labels(tmp_path):
    found = read_ts(written(tmp_path, TS, "tiny.ts"))
    assert found.labels == ["up", "down"]
    assert found.lines == [9, 10]
    np.testing.assert_array_equal(found.series[0], [[1, 4], [2, 5], [3, 6]])
    np.testing.assert_array_equal(found.series[1], [[7, np.nan]])


def test_a_packed_ts_file_with_numbers_for_targets(tmp_path):
    path = tmp_path / "tiny.ts.gz"
    path.write_bytes(gzip.compress(b"@targetLabel true\n@data\n1,2:0.5\n3,4,5:-2\n"))
    found = read_ts(path)
    assert found.labels == [0.5, -2.0]
    assert [len(one) for one in found.series] == [2, 3]


def test_a_ts_file_without_labels(tmp_path):
    found = read_ts(written(tmp_path, "@classLabel false\n@data\n1,2:3,4\n", "tiny.ts"))
    assert found.labels == []
    assert found.series[0].shape == (2, 2)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("@data\n", "no series"),
        ("1,2:up\n", r"line 1: a line with @"),
        (TS.replace("7:?:down", "7:?:dwon"), r"line 10: the label 'dwon' is not among"),
        (TS.replace("7:?:down", "7:down"), r"line 10: 2 dimensions and a label"),
        (TS.replace("7:?:down", "7:8,9:down"), r"line 10: .* 1 to 2 steps"),
        (TS.replace("7:?:down", "7:x:down"), r"line 10: a number or '\?'.*'x'"),
        (TS.replace("timeStamps false", "timeStamps true"), "time stamps"),
    ],
)
def test_a_broken_ts_file_is_refused_with_its_line(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_ts(written(tmp_path, text, "tiny.ts"))


FIRMS = """firm,year,debt,sales,failed
B,2001,5,50,0
A,2001,2,20,0
A,2000,1,,0
B,2003,7,70,1
B,2002,6,60,0
"""


def test_rows_are_sorted_by_time_within_each_series(tmp_path):
    table = read_series(written(tmp_path, FIRMS), id="firm", time="year", label="failed")
    assert table.ids == ["B", "A"]
    assert table.features == ["debt", "sales"]
    np.testing.assert_array_equal(table.series[0], [[5, 50], [6, 60], [7, 70]])
    np.testing.assert_array_equal(table.series[1], [[1, np.nan], [2, 20]])
    assert table.times[0] == [2001.0, 2002.0, 2003.0]
    assert table.last_labels() == ["1", "0"]
    assert table.lines == [2, 3]


def test_columns_can_be_chosen_and_left_out(tmp_path):
    path = written(tmp_path, FIRMS)
    assert read_series(path, id="firm", features=["sales"]).series[0].ravel().tolist() == [
        50,
        70,
        60,
    ]
    assert read_series(path, id="firm", ignore=["failed", "year"]).features == ["debt", "sales"]


def test_windows_hold_nothing_of_their_labels_time_or_later(tmp_path):
    rows = "".join(f"A,2000-01-{day:02d},{day},{day % 2}\n" for day in range(1, 10))
    table = read_series(written(tmp_path, "who,day,x,y\n" + rows), id="who", time="day", label="y")
    windows = table.windows(3)
    assert len(windows) == 6
    for series, label, time in zip(windows.series, windows.labels, windows.times, strict=True):
        day = int(time[-2:])
        assert series.ravel().tolist() == [day - 3, day - 2, day - 1]
        assert label == str(day % 2)
    early, late = windows.between(end="2000-01-07"), windows.between("2000-01-07")
    assert [len(early), len(late)] == [3, 3]
    assert max(one.max() for one in early.series) < 7
    same_day = table.windows(3, ahead=0)
    assert same_day.series[0].ravel().tolist() == [1, 2, 3]
    assert same_day.times[0] == "2000-01-03"


def test_windows_leave_out_steps_without_a_label(tmp_path):
    text = "who,x,y\nA,1,0\nA,2,\nA,3,1\n"
    windows = read_series(written(tmp_path, text), id="who", label="y").windows(1)
    assert windows.labels == ["1"]
    with pytest.raises(InputError, match="no series has 10 steps"):
        read_series(written(tmp_path, text), id="who", label="y").windows(9)
    with pytest.raises(OptionError, match="length=0"):
        read_series(written(tmp_path, text), id="who", label="y").windows(0)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (FIRMS.replace("B,2002,6", "B,2002,six"), r"line 6, column debt: a number.*'six'.*ignore="),
        (FIRMS.replace("B,2002", "B,2003"), r"column year: this time stands on line"),
        (FIRMS.replace("A,2000", "A,y2k"), r"line 4, column year: a number or a date.*'y2k'"),
        ("firm,year,failed\nA,1,0\n", "no column of numbers"),
        (FIRMS.replace("year", "yeer"), "'year'.*Did you mean 'yeer'"),
    ],
)
def test_a_table_that_holds_no_series_is_refused_with_line_and_column(tmp_path, text, words):
    with pytest.raises(DataError, match=words):
        read_series(written(tmp_path, text), id="firm", time="year", label="failed")
