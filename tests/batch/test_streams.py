from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.batch import Streams
from rnnkit.errors import DataError, InputError, OptionError, ShapeError

TEXT = "가나다라 마바사\n두 번째 줄\n\n세 번째 문서 🙂\n끝\n"


def codes(line):
    return [ord(character) for character in line]


def read_all(streams, steps):
    """x, y and starts of all blocks, (T, B) each."""
    blocks = list(streams.blocks(steps))
    x = torch.cat([block.x for block in blocks])
    y = None if blocks[0].y is None else torch.cat([block.y for block in blocks])
    return x, y, torch.cat([block.starts for block in blocks])


@pytest.mark.parametrize("steps", [1, 3, 7, 100])
def test_an_array_is_read_in_equal_parts_side_by_side(steps):
    x, y, starts = read_all(Streams.from_array(np.arange(23), 3), steps)
    assert x.T.tolist() == [list(range(7)), list(range(7, 14)), list(range(14, 21))]
    assert y is None
    assert starts.T.tolist() == [[True] + [False] * 6] * 3


@pytest.mark.parametrize("steps", [1, 4, 100])
def test_shifted_targets_are_the_next_elements_across_blocks(steps):
    x, y, _ = read_all(Streams.from_array(np.arange(20), 2, shift=1), steps)
    assert x.T.tolist() == [list(range(9)), list(range(10, 19))]
    assert torch.equal(y, x + 1)


def test_targets_of_ones_own_come_along():
    x = np.random.default_rng(0).random((10, 3), dtype=np.float32)
    streams = Streams.from_array(x, 2, y=x[:, 0] * 2)
    block = streams.read(5)
    assert (block.x.shape, block.y.shape) == ((5, 2, 3), (5, 2))
    torch.testing.assert_close(block.y, block.x[..., 0] * 2)


def test_files_of_arrays_are_mapped_and_not_loaded(tmp_path):
    np.save(tmp_path / "x.npy", np.arange(1000))
    streams = Streams.from_array(tmp_path / "x.npy", 4, document_starts=[10, 300, 999])
    assert isinstance(streams._sources[0]._x, np.memmap)
    _, _, starts = read_all(streams, 33)
    places = starts.T.nonzero().tolist()
    assert places == [[0, 0], [0, 10], [1, 0], [1, 50], [2, 0], [3, 0], [3, 249]]


@pytest.mark.parametrize("steps", [1, 2, 5, 50])
@pytest.mark.parametrize("num_streams", [1, 2, 3])
def test_a_text_is_cut_at_lines_and_no_character_is_lost(tmp_path, steps, num_streams):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    streams = Streams.from_text(path, num_streams, codes, shift=0)
    sources = streams._sources
    whole = ""
    for source in sources:
        while (piece := source.read(steps)) is not None:
            assert len(piece.x) <= steps
            whole += "".join(map(chr, piece.x))
    assert whole == TEXT


@pytest.mark.parametrize(
    ("documents", "begins"),
    [(None, [0]), ("line", [0, 9, 16, 17, 27]), ("blank", [0, 17])],
)
def test_documents_begin_where_lines_or_blank_lines_end(tmp_path, documents, begins):
    path = tmp_path / "text.txt"
    path.write_text(TEXT, encoding="utf-8")
    streams = Streams.from_text(path, 1, codes, documents=documents, shift=0)
    x, _, starts = read_all(streams, 4)
    assert "".join(map(chr, x[:, 0])) == TEXT
    assert starts[:, 0].nonzero().flatten().tolist() == begins


@settings(max_examples=30, deadline=None)
@given(
    st.text(alphabet="a가🙂\n é", min_size=20, max_size=200),
    st.integers(1, 4),
    st.integers(3, 9),
)
def test_any_text_and_any_longest_line_come_whole(tmp_path_factory, text, num_streams, longest):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_bytes(text.encode("utf-8"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("rnnkit.batch.sources.LINE_BYTES", longest)
        try:
            streams = Streams.from_text(path, num_streams, codes, shift=0)
        except DataError as error:
            assert "cannot be cut" in str(error)  # noqa: PT017
            return
        found = ""
        for source in streams._sources:
            while (piece := source.read(7)) is not None:
                found += "".join(map(chr, piece.x))
    assert found == text


def test_lines_may_be_encoded_as_words(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("a b c\n\nb c\n" * 2)
    index = {"a": 1, "b": 2, "c": 3}
    streams = Streams.from_text(
        path, 2, lambda line: [index[word] for word in line.split()], documents="line"
    )
    block = streams.read(10)
    assert block.x.T.tolist() == [[1, 2, 3, 2]] * 2
    assert block.y.T.tolist() == [[2, 3, 2, 3]] * 2
    assert block.starts.T.tolist() == [[True, False, False, True]] * 2


def test_iterables_of_documents_are_read_as_they_come():
    def documents(offset):
        return [np.arange(n) + offset for n in (3, 0, 4)]

    streams = Streams.from_iterables([documents(0), lambda: iter(documents(100))])
    x, _, starts = read_all(streams, 2)
    assert x.T.tolist() == [[0, 1, 2, 0, 1, 2, 3], [100, 101, 102, 100, 101, 102, 103]]
    assert starts.T.tolist() == [[True, False, False, True, False, False, False]] * 2
    pieces = Streams.from_iterables([documents(0)], documents=False)
    assert read_all(pieces, 2)[2].flatten().tolist() == [True] + [False] * 6


def test_pairs_bring_their_targets():
    x = np.zeros((4, 2), dtype=np.float32)
    block = Streams.from_iterables([[(x, np.arange(4))]]).read(3)
    assert (block.x.shape, block.y.flatten().tolist()) == ((3, 1, 2), [0, 1, 2])


def test_streams_end_with_the_shortest():
    streams = Streams.from_iterables([[np.arange(5)], [np.arange(3)]])
    assert [len(block.x) for block in streams.blocks(2)] == [2, 1]
    assert streams.read(1) is None


def of_kind(kind, path):
    if kind == "array":
        return Streams.from_array(np.arange(40), 2, shift=1, document_starts=[3, 11, 25])
    if kind == "text":
        path.write_text(TEXT * 3, encoding="utf-8")
        return Streams.from_text(path, 2, codes, documents="line")
    documents = [np.arange(n) for n in (4, 3, 9, 5)]
    return Streams.from_iterables([documents, lambda: iter(documents)], shift=1)


@pytest.mark.parametrize("kind", ["array", "text", "iterables"])
@pytest.mark.parametrize("before", [1, 2, 4])
def test_reading_goes_on_in_the_middle(kind, before, tmp_path):
    streams = of_kind(kind, tmp_path / "text.txt")
    for _ in range(before):
        streams.read(3)
    kept = streams.state_dict()
    expected = read_all(streams, 5)
    again = of_kind(kind, tmp_path / "text.txt")
    again.load_state_dict(kept)
    for one, other in zip(read_all(again, 5), expected, strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("kind", ["array", "text", "iterables"])
def test_the_position_counts_the_steps_of_each_stream(kind, tmp_path):
    streams = of_kind(kind, tmp_path / "text.txt")
    assert streams.position == 0
    streams.read(3)
    streams.read(2)
    assert streams.position == 5
    again = of_kind(kind, tmp_path / "text.txt")
    again.load_state_dict(streams.state_dict())
    assert again.position == 5


def test_a_state_of_another_kind_of_streams_is_refused(tmp_path):
    kept = of_kind("text", tmp_path / "text.txt").state_dict()
    with pytest.raises(InputError, match="no 'next' for ArraySource"):
        of_kind("array", None).load_state_dict(kept)


@pytest.mark.parametrize("kind", ["array", "text", "iterables"])
def test_where_reading_stands_is_plain(kind, tmp_path):
    streams = of_kind(kind, tmp_path / "text.txt")
    streams.read(3)
    torch.save(streams.state_dict(), tmp_path / "state.pt")
    # Nothing but numbers, names and tensors is read, and reading goes on from there.
    kept = torch.load(tmp_path / "state.pt", weights_only=True)
    again = of_kind(kind, tmp_path / "text.txt")
    again.load_state_dict(kept)
    for one, other in zip(read_all(again, 5), read_all(streams, 5), strict=True):
        assert torch.equal(one, other)


def test_a_state_of_another_number_of_streams_is_refused():
    kept = Streams.from_array(np.arange(8), 2).state_dict()
    with pytest.raises(ShapeError, match="of 2 streams, but these are 4"):
        Streams.from_array(np.arange(8), 4).load_state_dict(kept)


def test_an_iterator_that_is_gone_cannot_go_on():
    streams = Streams.from_iterables([iter([np.arange(3)])])
    streams.read(1)
    with pytest.raises(InputError, match="Give a function that makes the iterator"):
        Streams.from_iterables([iter([np.arange(3)])]).load_state_dict(streams.state_dict())


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda p: Streams.from_array(np.arange(2), 3), InputError, "2 elements for 3 streams"),
        (lambda p: Streams.from_array(np.arange(2), 0), OptionError, "num_streams=0"),
        (lambda p: Streams.from_array(np.float64(1), 1), InputError, "an array"),
        (lambda p: Streams.from_array(np.array(["a"]), 1), InputError, "of numbers was expected"),
        (
            lambda p: Streams.from_array(np.arange(3), 1, document_starts=np.ones(3, bool)),
            InputError,
            r"give np.flatnonzero\(mask\)",
        ),
        (
            lambda p: Streams.from_array(np.arange(3), 1, document_starts=[-1, 2]),
            InputError,
            "from -1 to 2, but x has 3 steps",
        ),
        (lambda p: Streams.from_array(p / "no.npy", 1), InputError, "cannot be read"),
        (
            lambda p: Streams.from_array(np.arange(4), 1, y=np.arange(3)),
            InputError,
            "x has 4 steps but y has 3",
        ),
        (
            lambda p: Streams.from_array(np.arange(4), 1, y=np.arange(4), shift=1),
            OptionError,
            "leave y out",
        ),
        (lambda p: Streams.from_text(p / "no.txt", 1, codes), DataError, "cannot be read"),
        (lambda p: Streams.from_text(p / "empty.txt", 1, codes), DataError, "0 bytes"),
        (
            lambda p: Streams.from_text(p / "cp949.txt", 1, codes).read(1),
            DataError,
            "byte 3 is no UTF-8",
        ),
        (
            lambda p: Streams.from_text(p / "ok.txt", 1, lambda line: ["a"]).read(1),
            InputError,
            "whole numbers",
        ),
        (
            lambda p: Streams.from_text(p / "ok.txt", 1, codes, documents="lines"),
            OptionError,
            "Did you mean 'line'",
        ),
        (lambda p: Streams.from_iterables([]), InputError, "no source"),
        (lambda p: Streams.from_iterables([[3.0]]).read(1), InputError, r"an array \(T, ...\)"),
        (
            lambda p: Streams.from_iterables([[(np.arange(3), np.arange(2))]]).read(1),
            InputError,
            "one y for each step",
        ),
        (
            lambda p: Streams.from_iterables([[np.zeros((3, 1))], [np.zeros((3, 2))]]).read(1),
            ShapeError,
            "different forms",
        ),
        (lambda p: Streams.from_array(np.arange(4), 1).read(0), OptionError, "steps=0"),
    ],
)
def test_what_cannot_be_read_is_explained(tmp_path, make, error, words):
    (tmp_path / "empty.txt").touch()
    (tmp_path / "cp949.txt").write_bytes("abc가나".encode("cp949"))
    (tmp_path / "ok.txt").write_text("ok\n")
    with pytest.raises(error, match=words):
        make(tmp_path)


def test_a_text_of_one_line_is_cut_at_characters(tmp_path):
    path = tmp_path / "text.txt"
    text = "가나다라 마바사🙂" * 100
    path.write_text(text, encoding="utf-8")
    streams = Streams.from_text(path, 4, codes, shift=0)
    parts = ["".join(chr(code) for code in piece.x) for piece in map(whole_of, streams._sources)]
    assert "".join(parts) == text
    sizes = [len(part.encode("utf-8")) for part in parts]
    assert max(sizes) < 1.5 * min(sizes)


def whole_of(source):
    pieces = []
    while (piece := source.read(1000)) is not None:
        pieces.append(piece)
    return type(pieces[0]).joined(pieces)


def test_a_byte_order_mark_is_no_character(tmp_path):
    path = tmp_path / "text.txt"
    path.write_text("가나\n다라\n", encoding="utf-8-sig")
    x, _, _ = read_all(Streams.from_text(path, 1, codes, shift=0), 3)
    assert "".join(map(chr, x[:, 0])) == "가나\n다라\n"


def test_a_place_outside_of_the_array_is_refused():
    kept = Streams.from_array(np.arange(100), 1)
    kept.read(60)
    with pytest.raises(
        InputError, match="at step 60 of an array, but this stream has steps 0 to 50"
    ):
        Streams.from_array(np.arange(50), 1).load_state_dict(kept.state_dict())
