"""The cells' equations on numpy arrays, against torch.nn's cells in float64."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from rnnkit.recurrence import by_name
from rnnkit.recurrence.on_numpy import NUMPY

THEIRS = {
    "rnn": lambda: nn.RNNCell(3, 4),
    "rnn-relu": lambda: nn.RNNCell(3, 4, nonlinearity="relu"),
    "gru": lambda: nn.GRUCell(3, 4),
    "lstm": lambda: nn.LSTMCell(3, 4),
}


@pytest.mark.parametrize("name", THEIRS)
def test_a_step_on_numpy_arrays_is_that_of_torch(name: str) -> None:
    cell, spec = THEIRS[name]().double(), by_name(name)
    x = torch.randn(2, 3, dtype=torch.float64)
    state = [torch.randn(2, 4, dtype=torch.float64) for _ in spec.states]
    w = {key: value.detach().numpy() for key, value in cell.named_parameters()}
    products = (
        x.numpy() @ w["weight_ih"].T + w["bias_ih"],
        state[0].numpy() @ w["weight_hh"].T + w["bias_hh"],
    )
    given, gates = spec.step(NUMPY, products, tuple(s.numpy() for s in state))
    expected = cell(x, tuple(state) if len(state) > 1 else state[0])
    expected = expected if isinstance(expected, tuple) else (expected,)
    for ours, theirs in zip(given, expected, strict=True):
        np.testing.assert_allclose(ours, theirs.detach().numpy(), rtol=1e-12, atol=1e-12)
    assert len(gates) == len(spec.gates)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_numpys_functions_are_torchs_and_keep_the_dtype(dtype: type) -> None:
    x = np.array([-1000.0, -20.0, -1.0, 0.0, 1.0, 80.0], dtype)
    for name in ("tanh", "sigmoid", "relu", "exp"):
        given = getattr(NUMPY, name)(x)
        expected = getattr(torch, name)(torch.from_numpy(x)).numpy()
        assert given.dtype == dtype
        np.testing.assert_allclose(given, expected, rtol=1e-5 if dtype is np.float32 else 1e-13)
    parts = NUMPY.chunk(x.reshape(1, 6), 3, -1)
    assert [part.tolist() for part in parts] == x.reshape(3, 1, 2).tolist()
