"""The packed form against torch's own, and its indices against plain loops."""

from __future__ import annotations

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
def test_pad_agrees_with_torch_and_unpad_undoes_it(lengths: list[int]) -> None:
    packed = Packed.from_sequences(sequences_of(sorted(lengths, reverse=True)))
    expected = pad_packed_sequence(
        torch.nn.utils.rnn.PackedSequence(packed.data, packed.layout.batch_sizes),
        padding_value=-1.0,
    )[0]
    padded = packed.layout.pad(packed.data, value=-1.0)
    assert torch.equal(padded, expected)
    assert torch.equal(packed.layout.unpad(padded), packed.data)


VECTORS = [
    *("order", "inverse", "lengths", "batch_sizes", "starts", "step_of_row", "sequence_of_row"),
    *("last_row", "reversal", "by_sequence", "padded_row", "mask"),
]


@pytest.mark.parametrize("name", VECTORS)
def test_a_layouts_tensors_are_its_arrays_without_a_copy(name: str) -> None:
    layout = Layout([2, 4, 1])
    tensor, array = getattr(layout, name), getattr(layout.arrays, name)
    assert tensor.data_ptr() == array.__array_interface__["data"][0]
    assert tensor.tolist() == array.tolist()
    assert getattr(layout, name) is tensor


def test_layout_from_batch_sizes_is_that_of_the_lengths() -> None:
    packed = pack_padded_sequence(torch.zeros(4, 3, 1), torch.tensor([4, 2, 2]))
    layout = Layout.from_batch_sizes(packed.batch_sizes)
    assert layout.lengths.tolist() == [4, 2, 2]
    assert layout.order.tolist() == [0, 1, 2]


def test_packed_refuses_data_with_another_number_of_rows() -> None:
    with pytest.raises(ShapeError, match="4 rows, but the lengths add up to 3"):
        Packed(torch.zeros(4, 1), Layout([2, 1]))
