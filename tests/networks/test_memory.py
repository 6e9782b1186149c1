"""One memory a sentence, for however many rows that look at it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.networks import build_attention
from rnnkit.networks.memory import Groups

SENTENCES = st.lists(st.integers(0, 4), min_size=1, max_size=12)


@settings(max_examples=50)
@given(SENTENCES)
def test_rows_are_grouped_by_their_sentence_and_come_back_in_their_order(owners):
    rows = torch.arange(1.0, 1.0 + len(owners))[:, None]
    groups = Groups(torch.tensor(owners), 5)
    grouped = groups.group(rows)
    assert torch.equal(groups.ungroup(grouped), rows)
    for sentence, one in enumerate(grouped[..., 0].tolist()):
        own = rows[torch.tensor(owners) == sentence, 0].tolist()
        assert one == own + [0.0] * (len(one) - len(own))


@settings(max_examples=30)
@given(SENTENCES)
@pytest.mark.parametrize("kind", ["additive", "multiplicative"])
def test_rows_that_share_a_sentence_see_what_each_sees_by_itself(kind, owners):
    attention = build_attention(kind, 5, 4).double()
    sentence, query = torch.tensor(owners), torch.randn(len(owners), 5).double()
    mask = torch.arange(6) < torch.tensor([[6], [2], [1], [4], [3]])
    memory = attention.memory_of(torch.randn(5, 6, 4).double(), mask)
    groups = Groups(sentence, 5)
    shared = [groups.ungroup(part) for part in attention(groups.group(query), memory)]
    alone = attention(query.unsqueeze(1), memory.rows(sentence))
    for found, expected in zip(shared, alone, strict=True):
        torch.testing.assert_close(found, expected.squeeze(1), rtol=0, atol=1e-12)


def test_rows_that_stand_in_order_are_not_copied():
    rows = torch.randn(6, 3)
    grouped = Groups(torch.tensor([0, 0, 1, 1, 2, 2]), 3).group(rows)
    assert grouped.shape == (3, 2, 3)
    assert grouped.data_ptr() == rows.data_ptr()


def test_gradients_come_back_from_the_groups():
    rows = torch.randn(3, 2, dtype=torch.float64, requires_grad=True)
    groups = Groups(torch.tensor([1, 0, 1]), 2)
    torch.autograd.gradcheck(lambda x: groups.ungroup(groups.group(x).tanh()), rows)
