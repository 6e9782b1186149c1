from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

from rnnkit import bptt
from rnnkit.bptt import Full, RandomTruncated, Truncated
from rnnkit.diagnose import truncation_audit
from rnnkit.errors import InputError, OptionError


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return nn.LSTM(2, 6).double()


@pytest.fixture
def x():
    return torch.randn(40, 3, 2, generator=torch.Generator().manual_seed(1)).double()


def every_step(output, window):
    return output.square().sum() / 120


def gradient(layer, x, policy):
    layer.zero_grad()
    bptt.backward(layer, x, every_step, policy=policy)
    return torch.cat([p.grad.flatten() for p in layer.parameters()])


def test_cosines_are_those_of_the_gradients(layer, x):
    policies = [(1, 1), (5, 5), (5, 10), (40, 40)]
    audit = truncation_audit(layer, x, policies, loss=every_step)
    full = gradient(layer, x, Full())
    for row, pair in zip(audit.rows, policies, strict=True):
        cut = gradient(layer, x, Truncated(*pair))
        assert row.cosine == pytest.approx(float(cut @ full / cut.norm() / full.norm()), abs=1e-12)
        assert row.norm_ratio == pytest.approx(float(cut.norm() / full.norm()))
        assert row.by_layer == {"LSTM": pytest.approx(row.cosine)}
        assert row.variance == 0.0
    assert audit.cosines[-1] == pytest.approx(1.0, abs=1e-12)
    assert audit.cosines[0] < audit.cosines[1] < audit.cosines[2]


def test_the_cheapest_that_keeps_the_direction_is_recommended(layer, x):
    policies = [(1, 20), (10, 20), (1, 1), (20, 20), (40, 40)]
    audit = truncation_audit(layer, x, policies, loss=every_step, threshold=0.999)
    good = [row.policy for row in audit.rows if row.cosine >= 0.999]
    assert audit.recommended == Truncated(20, 20)
    assert good == [Truncated(1, 20), Truncated(10, 20), Truncated(20, 20), Truncated(40, 40)]
    assert "Recommended: truncated(20, 20)" in audit.summary()


def test_where_no_truncation_keeps_the_direction_none_is_recommended(layer, x):
    audit = truncation_audit(layer, x, [(1, 1)], loss=every_step, threshold=0.9999)
    assert audit.recommended == Full()
    assert "full back-propagation" in audit.advice()
    assert "Checkpointed() is exact" in audit.advice()


def test_a_random_policy_shows_its_variance(layer, x):
    audit = truncation_audit(
        layer, x, ["randomtruncated(5)", "randomtruncated(20)"], loss=every_step, draws=40
    )
    short, long = audit.rows
    assert isinstance(short.policy, RandomTruncated)
    assert short.variance > long.variance > 0
    assert long.cosine > 0.9


def test_by_default_truncations_shorter_than_the_sequences_are_tried(layer, x):
    audit = truncation_audit(layer, x, loss=every_step)
    assert [row.policy.k1 for row in audit.rows] == [1, 2, 5, 10, 20]


def test_the_batch_may_come_first_and_a_state_may_be_given(x):
    torch.manual_seed(0)
    layer = nn.GRU(2, 6, batch_first=True).double()
    state = torch.randn(1, 3, 6).double()
    audit = truncation_audit(
        layer, x.transpose(0, 1), [(40, 40)], loss=every_step, batch_first=True, state=state
    )
    assert audit.cosines[0] == pytest.approx(1.0)


def test_an_audit_leaves_gradients_and_random_numbers_alone(layer, x):
    gradient(layer, x, Full())
    before = [p.grad.clone() for p in layer.parameters()]
    state = torch.get_rng_state()
    truncation_audit(layer, x, ["randomtruncated(5)"], loss=every_step)
    assert torch.equal(torch.get_rng_state(), state)
    for parameter, old in zip(layer.parameters(), before, strict=True):
        assert torch.equal(parameter.grad, old)


def test_results_are_plain_and_plotted(layer, x):
    audit = truncation_audit(layer, x, [(1, 1), (5, 10)], loss=every_step)
    data = json.loads(json.dumps(audit.to_dict(), allow_nan=False))
    np.testing.assert_allclose([row["cosine"] for row in data["rows"]], audit.cosines)
    assert len(audit.plot().axes) == 2


def test_what_cannot_be_audited_is_explained(layer, x):
    with pytest.raises(InputError, match="no trained recurrent weight"):
        truncation_audit(NoRecurrence(), x)
    with pytest.raises(InputError, match="norm 0"):
        truncation_audit(layer, x, loss=lambda output, window: output.sum() * 0)
    with pytest.raises(OptionError, match="draws=1"):
        truncation_audit(layer, x, draws=1)
    with pytest.raises(OptionError, match="k2 >= k1"):
        truncation_audit(layer, x, [(5, 2)])


class NoRecurrence(nn.Module):
    def __init__(self):
        super().__init__()
        self.line = nn.Linear(2, 2).double()

    def forward(self, x, state):
        return self.line(x), state
