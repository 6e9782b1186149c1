from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from rnnkit.learn import clip_grad_norm, clip_gradients
from rnnkit.learn.clipping import gradient_values


@pytest.mark.parametrize("max_norm", [0.1, 1e6])
def test_dense_clipping_equals_torchs(max_norm):
    ours = nn.LSTM(3, 4)
    ours(torch.randn(5, 2, 3))[0].square().sum().backward()
    theirs = copy.deepcopy(ours)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        q.grad = p.grad.clone()

    norm = clip_grad_norm(ours.parameters(), max_norm)

    assert norm == pytest.approx(float(nn.utils.clip_grad_norm_(theirs.parameters(), max_norm)))
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(p.grad, q.grad)


def test_sparse_clipping_equals_dense_with_repeated_rows():
    words = torch.tensor([1, 4, 1, 1])
    gradients, norms = [], []
    for sparse in (False, True):
        torch.manual_seed(0)
        table = nn.Embedding(6, 3, sparse=sparse, dtype=torch.float64)
        table(words).square().sum().backward()
        norms.append(clip_grad_norm([table.weight], max_norm=0.5))
        gradients.append(table.weight.grad.to_dense())
    assert norms[0] == pytest.approx(norms[1], abs=1e-9)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=0, atol=1e-9)
    assert float(gradients[1].norm()) == pytest.approx(0.5, abs=1e-5)


def test_sparse_gradients_stay_coalesced():
    table = nn.Embedding(6, 3, sparse=True)
    table(torch.tensor([1, 1, 2])).sum().backward()
    clip_grad_norm([table.weight], max_norm=0.5)
    assert table.weight.grad.is_coalesced()
    assert gradient_values(table.weight).shape == (2, 3)


def test_without_a_largest_norm_nothing_changes():
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([30.0, 40.0])
    assert clip_grad_norm([weight], None) == 50.0
    assert weight.grad.tolist() == [30.0, 40.0]


def test_a_norm_that_is_not_finite_changes_nothing():
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([float("inf"), 1.0])
    assert clip_grad_norm([weight], 1.0) == float("inf")
    assert weight.grad.tolist() == [float("inf"), 1.0]


def test_parameters_without_gradients_count_nothing():
    assert clip_grad_norm([nn.Parameter(torch.ones(2))], 1.0) == 0.0


def test_clipping_by_value_equals_torchs():
    ours = nn.LSTM(3, 4)
    ours(torch.randn(5, 2, 3))[0].square().sum().backward()
    theirs = copy.deepcopy(ours)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        q.grad = p.grad.clone()
    before = float(nn.utils.clip_grad_norm_(theirs.parameters(), float("inf")))

    norm, clipped = clip_gradients(ours.parameters(), clip_value=0.05)

    nn.utils.clip_grad_value_(theirs.parameters(), 0.05)
    assert clipped
    assert norm == pytest.approx(before)
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)


def test_values_are_clipped_before_the_norm_which_is_that_of_before():
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([-30.0, 4.0])
    norm, clipped = clip_gradients([weight], clip_value=3.0, clip_norm=1.0)
    assert norm == pytest.approx(916**0.5)
    assert clipped
    # (-3, 3) scaled to length 1; the norm first would have left (-0.99, 0.13).
    torch.testing.assert_close(weight.grad, torch.tensor([-1.0, 1.0]) / 2**0.5)


@pytest.mark.parametrize(
    ("limits", "clipped"),
    [
        ({}, False),
        ({"clip_value": 4.0}, False),
        ({"clip_value": 3.9}, True),
        ({"clip_norm": 5.0}, False),
        ({"clip_norm": 4.9}, True),
        ({"clip_value": 3.9, "clip_norm": 100.0}, True),
        ({"clip_value": 3.9, "clip_norm": 4.95}, True),
        ({"clip_value": 100.0, "clip_norm": 4.9}, True),
    ],
)
def test_clipped_means_that_a_gradient_was_changed(limits, clipped):
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([3.0, -4.0])
    assert clip_gradients([weight], **limits) == (5.0, clipped)
    assert torch.equal(weight.grad, torch.tensor([3.0, -4.0])) is not clipped


def test_values_of_repeated_sparse_rows_are_clipped_as_one():
    gradients = []
    for sparse in (False, True):
        torch.manual_seed(0)
        table = nn.Embedding(6, 3, sparse=sparse)
        # Each of the three is 0.4, below the limit; together they are not.
        (0.4 * table(torch.tensor([1, 4, 1, 1]))).sum().backward()
        assert clip_gradients([table.weight], clip_value=0.5).clipped
        gradients.append(table.weight.grad.to_dense())
    assert torch.equal(*gradients)
    assert gradients[1][1].tolist() == [0.5] * 3
    torch.testing.assert_close(gradients[1][4], torch.full((3,), 0.4))


def test_a_nan_is_not_clipped_away():
    weight = nn.Parameter(torch.zeros(2))
    weight.grad = torch.tensor([float("inf"), 9.0])
    assert clip_gradients([weight], clip_value=1.0) == (float("inf"), False)
    assert weight.grad.tolist() == [float("inf"), 9.0]
