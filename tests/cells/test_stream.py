"""Streams: a layer step by step."""

from __future__ import annotations

import copy
import gc
import pickle
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnkit import cells, kernels
from rnnkit.cells import Stream
from rnnkit.errors import OptionError, ShapeError
from tests.kernels.cases import KERNELS, needs_native, threads

LAYERS: list[tuple[str, dict[str, Any]]] = [
    ("RNN", {}),
    ("RNN", {"nonlinearity": "relu", "num_layers": 3}),
    ("GRU", {"bias": False}),
    ("GRU", {"num_layers": 2}),
    ("LSTM", {"num_layers": 2, "batch_first": True}),
    ("LSTM", {"num_layers": 2, "proj_size": 5}),
]


def as_list(state: Any) -> list[Tensor]:
    return [state] if isinstance(state, Tensor) else list(state)


def assert_equal(given: Any, expected: Any) -> None:
    for a, b in zip(as_list(given), as_list(expected), strict=True):
        assert torch.equal(a, b)


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("batch", "hidden_size"), [(1, 9), (3, 64), (17, 70)])
@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_a_stream_gives_the_layers_bits(
    kind: str, options: dict[str, Any], batch: int, hidden_size: int, dtype: torch.dtype
) -> None:
    layer = getattr(cells, kind)(6, hidden_size, dtype=dtype, **options).eval()
    layer.batch_first = False
    stream = Stream(layer, batch)
    x = torch.randn(7, batch, 6, dtype=dtype)
    with torch.no_grad(), threads(2):
        output, state = layer(x)
    steps = torch.stack([step.clone() for step in stream.run(x)])
    assert_equal([steps], [output])
    assert_equal(stream.state, state)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(("kind", "options"), LAYERS)
def test_a_stream_gives_what_the_layer_gives_with_every_kernel(
    kind: str, options: dict[str, Any], kernel: str
) -> None:
    layer = getattr(cells, kind)(6, 9, dtype=torch.float64, **options).train()
    layer.batch_first = False
    x = torch.randn(4, 2, 6, dtype=torch.float64)
    with kernels.use_kernel(kernel):
        stream = Stream(layer, batch_size=2)
    output, state = layer(x)
    for step, expected in zip(x, output, strict=True):
        torch.testing.assert_close(stream.step(step), expected.detach())
    for a, b in zip(as_list(stream.state), as_list(state), strict=True):
        torch.testing.assert_close(a, b.detach())


@pytest.mark.parametrize("kind", ["RNNCell", "GRUCell", "LSTMCell"])
def test_a_cell_can_be_streamed_too(kind: str) -> None:
    cell = getattr(cells, kind)(3, 4)
    stream, state = Stream(cell, 2), None
    for x in torch.randn(4, 2, 3):
        with torch.no_grad():
            state = cell(x, state)
        torch.testing.assert_close(stream.step(x), as_list(state)[0])
    for a, b in zip(as_list(stream.state), as_list(state), strict=True):
        torch.testing.assert_close(a, b)


def test_the_output_is_the_same_memory_at_every_step_and_the_state_a_copy() -> None:
    stream = Stream(cells.GRU(3, 4), 2)
    first = stream.step(torch.ones(2, 3))
    before, state = first.clone(), stream.state
    second = stream.step(torch.ones(2, 3))
    assert second.data_ptr() == first.data_ptr()
    assert not torch.equal(first, before)
    assert torch.equal(state[-1], before)


def test_one_sequence_may_come_without_a_batch() -> None:
    layer = cells.LSTM(3, 4)
    one, other = Stream(layer), Stream(layer)
    for x in torch.randn(3, 3):
        output = one.step(x)
        assert output.shape == (4,)
        assert torch.equal(other.step(x[None])[0], output)


def test_any_strides_and_inputs_with_gradients_are_read() -> None:
    layer = cells.GRU(3, 4)
    x = torch.randn(2, 3, requires_grad=True)
    expected = Stream(layer, 2).step(x.detach()).clone()
    for other in (x, x.t().contiguous().t(), torch.cat([x, x], dim=1)[:, :3]):
        output = Stream(layer, 2).step(other)
        assert not output.requires_grad
        assert torch.equal(output, expected)


@pytest.mark.parametrize("kind", ["GRU", "LSTM"])
def test_a_state_can_be_kept_and_gone_on_from(kind: str) -> None:
    layer = getattr(cells, kind)(3, 4, num_layers=2)
    x = torch.randn(8, 2, 3)
    stream = Stream(layer, 2)
    for step in x[:4]:
        stream.step(step)
    kept = stream.state
    expected = [output.clone() for output in stream.run(x[4:])]
    other = Stream(layer, 2)
    other.load_state(kept)
    assert_equal([output.clone() for output in other.run(x[4:])], expected)
    stream.load_state(layer(x[:4])[1])
    for output, wanted in zip(stream.run(x[4:]), expected, strict=True):
        torch.testing.assert_close(output, wanted)


def test_each_sequence_can_begin_anew() -> None:
    layer = cells.LSTM(3, 4, num_layers=2)
    stream = Stream(layer, 3)
    x = torch.randn(3, 3)
    stream.step(x)
    stream.reset(1)
    assert all(not s[:, 1].any() and s[:, [0, 2]].all() for s in stream.state)
    stream.reset([0, 2])
    assert all(not s.any() for s in stream.state)
    first = stream.step(x).clone()
    stream.reset()
    assert torch.equal(stream.step(x), first)
    for index in (3, -1, [0, 5]):
        with pytest.raises(OptionError, match="sequences 0 to 2 were expected"):
            stream.reset(index)


def test_training_afterwards_is_not_seen() -> None:
    for kernel in kernels.available():
        layer = cells.GRU(3, 4)
        with kernels.use_kernel(kernel):
            stream = Stream(layer)
        expected = stream.step(torch.ones(3)).clone()
        with torch.no_grad():
            for parameter in layer.parameters():
                parameter.zero_()
        stream.reset()
        del layer
        gc.collect()
        assert torch.equal(stream.step(torch.ones(3)), expected)


def test_many_streams_come_and_go() -> None:
    layer = cells.LSTM(8, 16, num_layers=2)
    x = torch.ones(2, 8)
    expected = Stream(layer, 2).step(x).clone()
    streams = [Stream(layer, 2) for _ in range(200)]
    del streams[::2]
    gc.collect()
    assert all(torch.equal(stream.step(x), expected) for stream in streams)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda s: s.step(torch.ones(2, 4)), "Stream of GRU: input has 4 features"),
        (lambda s: s.step(torch.ones(3, 3)), r"shape \(3, 3\) but \(2, 3\) was expected"),
        (lambda s: s.step(torch.ones(3)), r"shape \(3,\) but \(2, 3\) was expected"),
        (lambda s: s.step(torch.ones(2, 3).double()), "input is torch.float64"),
        (lambda s: s.load_state(torch.ones(1, 3, 4)), r"h_0 has shape \(1, 3, 4\)"),
        (lambda s: s.load_state(torch.ones(1, 2, 4).double()), "h_0 is torch.float64"),
    ],
)
def test_what_does_not_fit_is_named(call: Any, message: str) -> None:
    with pytest.raises(ShapeError, match=message):
        call(Stream(cells.GRU(3, 4), 2))


def test_an_lstms_state_is_a_pair() -> None:
    with pytest.raises(ShapeError, match=r"the pair \(h, c\) was expected"):
        Stream(cells.LSTM(3, 4)).load_state(torch.ones(1, 1, 4))


def test_what_cannot_be_streamed_is_refused() -> None:
    with pytest.raises(OptionError, match="the GRU is bidirectional"):
        Stream(cells.GRU(3, 4, bidirectional=True))
    with pytest.raises(OptionError, match="source is a Linear, but a layer"):
        Stream(torch.nn.Linear(3, 4))
    with pytest.raises(OptionError, match="batch_size=0"):
        Stream(cells.GRU(3, 4), 0)


def test_a_stream_is_not_copied_but_its_state_is() -> None:
    stream = Stream(cells.GRU(3, 4))
    for copying in (copy.copy, copy.deepcopy, pickle.dumps):
        with pytest.raises(TypeError, match=r"other.load_state\(stream.state\)"):
            copying(stream)
