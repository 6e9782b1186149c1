"""The packed form against torch's own, and its indices against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnkit.errors import ShapeError
from rnnkit.packed import Layout, Packed

some_lengths = st.lists(st.integers(1, 7), min_size=1, max_size=6)


def sequences_of(lengths: list[int]) -> list[torch.Tensor]:
    return [torch.randn(length, 2) for length in lengths]


@given(some_lengths)
def test_packed_holds_the_rows_of_torchs_packed_sequence(lengths: list[int]) -> None:
    sequences = sequences_of(lengths)
    packed = Packed.from_sequences(sequences)
    expected = torch.nn.utils.rnn.pack_sequence(sequences, enforce_sorted=False)
    assert torch.equal(packed.data, expected.data)
    assert torch.equal(packed.layout.batch_sizes, expected.batch_sizes)


@given(some_lengths)
def test_packed_gives_the_sequences_back_in_the_callers_order(lengths: list[int]) -> None:
    sequences = sequences_of(lengths)
    again = Packed.from_sequences(sequences).to_sequences()
    assert all(torch.equal(a, b) for a, b in zip(sequences, again, strict=True))


@given(some_lengths)
def test_layout_knows_each_rows_step_and_sequence(lengths: list[int]) -> None:
    layout = Layout(lengths)
    ordered = sorted(lengths, reverse=True)
    rows = [(t, b) for t in range(ordered[0]) for b, n in enumerate(ordered) if n > t]
    assert list(zip(layout.step_of_row.tolist(), layout.sequence_of_row.tolist(), strict=True)) == (
        rows
    )
    assert layout.num_rows == len(rows)
    assert layout.last_row.tolist() == [rows.index((n - 1, b)) for b, n in enumerate(ordered)]
    assert layout.reversal.tolist() == [rows.index((ordered[b] - 1 - t, b)) for t, b in rows]
    assert layout.lengths[layout.inverse].tolist() == lengths
    assert layout.mask.sum(dim=1).tolist() == ordered
    assert layout.is_rectangular == (len(set(lengths)) == 1)


@given(some_lengths, st.integers(-3, 3))
def test_shifted_finds_the_row_of_a_later_or_earlier_step(lengths: list[int], offset: int) -> None:
    layout = Layout(lengths)
    ordered = sorted(lengths, reverse=True)
    places = [(t, b) for t in range(ordered[0]) for b, n in enumerate(ordered) if n > t]
    rows, inside = layout.shifted(offset)
    for (t, b), row, there in zip(places, rows.tolist(), inside.tolist(), strict=True):
        assert there == (0 <= t + offset < ordered[b])
        assert row == (places.index((t + offset, b)) if there else 0)


@given(some_lengths)
def test_pad_agrees_with_torch_and_unpad_undoes_it(lengths: list[int]) -> None:
    packed = Packed.from_sequences(sequences_of(sorted(lengths, reverse=True)))
    expected = pad_packed_sequence(
        torch.nn.utils.rnn.PackedSequence(packed.data, packed.layout.batch_sizes),
        padding_value=-1.0,
    )[0]
    padded = packed.layout.pad(packed.data, value=-1.0)
    assert torch.equal(padded, expected)
    assert torch.equal(packed.layout.unpad(padded), packed.data)


def test_layout_from_batch_sizes_is_that_of_the_lengths() -> None:
    packed = pack_padded_sequence(torch.zeros(4, 3, 1), torch.tensor([4, 2, 2]))
    layout = Layout.from_batch_sizes(packed.batch_sizes)
    assert layout.lengths.tolist() == [4, 2, 2]
    assert layout.order.tolist() == [0, 1, 2]


@pytest.mark.parametrize(
    ("lengths", "message"),
    [([], "at least one sequence"), ([[1]], "one length for each"), ([2, 0], r"lengths\[1\] is 0")],
)
def test_layout_refuses_lengths_that_are_none(lengths: list[int], message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        Layout(lengths)


def test_layout_refuses_unsorted_lengths_where_the_order_must_stay() -> None:
    with pytest.raises(ShapeError, match="longest first"):
        Layout(np.array([1, 2]), sort=False)


def test_packed_refuses_data_with_another_number_of_rows() -> None:
    with pytest.raises(ShapeError, match="4 rows, but the lengths add up to 3"):
        Packed(torch.zeros(4, 1), Layout([2, 1]))
