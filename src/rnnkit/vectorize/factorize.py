"""Many texts at once to their distinct words and one number a word, without a string for each word.

A corpus has far fewer distinct words than words, and making, hashing and looking up a Python
string for every single word is what a tokenizer spends its time on. Here words are spans of one
UTF-8 buffer: NumPy finds the spans, hashes them eight bytes at a time, and finds the first word
that equals each; only the distinct ones become strings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TypeVar

import numpy as np

__all__ = ["Words", "chunks", "factorize"]

Text = TypeVar("Text")

CHUNK = 2**23  # characters of texts at once; they need some twenty times as many bytes
WINDOW = 8  # bytes that are read at once
LONGEST = 4096  # bytes of a word; one that is longer is no word, and would take a round a window
MULTIPLIERS = np.random.default_rng(0).integers(2**63, 2**64, 16, dtype=np.uint64) | np.uint64(1)
MASKS = np.array([2 ** (8 * n) - 1 for n in range(WINDOW + 1)], dtype=np.uint64)


@dataclass(frozen=True)
class Words:
    """The words of B texts, N in all.

    distinct: each different word once, in the order first seen.
    ids: (N,) the place in `distinct` of every word.
    bounds: (B + 1,) where each text begins in `ids`, and N.
    """

    distinct: list[str]
    ids: np.ndarray
    bounds: np.ndarray

    def counts(self) -> dict[str, int]:
        """How often each distinct word occurs."""
        return self._by_word(self.ids)

    def text_counts(self) -> dict[str, int]:
        """In how many texts each distinct word occurs."""
        text = np.repeat(np.arange(len(self.bounds) - 1), np.diff(self.bounds))
        pairs = np.sort((self.ids << 32) | text)
        is_new = np.ones(len(pairs), dtype=bool)
        np.not_equal(pairs[1:], pairs[:-1], out=is_new[1:])
        return self._by_word(pairs[is_new] >> 32)

    def replaced(self, values: Sequence[object], left_out: object) -> list[list[int]]:
        """For each text the values that stand for its words, without those that are `left_out`.

        values: an index or `left_out` for each distinct word.
        """
        ids, bounds = self.ids, self.bounds
        stays = np.array([value is not left_out for value in values], dtype=bool)
        if not stays.all():
            bounds = np.concatenate([[0], np.cumsum(stays[ids])])[bounds]
            ids = ids[stays[ids]]
        objects = np.empty(len(values), dtype=object)
        objects[:] = values
        replaced = objects[ids]
        return [replaced[begin:end].tolist() for begin, end in pairwise(bounds.tolist())]

    def _by_word(self, ids: np.ndarray) -> dict[str, int]:
        counts = np.bincount(ids, minlength=len(self.distinct)).tolist()
        return dict(zip(self.distinct, counts, strict=True))


def chunks(texts: Iterable[Text]) -> Iterator[list[Text]]:
    """Texts in lists of some `CHUNK` characters together, however many texts that is.

    >>> [len(chunk) for chunk in chunks(["a" * 2**22] * 5)]
    [2, 2, 1]
    """
    chunk: list[Text] = []
    size = 0
    for text in texts:
        chunk.append(text)
        size += len(text) if isinstance(text, str | list) else 1
        if size >= CHUNK:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def factorize(texts: list[str], table: bytes, separator: bytes) -> Words | None:
    """The words of all texts: what is left between separators after `bytes.translate`.

    table: 256 bytes that leave those above 127 alone.
    separator: one ASCII byte.
    Returns None if words cannot be told apart this way (one is very long, or two have one hash).

    >>> identity = bytes(range(256))
    >>> words = factorize(["to be or", "", "not to be"], identity, b" ")
    >>> words.distinct, words.ids.tolist(), words.bounds.tolist()
    (['to', 'be', 'or', 'not'], [0, 1, 2, 3, 0, 1], [0, 3, 3, 6])
    """
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    joined = separator.join([b"", *encoded, WINDOW * separator])
    spans = _Spans(joined.translate(table), separator)
    if spans.longest > LONGEST:
        return None
    first = _first_equal(spans.hashes())
    if not spans.equal(first):
        return None
    distinct = np.flatnonzero(first == np.arange(len(first)))
    number = np.empty(len(first), dtype=np.int64)
    number[distinct] = np.arange(len(distinct))
    begins = np.cumsum([0] + [len(text) + 1 for text in encoded])
    bounds = np.searchsorted(spans.starts, begins)
    return Words(spans.strings(distinct), number[first], bounds)


class _Spans:
    """Words as spans of a buffer that begins with a separator and ends with eight."""

    def __init__(self, buffer: bytes, separator: bytes) -> None:
        self.buffer, self.separator = buffer, separator
        inside = np.frombuffer(buffer, dtype=np.uint8) != ord(separator)
        edges = np.flatnonzero(inside[1:] != inside[:-1])
        self.starts, self.ends = edges[::2] + 1, edges[1::2] + 1
        self.lengths = self.ends - self.starts
        self.longest = int(self.lengths.max(initial=0))

    @cached_property
    def windows(self) -> list[tuple[np.ndarray | slice, np.ndarray]]:
        """All words eight bytes at a time: which are so long (rows), and the bytes as numbers.

        The first window of a word is filled up with zeros, and its last ends where the word ends.
        """
        size = len(self.buffer) - WINDOW + 1
        at = np.ndarray((size,), dtype="<u8", buffer=self.buffer, strides=(1,))
        first = at[self.starts] & MASKS[np.minimum(self.lengths, WINDOW)]
        read: list[tuple[np.ndarray | slice, np.ndarray]] = [(slice(None), first)]
        rows = np.flatnonzero(self.lengths > WINDOW)
        for offset in range(WINDOW, self.longest, WINDOW):
            rows = rows[self.lengths[rows] > offset]
            places = np.minimum(self.starts[rows] + offset, self.ends[rows] - WINDOW)
            read.append((rows, at[places]))
        return read

    def hashes(self) -> np.ndarray:
        """(N,) uint64."""
        hashes: np.ndarray = self.lengths.astype(np.uint64) * MULTIPLIERS[1]
        for rows, values in self.windows:
            mixed = hashes[rows] ^ values
            mixed *= MULTIPLIERS[0]
            mixed ^= mixed >> np.uint64(32)
            hashes[rows] = mixed
        return hashes

    def equal(self, first: np.ndarray) -> bool:
        """Whether every word is the same as the word whose place `first` gives."""
        if (self.lengths != self.lengths[first]).any():
            return False
        (_, head), *others = self.windows
        if (head != head[first]).any():
            return False
        values_at = np.empty(len(first), dtype=np.uint64)
        for rows, values in others:
            values_at[rows] = values
            if (values_at[first[rows]] != values).any():
                return False
        return True

    def strings(self, chosen: np.ndarray) -> list[str]:
        """The words at the chosen places."""
        starts, sizes = self.starts[chosen], self.lengths[chosen] + 1  # and the separator behind
        shifts = starts - (np.cumsum(sizes) - sizes)
        places = np.arange(sizes.sum()) + np.repeat(shifts, sizes)
        joined = np.frombuffer(self.buffer, dtype=np.uint8)[places].tobytes()
        text: str = joined.decode("utf-8", "surrogatepass")
        return text.split(self.separator.decode())[:-1]


def _first_equal(hashes: np.ndarray, turn: int = 0) -> np.ndarray:
    """(N,) for each place the first place that has the same hash.

    All places are thrown into slots, of which each keeps the first. Whoever finds its own hash
    there is done; the others, who are all places of some other hashes, go on with other slots.
    """
    places = np.arange(len(hashes))
    bits = max(len(hashes).bit_length() - 1, 4)
    mixed = hashes * MULTIPLIERS[turn % len(MULTIPLIERS)]
    slots = (mixed >> np.uint64(64 - bits)).view(np.int64)
    kept = np.empty(2**bits, dtype=np.int64)
    kept[slots[::-1]] = places[::-1]  # of places that go to one slot the last written stays
    first: np.ndarray = kept[slots]
    left = np.flatnonzero(hashes[first] != hashes)
    if left.size:
        first[left] = left[_first_equal(hashes[left], turn + 1)]
    return first
