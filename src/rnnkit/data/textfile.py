"""Files as text: gzip or not, UTF-8 with or without a byte order mark, errors that say where."""

from __future__ import annotations

import difflib
import gzip
import zlib
from pathlib import Path

from rnnkit.errors import DataError

__all__ = ["extension", "read_bytes", "read_lines", "read_text"]

_GZIP = b"\x1f\x8b"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


def extension(path: str | Path) -> str:
    """The last suffix in lower case, after a `.gz` is taken off.

    >>> extension("reviews.TSV.gz"), extension("reviews")
    ('.tsv', '')
    """
    name = Path(path).name.lower().removesuffix(".gz")
    return Path(name).suffix


def read_bytes(path: str | Path) -> bytes:
    """The whole file, unpacked if its first bytes are gzip's. Raises DataError."""
    path = Path(path)
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"there is no such file.{_nearest_file(path)}", path=path) from None
    except IsADirectoryError:
        raise DataError("this is a folder, and a file was expected.", path=path) from None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}.", path=path) from error
    # The content decides, not the name: a download may have been unpacked on its way.
    return _gunzip(raw, path) if raw.startswith(_GZIP) else raw


def read_text(path: str | Path) -> str:
    """The whole file as text (UTF-8, a byte order mark is taken off). Raises DataError."""
    raw = read_bytes(path)
    if raw.startswith(_UTF16):
        raise DataError("this is UTF-16, and UTF-8 was expected. Save it as UTF-8.", path=path)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _not_utf8(error, path) from None
    if not text.strip():
        raise DataError("the file is empty.", path=path)
    return text


def read_lines(path: str | Path) -> list[str]:
    r"""The lines of a text file, without their line ends; at least one.

    Only ``\n`` and ``\r\n`` end a line: the other characters at which `str.splitlines` cuts
    (form feed, U+2028, ...) do occur inside real sentences, and pairs of files must not shift.

    Raises DataError: no such file, not UTF-8, a truncated gzip file, an empty file.

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     path = Path(folder, "text.txt")
    ...     _ = path.write_text("first\n\nthird\n", encoding="utf-8")
    ...     read_lines(path)
    ['first', '', 'third']
    """
    text = read_text(path)
    lines = text.removesuffix("\n").split("\n")
    return [line.removesuffix("\r") for line in lines]


def _gunzip(raw: bytes, path: Path) -> bytes:
    try:
        return gzip.decompress(raw)
    except EOFError:
        raise DataError("the gzip file ends too early. Download it again.", path=path) from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(
            f"the gzip file is damaged ({error}). Download it again.", path=path
        ) from error


def _not_utf8(error: UnicodeDecodeError, path: str | Path) -> DataError:
    # `error.object` is what was decoded: the file's bytes without the byte order mark.
    before = error.object[: error.start]
    line_start = before.rfind(b"\n") + 1
    return DataError(
        f"byte 0x{error.object[error.start]:02x} is not UTF-8 (byte {error.start - line_start + 1} "
        f"of the line). Save the file as UTF-8, for instance with: iconv -f CP949 -t UTF-8",
        path=path,
        line=before.count(b"\n") + 1,
    )


def _nearest_file(path: Path) -> str:
    siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    return f" Did you mean {near[0]!r}?" if near else ""
