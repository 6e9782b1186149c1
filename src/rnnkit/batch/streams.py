"""Sequences longer than memory: many streams side by side, read a block at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnkit.batch.sources import (
    ArraySource,
    Items,
    IterableSource,
    Piece,
    Source,
    State,
    text_sources,
)
from rnnkit.errors import InputError, OptionError, ShapeError

__all__ = ["StreamBlock", "Streams"]


class StreamBlock(NamedTuple):
    """The next steps of all streams.

    x: (T, B, ...). y: (T, B, ...), what is to be said at each step; None if nothing was given.
    starts: (T, B) bool, where a document begins: what came before has nothing to do with it.
    """

    x: Tensor
    y: Tensor | None
    starts: Tensor


class Streams:
    """B sources that are read side by side; only a block of each is in memory.

    sources: what each stream is read from; `from_array`, `from_text` and `from_iterables` make
        them. shift: 1 makes y the next element of x, as a language model wants it (at a document's
        end the first of the next one); 0 takes the sources' own y.
    They end together, with the shortest: the rest of the others is left unread. A block is shorter
    than asked for only there.

    >>> streams = Streams.from_array(np.arange(10), 2, shift=1)
    >>> block = streams.read(3)
    >>> block.x.T.tolist(), block.y.T.tolist()
    ([[0, 1, 2], [5, 6, 7]], [[1, 2, 3], [6, 7, 8]])
    >>> len(streams.read(3).x), streams.read(3)
    (1, None)
    """

    def __init__(self, sources: Sequence[Source], *, shift: int = 0) -> None:
        if not sources:
            raise InputError("there is no source: a stream needs at least one.")
        if shift not in (0, 1):
            raise OptionError(f"shift={shift!r}, but 0 or 1 was expected.")
        self._sources, self._shift = list(sources), shift
        self._buffers: list[Piece | None] = [None] * len(self._sources)
        self._position = 0

    @property
    def num_streams(self) -> int:
        """B."""
        return len(self._sources)

    @property
    def position(self) -> int:
        """How many steps of each stream have been given."""
        return self._position

    @classmethod
    def from_array(
        cls,
        x: np.ndarray | str | Path,
        num_streams: int,
        *,
        y: np.ndarray | str | Path | None = None,
        shift: int = 0,
        document_starts: Sequence[int] | np.ndarray = (),
    ) -> Streams:
        """One long array, (N, ...), cut into equal parts that lie one after the other.

        x, y: arrays, memory maps, or the names of .npy files, which are not loaded but mapped.
        document_starts: indices at which a document begins. N % num_streams elements at the end
        are left out. Raises InputError if there are fewer elements than streams, x and y differ
        in length, or document_starts are no indices of x.

        >>> x = np.arange(8)
        >>> Streams.from_array(x, 2, document_starts=[0, 3, 4]).read(4).starts.int().T.tolist()
        [[1, 0, 0, 1], [1, 0, 0, 0]]
        """
        x, y = _opened(x, "x"), None if y is None else _opened(y, "y")
        _check_number(num_streams, len(x), "elements")
        if y is not None and len(y) != len(x):
            raise InputError(f"x has {len(x):,} steps but y has {len(y):,}: each step needs one.")
        if y is not None and shift:
            raise OptionError("shift=1 makes y from x: leave y out, or give shift=0.")
        size = len(x) // num_streams
        begins = _indices(document_starts, len(x))
        sources = [
            ArraySource(x, y, begin, begin + size, begins)
            for begin in range(0, size * num_streams, size)
        ]
        return cls(sources, shift=shift)

    @classmethod
    def from_text(
        cls,
        path: str | Path,
        num_streams: int,
        encode: Callable[[str], Sequence[int]],
        *,
        shift: int = 1,
        documents: str | None = None,
    ) -> Streams:
        """A file of UTF-8 text, cut into parts of like size, where lines begin if it can be.

        encode: a line with its line end, to the ids of its characters, words or whatever a step is.
        Lines of more than 64 KiB come in parts; where lines are long, one may be cut between two
        streams. documents: "line" for a document a line, "blank" for those that blank lines
        separate; None: each part is one.
        Raises DataError if the file cannot be read or is no UTF-8.

        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "text.txt"
        >>> _ = path.write_text("가나\\n다라\\n", encoding="utf-8")
        >>> block = Streams.from_text(path, 2, lambda line: [ord(c) for c in line]).read(2)
        >>> "".join(map(chr, block.x[:, 1])), "".join(map(chr, block.y[:, 1]))
        ('다라', '라\\n')
        """
        return cls(text_sources(Path(path), num_streams, encode, documents), shift=shift)

    @classmethod
    def from_iterables(
        cls, iterables: Sequence[Items], *, shift: int = 0, documents: bool = True
    ) -> Streams:
        """One stream from each iterable of arrays (T, ...), or of pairs (x, y) of them.

        iterables: lists, generators, or functions without arguments that give one; from the last
        reading can go on in the middle, by reading again what has been read. documents: whether
        each array is a document; False: pieces of one that has no end.
        What cannot be read raises InputError or ShapeError when its turn comes.

        >>> documents = [np.arange(2), np.arange(10, 13)]
        >>> block = Streams.from_iterables([documents, lambda: iter(documents)]).read(5)
        >>> block.x[:, 1].tolist(), block.starts[:, 1].nonzero().flatten().tolist()
        ([0, 1, 10, 11, 12], [0, 2])
        """
        return cls([IterableSource(one, documents=documents) for one in iterables], shift=shift)

    # -- reading --------------------------------------------------------------------------------

    def read(self, steps: int) -> StreamBlock | None:
        """The next `steps` steps, or as many as there are; None when a stream has ended."""
        if steps < 1:
            raise OptionError(f"steps={steps}, but at least one must be read.")
        pieces = [self._filled(place, steps + self._shift) for place in range(self.num_streams)]
        filled = [piece for piece in pieces if piece is not None]
        if len(filled) < len(pieces):
            return None
        count = min(steps, min(len(piece.x) for piece in filled) - self._shift)
        if count < 1:
            return None
        parts = [self._part(piece, count) for piece in filled]
        self._buffers = [piece.after(count) for piece in filled]
        self._position += count
        ys = [part.y for part in parts if part.y is not None]
        if 0 < len(ys) < len(parts):
            raise InputError("some streams have a y and some have none.")
        x, starts = _beside([part.x for part in parts]), _beside([part.starts for part in parts])
        return StreamBlock(x, _beside(ys) if ys else None, starts)

    def blocks(self, steps: int) -> Iterator[StreamBlock]:
        """All blocks to the end."""
        while (block := self.read(steps)) is not None:
            yield block

    def _filled(self, place: int, steps: int) -> Piece | None:
        """At least so many steps of one source, where it has them; None at its end."""
        held = self._buffers[place]
        pieces = [] if held is None else [held]
        missing = steps - sum(len(piece.x) for piece in pieces)
        while missing > 0:
            piece = self._sources[place].read(missing)
            if piece is None:
                break
            pieces.append(piece)
            missing -= len(piece.x)
        self._buffers[place] = Piece.joined(pieces) if pieces else None
        return self._buffers[place]

    def _part(self, piece: Piece, count: int) -> Piece:
        y = piece.x[self._shift : self._shift + count] if self._shift else piece.y
        return Piece(piece.x[:count], None if y is None else y[:count], piece.starts[:count])

    # -- going on in the middle -----------------------------------------------------------------

    def state_dict(self) -> State:
        """Where reading stands: plain values and small tensors."""
        buffers = [None if piece is None else piece.to_dict() for piece in self._buffers]
        sources = [one.state_dict() for one in self._sources]
        return {"sources": sources, "buffers": buffers, "position": self._position}

    def load_state_dict(self, state: State) -> None:
        """Go on from a `state_dict` of streams from the same sources.

        Raises ShapeError if it is of another number of streams, InputError if it is of streams of
        another kind or if an iterator cannot be read again.
        """
        if len(state["sources"]) != self.num_streams:
            raise ShapeError(
                f"the state is of {len(state['sources'])} streams, but these are "
                f"{self.num_streams}. A stream goes on from its own place: keep the number."
            )
        for source, one in zip(self._sources, state["sources"], strict=True):
            try:
                source.load_state_dict(one)
            except KeyError as error:
                raise InputError(
                    f"the state is of streams that are read from something else: it has no {error} "
                    f"for {type(source).__name__}. Read the streams from what they were read from."
                ) from None
        self._position = state["position"]
        self._buffers = [None if one is None else Piece.from_dict(one) for one in state["buffers"]]


def _opened(values: np.ndarray | str | Path, name: str) -> np.ndarray:
    if isinstance(values, str | Path):
        try:
            values = np.load(values, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise InputError(f"{name}={values!s} cannot be read as an .npy file: {error}") from None
    array: np.ndarray = values if isinstance(values, np.memmap) else np.asarray(values)
    if array.ndim == 0 or array.dtype.kind not in "biufc":
        raise InputError(
            f"{name} is {values!r:.60}, but an array (N, ...) of numbers was expected."
        )
    return array


def _indices(document_starts: Sequence[int] | np.ndarray, num_steps: int) -> np.ndarray:
    """Sorted; the end of the last document may be among them."""
    begins = np.sort(np.asarray(document_starts))
    if begins.size == 0:
        return np.empty(0, dtype=np.int64)
    if begins.ndim != 1 or begins.dtype.kind not in "iu":
        raise InputError(
            f"document_starts are {begins.dtype} of shape {begins.shape}, but a list of indices "
            f"was expected. Of a mask, give np.flatnonzero(mask)."
        )
    if begins[0] < 0 or begins[-1] > num_steps:
        raise InputError(
            f"document_starts go from {begins[0]:,} to {begins[-1]:,}, but x has {num_steps:,} "
            f"steps: indices from 0 on were expected."
        )
    return begins.astype(np.int64)


def _check_number(num_streams: int, available: int, noun: str) -> None:
    if num_streams < 1:
        raise OptionError(f"num_streams={num_streams}, but at least one is needed.")
    if available < num_streams:
        raise InputError(
            f"there are {available:,} {noun} for {num_streams} streams: each needs one at least."
        )


def _beside(arrays: Sequence[np.ndarray]) -> Tensor:
    """B times (T, ...) -> (T, B, ...)."""
    shapes = {(array.shape[1:], array.dtype) for array in arrays}
    if len(shapes) > 1:
        raise ShapeError(
            f"streams hold steps of different forms: {sorted(map(str, shapes))}. All must agree."
        )
    return torch.from_numpy(np.stack(arrays, axis=1))
