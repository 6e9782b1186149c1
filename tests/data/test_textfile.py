"""Files as text: what is read, and what every error says."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from rnnkit.data import read_lines
from rnnkit.data.textfile import extension, read_text
from rnnkit.errors import DataError


def test_text_is_the_same_plain_and_gzipped_whatever_the_name(tmp_path: Path) -> None:
    text = "첫째\nsecond \U0001f600\n"
    plain, packed, misnamed = tmp_path / "a.txt", tmp_path / "a.txt.gz", tmp_path / "b.txt.gz"
    plain.write_bytes(text.encode())
    packed.write_bytes(gzip.compress(text.encode()))
    misnamed.write_bytes(text.encode())
    assert read_text(plain) == read_text(packed) == read_text(misnamed) == text


def test_a_byte_order_mark_is_taken_off(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"\xef\xbb\xbfid\n")
    assert read_lines(path) == ["id"]


def test_lines_end_at_newlines_only(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("a\x0bb\u2028c\x85d\r\n\r\ne\rf".encode())
    assert read_lines(path) == ["a\x0bb\u2028c\x85d", "", "e\rf"]


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "reviews.tsv.gz").write_bytes(b"x")
    with pytest.raises(DataError, match=r"review\.tsv\.gz: .*no such file.*'reviews\.tsv\.gz'"):
        read_text(tmp_path / "review.tsv.gz")
    with pytest.raises(DataError, match="no such file"):
        read_text(tmp_path / "no" / "folder.tsv")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="a folder, and a file was expected"):
        read_text(tmp_path)


@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_bytes_that_are_not_utf8_name_line_and_byte(tmp_path: Path, bom: bytes) -> None:
    path = tmp_path / "cp949.tsv"
    path.write_bytes(bom + b"id\ttext\n1\tok\n2\t" + "가".encode("cp949") + b"\n")
    with pytest.raises(DataError, match=r"line 3: byte 0xb0 is not UTF-8 \(byte 3 of") as caught:
        read_text(path)
    assert caught.value.line == 3


def test_utf16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes("text".encode("utf-16"))
    with pytest.raises(DataError, match="UTF-16"):
        read_text(path)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", gzip.compress(b"", mtime=0)])
def test_an_empty_file_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match="the file is empty"):
        read_text(path)


def test_a_truncated_or_damaged_gzip_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.txt.gz"
    packed = gzip.compress(b"some text " * 50)
    path.write_bytes(packed[:-9])
    with pytest.raises(DataError, match="ends too early"):
        read_text(path)
    path.write_bytes(packed[:-8] + bytes(8))
    with pytest.raises(DataError, match="damaged"):
        read_text(path)
    path.write_bytes(packed[:12] + b"\xff\xff\xff" + packed[15:])
    with pytest.raises(DataError, match="damaged"):
        read_text(path)


def test_the_extension_looks_through_gz_and_case() -> None:
    names = ["a.csv", "b.CSV.GZ", "c.d.jsonl", "e.gz", "f"]
    assert [extension(name) for name in names] == [".csv", ".csv", ".jsonl", "", ""]
