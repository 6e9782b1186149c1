"""numpy arrays handed to C: an RNN is run without torch, and against the equation in numpy."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rnnkit import native, recurrence
from tests.kernels.cases import needs_native

T, B, H = 4, 3, 5
INPUT_SIZE = 2


def relu_rnn(x: np.ndarray, weight_ih: np.ndarray, weight_hh: np.ndarray) -> np.ndarray:
    h, output = np.zeros((x.shape[1], len(weight_hh)), x.dtype), []
    for step in x:
        h = np.maximum(step @ weight_ih.T + h @ weight_hh.T, 0)
        output.append(h)
    return np.stack(output)


def call(x: np.ndarray, weight_ih: np.ndarray, weight_hh: np.ndarray) -> np.ndarray:
    """`rnnkit_forward` of the padded input; h_n is not asked for apart."""
    y = np.empty((*x.shape[:2], len(weight_hh)), x.dtype)
    h_n = np.empty((1, *y.shape[1:]), x.dtype)
    layer = (recurrence.RELU.native, native.DTYPES[x.dtype], x.shape[2], len(weight_hh), 0)
    weights = (native.address(weight_ih), native.address(weight_hh), 0, 0, 0)
    numbers = (x.shape[0], x.shape[1], 0, 1, 0)
    given = (*layer, *weights, *numbers, 0, 0, *native.rows(x), 0, 0)
    results = (*native.rows(y), native.address(h_n), 0, 0)
    status = native.required().rnnkit_forward(native.CALL.pack(*given, *results, *[0] * 15))
    assert status == 0
    assert np.array_equal(h_n[0], y[-1])
    return y


@needs_native
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_recurrence_runs_on_numpy_arrays_whatever_their_strides(dtype: str) -> None:
    random = np.random.default_rng(0)
    weight_ih, weight_hh = (random.normal(size=(H, n)).astype(dtype) for n in (INPUT_SIZE, H))
    batch_first = random.normal(size=(B, 2 * T, INPUT_SIZE)).astype(dtype)
    x = native.contiguous_rows(batch_first[:, ::2].swapaxes(0, 1))
    assert np.shares_memory(x, batch_first)
    expected = relu_rnn(x, weight_ih, weight_hh)
    tolerance = {"float32": 1e-5, "float64": 1e-9}[dtype]
    np.testing.assert_allclose(call(x, weight_ih, weight_hh), expected, tolerance, tolerance)


def test_rows_are_copied_only_where_the_last_dimension_is_not_contiguous() -> None:
    turned = np.zeros((3, 4)).T
    assert native.contiguous_rows(turned).strides == (24, 8)
    assert native.contiguous_rows(turned[:, :1]).base is turned.base


def test_what_is_absent_is_null() -> None:
    assert native.address(None) == 0
    assert native.rows(None) == (0, 0, 0)


ALONE = """
import sys
from rnnkit import native, recurrence
assert native.peak_flops("float32", 2, 0.01) > 0
print("torch" in sys.modules)
import torch
from rnnkit import cells
assert cells.GRU(3, 4).kernel == "native"
torch.ones(300, 300) @ torch.ones(300, 300)
mapped = {line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line}
print(len({name for name in mapped if name.endswith("libgomp.so.1") or "libgomp.so.1." in name}))
"""


@needs_native
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_loaded_before_torch_the_library_shares_its_threads_with_torch_all_the_same() -> None:
    run = subprocess.run([sys.executable, "-c", ALONE], capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["False", "1"]
