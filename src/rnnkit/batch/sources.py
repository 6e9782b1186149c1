"""What one stream is read from: an array, a part of a file of text, or an iterable."""

from __future__ import annotations

import codecs
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, BinaryIO, Protocol, TypeAlias

import numpy as np
import torch

from rnnkit.errors import DataError, InputError, OptionError, check_option

__all__ = [
    "ArraySource",
    "Items",
    "IterableSource",
    "Piece",
    "Source",
    "State",
    "TextSource",
    "text_sources",
]

LINE_BYTES = 2**16  # a longer line comes in parts

_BLANK = ("\n", "\r\n", "\r")


State: TypeAlias = dict[str, Any]
"""Where reading stands: plain values, and nests of them with small tensors."""

Item: TypeAlias = np.ndarray | tuple[np.ndarray, np.ndarray]
"""x (T, ...), or x and y."""

Items: TypeAlias = Iterable[Item] | Callable[[], Iterable[Item]]


@dataclass(frozen=True)
class Piece:
    """Some steps of one stream: x (T, ...), y (T, ...) or None, starts (T,) bool."""

    x: np.ndarray
    y: np.ndarray | None
    starts: np.ndarray

    def after(self, steps: int) -> Piece | None:
        """What follows the first steps; None if nothing does."""
        if steps >= len(self.x):
            return None
        y = None if self.y is None else self.y[steps:]
        return Piece(self.x[steps:], y, self.starts[steps:])

    @staticmethod
    def joined(pieces: Sequence[Piece]) -> Piece:
        """One after the other."""
        if len(pieces) == 1:
            return pieces[0]
        kinds = {piece.y is None for piece in pieces}
        if len(kinds) > 1:
            raise InputError("some pieces of a stream have a y and some have none.")
        ys = [piece.y for piece in pieces if piece.y is not None]
        return Piece(
            np.concatenate([piece.x for piece in pieces]),
            np.concatenate(ys) if ys else None,
            np.concatenate([piece.starts for piece in pieces]),
        )

    def to_dict(self) -> State:
        """As tensors, to be kept."""
        found = {"x": self.x, "y": self.y, "starts": self.starts}
        return {n: None if a is None else torch.from_numpy(a.copy()) for n, a in found.items()}

    @classmethod
    def from_dict(cls, kept: State) -> Piece:
        """What `to_dict` gave."""
        y = None if kept["y"] is None else kept["y"].numpy()
        return cls(kept["x"].numpy(), y, kept["starts"].numpy())


class Source(Protocol):
    """One stream. `read` gives the next steps, at most so many, and None at the end."""

    def read(self, steps: int) -> Piece | None: ...

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


class ArraySource:
    """Elements begin..end-1 of an array, or of a memory map.

    document_starts: (D,) sorted indices into the array. The first element begins one in any case.
    """

    def __init__(
        self,
        x: np.ndarray,
        y: np.ndarray | None,
        begin: int,
        end: int,
        document_starts: np.ndarray,
    ) -> None:
        self._x, self._y, self._begin, self._end = x, y, begin, end
        self._document_starts, self._next = document_starts, begin

    def read(self, steps: int) -> Piece | None:
        begin, end = self._next, min(self._next + steps, self._end)
        if begin >= end:
            return None
        self._next = end
        starts = np.zeros(end - begin, dtype=bool)
        inside = np.searchsorted(self._document_starts, [begin, end])
        starts[self._document_starts[slice(*inside)] - begin] = True
        starts[0] |= begin == self._begin
        # Copies: of a memory map only what is read stays in memory.
        y = None if self._y is None else np.array(self._y[begin:end])
        return Piece(np.array(self._x[begin:end]), y, starts)

    def state_dict(self) -> State:
        return {"next": self._next}

    def load_state_dict(self, state: State) -> None:
        following = int(state["next"])
        if not self._begin <= following <= self._end:
            raise InputError(
                f"the state is at step {following:,} of an array, but this stream has steps "
                f"{self._begin:,} to {self._end:,}. Read the array that it was made from."
            )
        self._next = following


class IterableSource:
    """Arrays, or pairs (x, y) of them, one after the other.

    documents: whether each begins a document.
    """

    def __init__(self, given: Items, *, documents: bool) -> None:
        self._given, self._documents = given, documents
        self._items: Iterator[Item] | None = None
        self._rest: Piece | None = None
        self._taken, self._begun = 0, False

    def read(self, steps: int) -> Piece | None:
        piece = self._rest or self._next()
        if piece is None:
            return None
        self._rest = piece.after(steps)
        y = None if piece.y is None else piece.y[:steps]
        return Piece(piece.x[:steps], y, piece.starts[:steps])

    def _next(self) -> Piece | None:
        """The next item that holds a step."""
        if self._items is None:
            self._items = iter(self._given() if callable(self._given) else self._given)
        for item in self._items:
            self._taken += 1
            x, y = item if isinstance(item, tuple) else (item, None)
            x, y = np.asarray(x), None if y is None else np.asarray(y)
            if x.ndim == 0 or (y is not None and (y.ndim == 0 or len(y) != len(x))):
                raise InputError(
                    f"an item of a stream is {item!r:.60}, but an array (T, ...) was expected, or "
                    f"a pair (x, y) of arrays with one y for each step."
                )
            if len(x):
                starts = np.zeros(len(x), dtype=bool)
                starts[0] = self._documents or not self._begun
                self._begun = True
                return Piece(x, y, starts)
        return None

    def state_dict(self) -> State:
        rest = None if self._rest is None else self._rest.to_dict()
        return {"taken": self._taken, "rest": rest, "begun": self._begun}

    def load_state_dict(self, state: State) -> None:
        if not callable(self._given) and iter(self._given) is self._given:
            raise InputError(
                "a stream from an iterator cannot go on in the middle: what it gave is gone. Give "
                "a function that makes the iterator, or a list."
            )
        self._items = iter(self._given() if callable(self._given) else self._given)
        for _ in range(state["taken"]):
            next(self._items, None)
        self._taken, self._begun = state["taken"], state["begun"]
        self._rest = None if state["rest"] is None else Piece.from_dict(state["rest"])


class TextSource:
    """The lines of a part of a file, from byte `begin` to `end`, as ids.

    documents: "line", "blank" or None; see `Streams.from_text`.
    """

    def __init__(
        self,
        path: Path,
        encode: Callable[[str], Sequence[int]],
        begin: int,
        end: int,
        documents: str | None,
    ) -> None:
        self._path, self._encode, self._end, self._documents = path, encode, end, documents
        self._rest: Piece | None = None
        self._offset, self._starts_next = begin, True

    def read(self, steps: int) -> Piece | None:
        piece = self._rest or self._next()
        if piece is None:
            return None
        self._rest = piece.after(steps)
        return Piece(piece.x[:steps], None, piece.starts[:steps])

    def _next(self) -> Piece | None:
        """The next line that is encoded as something."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            while self._offset < self._end:
                line = _read_line(file, self._path, self._end)
                self._offset = file.tell()
                if not line:
                    return None
                ids = self._ids(line)
                starts = np.zeros(len(ids), dtype=bool)
                if len(ids):
                    starts[0], self._starts_next = self._starts_next, False
                self._starts_next |= self._ends_document(line)
                if len(ids):
                    return Piece(ids, None, starts)
        return None

    def _ids(self, line: str) -> np.ndarray:
        ids = np.asarray(self._encode(line))
        if ids.ndim != 1 or (ids.size and ids.dtype.kind not in "iu"):
            raise InputError(
                f"encode({line!r:.40}) gave {ids.dtype} of shape {ids.shape}, but a list of whole "
                f"numbers was expected."
            )
        return ids.astype(np.int64)

    def _ends_document(self, line: str) -> bool:
        whole = line.endswith(_BLANK)
        return whole and (
            self._documents == "line" or (self._documents == "blank" and not line.strip())
        )

    def state_dict(self) -> State:
        rest = None if self._rest is None else self._rest.to_dict()
        return {"offset": self._offset, "starts_next": self._starts_next, "rest": rest}

    def load_state_dict(self, state: State) -> None:
        self._offset, self._starts_next = state["offset"], state["starts_next"]
        self._rest = None if state["rest"] is None else Piece.from_dict(state["rest"])


def text_sources(
    path: Path,
    num_streams: int,
    encode: Callable[[str], Sequence[int]],
    documents: str | None,
) -> list[TextSource]:
    """A file's lines in parts of like size.

    Raises DataError if the file cannot be read or has fewer lines than streams.
    """
    check_option("documents", documents, [None, "line", "blank"])
    if num_streams < 1:
        raise OptionError(f"num_streams={num_streams}, but at least one is needed.")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            # Of long lines the nearest beginning may be far: then a line is cut, to keep the parts
            # of like size.
            most = max(1, min(LINE_BYTES, size // (4 * num_streams)))
            borders = [_line_begin(file, size * n // num_streams, most) for n in range(num_streams)]
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror or error}.", path=path) from None
    borders.append(size)
    if any(begin >= end for begin, end in pairwise(borders)):
        raise DataError(
            f"the file has {size:,} bytes, which cannot be cut into {num_streams} streams. "
            f"Take fewer.",
            path=path,
        )
    return [TextSource(path, encode, begin, end, documents) for begin, end in pairwise(borders)]


def _line_begin(file: BinaryIO, near: int, most: int) -> int:
    """The first beginning of a line within so many bytes from one on, or else of a character."""
    if near == 0:
        mark = codecs.BOM_UTF8
        return len(mark) if file.read(len(mark)) == mark else 0
    file.seek(near - 1)
    if file.readline(most + 1).endswith(b"\n"):
        return file.tell()
    file.seek(near)
    while (following := file.read(1)) and following[0] & 0xC0 == 0x80:
        pass  # in the middle of a character
    return file.tell() - len(following)


def _read_line(file: BinaryIO, path: Path, end: int) -> str:
    """A line with its end, or a part of a long one, before byte `end`; whole characters."""
    offset = file.tell()
    raw = file.readline(min(LINE_BYTES, end - offset))
    while True:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError as error:
            following = file.read(1) if error.reason == "unexpected end of data" else b""
            if not following:
                raise DataError(
                    f"byte {offset + error.start:,} is no UTF-8 ({error.reason}). Convert the "
                    f"file: iconv -f CP949 -t UTF-8.",
                    path=path,
                ) from None
            raw += following
