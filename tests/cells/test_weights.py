"""Keras' weights against steps written after Keras' own equations in NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.cells import GRUCell, LSTMCell, RNNCell, from_keras, to_keras
from rnnkit.errors import OptionError, ShapeError

I, H, B = 3, 4, 2  # noqa: E741
GATES = {"RNN_TANH": 1, "RNN_RELU": 1, "GRU": 3, "LSTM": 4}


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def keras_weights(mode: str, rng: np.random.Generator) -> list[np.ndarray]:
    columns = GATES[mode] * H
    bias = (2, columns) if mode == "GRU" else (columns,)
    return [rng.normal(size=shape) for shape in ((I, columns), (H, columns), bias)]


def keras_rnn_step(x, h, kernel, recurrent_kernel, bias, activation):
    return activation(x @ kernel + bias + h @ recurrent_kernel)


def keras_gru_step(x, h, kernel, recurrent_kernel, bias):
    """keras.layers.GRUCell.call with reset_after=True: gates z, r, h."""
    x_z, x_r, x_h = np.split(x @ kernel + bias[0], 3, axis=-1)
    h_z, h_r, h_h = np.split(h @ recurrent_kernel + bias[1], 3, axis=-1)
    z, r = sigmoid(x_z + h_z), sigmoid(x_r + h_r)
    return z * h + (1 - z) * np.tanh(x_h + r * h_h)


def keras_lstm_step(x, h, c, kernel, recurrent_kernel, bias):
    """keras.layers.LSTMCell.call: gates i, f, c, o."""
    i, f, g, o = np.split(x @ kernel + h @ recurrent_kernel + bias, 4, axis=-1)
    c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
    return sigmoid(o) * np.tanh(c), c


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def states(rng: np.random.Generator) -> list[np.ndarray]:
    """x, h and c."""
    return [rng.normal(size=(B, size)) for size in (I, H, H)]


def test_a_keras_gru_step_is_reproduced(rng: np.random.Generator, states: list[np.ndarray]) -> None:
    weights = keras_weights("GRU", rng)
    cell = GRUCell(I, H, dtype=torch.float64)
    cell.load_state_dict(from_keras("GRU", *weights))
    x, h, _ = states
    given = cell(torch.tensor(x), torch.tensor(h)).detach().numpy()
    np.testing.assert_allclose(given, keras_gru_step(x, h, *weights), rtol=1e-9, atol=1e-9)


def test_a_keras_lstm_step_is_reproduced(
    rng: np.random.Generator, states: list[np.ndarray]
) -> None:
    weights = keras_weights("LSTM", rng)
    cell = LSTMCell(I, H, dtype=torch.float64)
    cell.load_state_dict(from_keras("LSTM", *weights))
    x, h, c = states
    given = cell(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))
    expected = keras_lstm_step(x, h, c, *weights)
    for one, other in zip(given, expected, strict=True):
        np.testing.assert_allclose(one.detach().numpy(), other, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("mode", "activation"), [("RNN_TANH", np.tanh), ("RNN_RELU", lambda a: np.maximum(a, 0))]
)
def test_a_keras_rnn_step_is_reproduced(
    mode: str, activation, rng: np.random.Generator, states: list[np.ndarray]
) -> None:
    weights = keras_weights(mode, rng)
    cell = RNNCell(I, H, nonlinearity=mode[4:].lower(), dtype=torch.float64)
    cell.load_state_dict(from_keras(mode, *weights))
    x, h, _ = states
    given = cell(torch.tensor(x), torch.tensor(h)).detach().numpy()
    expected = keras_rnn_step(x, h, *weights, activation)
    np.testing.assert_allclose(given, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("mode", GATES)
def test_keras_weights_come_back_exactly(mode: str, rng: np.random.Generator) -> None:
    weights = keras_weights(mode, rng)
    for some in (weights, weights[:2]):
        again = to_keras(mode, from_keras(mode, *some))
        assert len(again) == len(some)
        assert all(np.array_equal(a, b) for a, b in zip(again, some, strict=True))


def test_our_lstms_two_biases_become_keras_one(states: list[np.ndarray]) -> None:
    cell = LSTMCell(I, H, dtype=torch.float64)
    x, h, c = states
    given = keras_lstm_step(x, h, c, *to_keras("LSTM", cell.state_dict()))[0]
    expected = cell(torch.tensor(x), (torch.tensor(h), torch.tensor(c)))[0]
    np.testing.assert_allclose(given, expected.detach().numpy(), rtol=1e-9, atol=1e-9)


def test_converted_weights_do_not_share_the_arrays_memory(rng: np.random.Generator) -> None:
    weights = keras_weights("LSTM", rng)
    converted = from_keras("LSTM", *weights)
    before = converted["weight_ih"].clone()
    weights[0][:] = 0
    assert torch.equal(converted["weight_ih"], before)


def test_what_cannot_be_converted_is_refused(rng: np.random.Generator) -> None:
    weights = keras_weights("GRU", rng)
    with pytest.raises(OptionError, match="reset_after=True"):
        from_keras("GRU", *weights, reset_after=False)
    with pytest.raises(OptionError, match="mode='gru' is not known"):
        from_keras("gru", *weights)
    with pytest.raises(ShapeError, match=r"kernel has shape \(3, 12\) but \(3, 16\)"):
        from_keras("LSTM", *weights)
    with pytest.raises(ShapeError, match=r"bias has shape \(12,\) but \(2, 12\)"):
        from_keras("GRU", weights[0], weights[1], weights[2][0])
