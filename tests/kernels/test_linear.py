"""The linear map whose rows do not know of each other."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit import kernels
from rnnkit.errors import ShapeError
from rnnkit.kernels import linear
from tests.kernels.cases import needs_native, threads

SIZES = st.integers(1, 150)


@needs_native
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@settings(max_examples=60)
@given(SIZES, SIZES, SIZES, st.booleans(), st.data())
def test_every_row_is_right_and_the_same_bits_alone(
    dtype: torch.dtype, rows: int, inputs: int, outputs: int, bias: bool, data: st.DataObject
) -> None:
    x, weight = torch.randn(rows, inputs, dtype=dtype), torch.randn(outputs, inputs, dtype=dtype)
    b = torch.randn(outputs, dtype=dtype) if bias else None
    y = linear(x, weight, b)
    exact = F.linear(x.double(), weight.double(), None if b is None else b.double())
    tolerance = 1e-5 if dtype == torch.float32 else 1e-12
    assert (y - exact).abs().max() <= tolerance * exact.abs().max() + tolerance
    some = data.draw(st.lists(st.integers(0, rows - 1), min_size=1))
    with threads(2):
        assert torch.equal(linear(x[some], weight, b), y[some])


@needs_native
def test_any_strides_and_leading_dimensions_are_read() -> None:
    weight, bias = torch.randn(5, 7), torch.randn(5)
    x = torch.randn(3, 4, 7)
    expected = linear(x, weight, bias)
    assert expected.shape == (3, 4, 5)
    for other in (
        x.transpose(0, 1).contiguous().transpose(0, 1),
        x.permute(2, 0, 1).contiguous().permute(1, 2, 0),
        torch.cat([x, x], dim=-1)[..., :7],
    ):
        assert torch.equal(linear(other, weight, bias), expected)
    assert torch.equal(linear(x, weight.t().contiguous().t(), bias), expected)
    assert torch.equal(linear(x[0, 0], weight, bias), expected[0, 0])


def test_gradients_and_what_the_native_kernel_cannot_take_are_torchs() -> None:
    weight = torch.randn(5, 7, requires_grad=True)
    x = torch.randn(3, 7)
    assert torch.equal(linear(x, weight), F.linear(x, weight))
    assert linear(x, weight).requires_grad
    low = linear(x.bfloat16(), weight.detach().bfloat16())
    assert low.dtype == torch.bfloat16
    assert linear(x[:0], weight.detach()).shape == (0, 5)
    with kernels.use_kernel("torch"), torch.no_grad():
        assert torch.equal(linear(x, weight), F.linear(x, weight))
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        assert linear(x, weight).dtype == torch.bfloat16


@needs_native
def test_the_operator_passes_opcheck_and_names_what_does_not_fit() -> None:
    operator = torch.ops.rnnkit.linear.default
    x, weight, bias = torch.randn(3, 7), torch.randn(5, 7), torch.randn(5)
    torch.library.opcheck(operator, (x, weight, bias))
    torch.library.opcheck(operator, (x[None], weight, None))
    for wrong in (
        (x[:, :6], weight, bias),
        (x.double(), weight, bias),
        (x, weight, bias[:4]),
        (x, weight[0], bias),
        (x[:0], weight, bias),
        (x.half(), weight.half(), None),
    ):
        with pytest.raises(ShapeError, match="were expected"):
            operator(*wrong)
