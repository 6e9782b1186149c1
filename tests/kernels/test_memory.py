"""Large blocks that live on between calls."""

from __future__ import annotations

import gc
import pickle

import pytest
import torch

from rnnkit.kernels import memory

LARGE = (memory.LARGE // 4,)


@pytest.fixture(autouse=True)
def _nothing_held():
    memory.release()
    yield
    memory.release()


def test_a_large_block_comes_back_when_its_last_view_is_gone():
    tensor = memory.borrow(LARGE, torch.empty(0))
    address, view = tensor.data_ptr(), tensor[10:20]
    del tensor
    assert memory.held() == 0
    del view
    assert memory.held() == memory.LARGE
    assert memory.borrow(LARGE, torch.empty(0)).data_ptr() == address


def test_two_tensors_never_share_memory():
    first, second = (memory.borrow(LARGE, torch.empty(0)).fill_(i) for i in (1, 2))
    assert first.eq(1).all()
    assert second.eq(2).all()


def test_a_block_goes_to_another_shape_and_dtype_unless_most_of_it_would_be_wasted():
    address = memory.borrow((LARGE[0] * 4,), torch.empty(0)).data_ptr()
    assert memory.held() == 4 * memory.LARGE
    small = memory.borrow(LARGE, torch.empty(0))
    assert small.data_ptr() != address
    half = memory.borrow((LARGE[0], 1), torch.empty(0, dtype=torch.float64))
    assert half.data_ptr() == address
    assert half.shape == (LARGE[0], 1)


def test_small_blocks_are_not_held():
    memory.borrow((3, 4), torch.empty(0))
    assert memory.held() == 0
    assert memory.borrow((0,), torch.empty(0)).shape == (0,)


def test_no_more_is_held_than_the_limit(monkeypatch):
    monkeypatch.setattr(memory, "LIMIT", 2 * memory.LARGE)
    tensors = [memory.borrow(LARGE, torch.empty(0)) for _ in range(3)]
    del tensors
    assert memory.held() == 2 * memory.LARGE


def test_training_takes_the_same_memory_at_every_step():
    from rnnkit import cells, kernels

    if "native" not in kernels.available():
        pytest.skip("the native library is not built")
    layer, x = cells.LSTM(8, 64), torch.randn(100, 32, 8)
    gradients, held = [], []
    for _ in range(3):
        output, _ = layer(x)
        gradients.append(torch.autograd.grad((output**2).sum(), layer.weight_hh_l0)[0])
        del output
        held.append(memory.held())
    assert held[0] >= 100 * 32 * 5 * 64 * 4
    assert held == [held[0]] * 3
    assert all(torch.equal(g, gradients[0]) for g in gradients)


def test_an_output_may_be_changed_copied_pickled_and_outlives_its_layer():
    from rnnkit import cells

    layer, x = cells.GRU(8, 64), torch.randn(100, 64, 8)
    with torch.no_grad():
        output, _ = layer(x)
    expected = output.clone()
    copied = pickle.loads(pickle.dumps(output))
    del layer, x
    memory.release()
    gc.collect()
    assert torch.equal(output, expected)
    assert torch.equal(copied, expected)
    output.zero_()
    assert not output.any()
    assert output.share_memory_().is_shared()
