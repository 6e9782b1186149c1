"""One memory a sentence, for however many rows that look at it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.networks import build_attention
from rnnkit.networks.memory import Seats

SENTENCES = st.lists(st.integers(0, 4), min_size=1, max_size=12)


@settings(max_examples=50)
@given(SENTENCES)
def test_rows_take_their_seats_and_come_back_in_their_order(owners):
    rows = torch.arange(1.0, 1.0 + len(owners))[:, None]
    seats = Seats(torch.tensor(owners), 5)
    seated = seats.seated(rows)
    assert torch.equal(seats.in_rows(seated), rows)
    for sentence, one in enumerate(seated[..., 0].tolist()):
        own = [
            float(row) for row, owner in zip(rows[:, 0], owners, strict=True) if owner == sentence
        ]
        assert one == own + [0.0] * (len(one) - len(own))


@settings(max_examples=30)
@given(SENTENCES)
@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_rows_that_share_a_sentence_see_what_each_sees_by_itself(kind, owners):
    attention = build_attention(kind, 5, 4).double()
    sentence, query = torch.tensor(owners), torch.randn(len(owners), 5).double()
    mask = torch.arange(6) < torch.tensor([[6], [2], [1], [4], [3]])
    memory = attention.memory_of(torch.randn(5, 6, 4).double(), mask)
    seats = Seats(sentence, 5)
    shared = [seats.in_rows(part) for part in attention(seats.seated(query), memory)]
    alone = attention(query.unsqueeze(1), memory.rows(sentence))
    for found, expected in zip(shared, alone, strict=True):
        torch.testing.assert_close(found, expected.squeeze(1), rtol=0, atol=1e-12)


def test_rows_that_stand_in_order_are_not_copied():
    rows = torch.randn(6, 3)
    seated = Seats(torch.tensor([0, 0, 1, 1, 2, 2]), 3).seated(rows)
    assert seated.shape == (3, 2, 3)
    assert seated.data_ptr() == rows.data_ptr()


def test_gradients_come_back_from_the_seats():
    rows = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    seats = Seats(torch.tensor([1, 0, 1]), 2)
    torch.autograd.gradcheck(lambda x: seats.in_rows(seats.seated(x).tanh()), rows)
