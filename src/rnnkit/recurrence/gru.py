"""A gated recurrent unit, its reset applied after the product (Cho et al. 2014, as in cuDNN)."""

from __future__ import annotations

from rnnkit.recurrence.arrays import A, Namespace
from rnnkit.recurrence.spec import CellSpec, Keras

__all__ = ["GRU"]


def gru_step(
    xp: Namespace[A], products: tuple[A, ...], state: tuple[A, ...]
) -> tuple[tuple[A, ...], tuple[A, ...]]:
    """h' = (1 - z) * n + z * h.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr) ;  z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn))
    """
    (h,) = state
    (x_r, x_z, x_n), (h_r, h_z, h_n) = (xp.chunk(product, 3, -1) for product in products)
    r, z = xp.sigmoid(x_r + h_r), xp.sigmoid(x_z + h_z)
    n = xp.tanh(x_n + r * h_n)
    return ((1 - z) * n + z * h,), (r, z, n)


GRU = CellSpec(
    name="gru",
    mode="GRU",
    description="gru",
    step=gru_step,
    blocks=("r", "z", "n"),
    remembers="z",
    signed=("n",),
    keras=Keras(("z", "r", "n"), biases=2),
    native=2,
    kept=("n", "r", "z", "W_hn h + b_hn"),
    torch_kernel="unrolled_gru",
)
