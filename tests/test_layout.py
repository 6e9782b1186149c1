"""The indices of ragged sequences against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import ShapeError
from rnnkit.layout import Layout

some_lengths = st.lists(st.integers(1, 7), min_size=1, max_size=6)


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
    assert layout.mask.sum(axis=1).tolist() == ordered
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
def test_pad_puts_every_row_at_its_step_and_unpad_undoes_it(lengths: list[int]) -> None:
    layout = Layout(lengths)
    data = np.arange(2.0 * layout.num_rows).reshape(-1, 2)
    padded = layout.pad(data, value=-1.0)
    assert padded.shape == (max(lengths), len(lengths), 2)
    for row, (t, b) in enumerate(zip(layout.step_of_row, layout.sequence_of_row, strict=True)):
        assert np.array_equal(padded[t, b], data[row])
    assert (padded == -1.0).sum() == 2 * (padded.shape[0] * padded.shape[1] - len(data))
    assert np.array_equal(layout.unpad(padded), data)


@given(some_lengths, st.data())
def test_between_is_the_layout_of_what_is_left(lengths: list[int], data: st.DataObject) -> None:
    begin = data.draw(st.integers(0, max(lengths) - 1))
    end = data.draw(st.integers(begin + 1, max(lengths)))
    left = [min(n, end) - begin for n in sorted(lengths, reverse=True) if n > begin]
    layout = Layout(lengths)
    assert layout.between(begin, end).lengths.tolist() == left
    rows = layout.rows(begin, end)
    assert rows.stop - rows.start == sum(left)


@given(some_lengths)
def test_a_layout_is_that_of_its_batch_sizes(lengths: list[int]) -> None:
    layout = Layout(lengths)
    again = Layout.from_batch_sizes(layout.batch_sizes)
    assert again.lengths.tolist() == sorted(lengths, reverse=True)
    assert again.order.tolist() == list(range(len(lengths)))


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
