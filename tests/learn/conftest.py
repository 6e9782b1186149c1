from __future__ import annotations

import pytest
import torch
from torch import nn

from rnnkit.learn import BatchLoss


@pytest.fixture
def line():
    """A linear layer, three batches of a noisy line that it can learn, and the loss."""
    torch.manual_seed(0)
    x = torch.linspace(-1, 1, 24)[:, None]
    y = 2 * x - 0.5 + 0.01 * torch.randn(24, 1)
    return nn.Linear(1, 1), list(zip(x.split(8), y.split(8), strict=True)), squared_error


def squared_error(module, batch):
    x, y = batch
    return BatchLoss((module(x) - y).square().mean(), count=len(x), tokens=2 * len(x))
