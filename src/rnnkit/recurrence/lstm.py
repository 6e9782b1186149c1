"""A long short-term memory without peepholes (Gers, Schmidhuber & Cummins 2000)."""

from __future__ import annotations

from rnnkit.recurrence.arrays import A, Namespace
from rnnkit.recurrence.spec import CellSpec, Keras

__all__ = ["LSTM"]


def lstm_step(
    xp: Namespace[A], products: tuple[A, ...], state: tuple[A, ...]
) -> tuple[tuple[A, ...], tuple[A, ...]]:
    """c' = f * c + i * g ;  h' = o * tanh(c'), times W_hr with a projection (Sak et al. 2014).

    i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.) ;  g = tanh(...)
    """
    (from_input, from_hidden), (_, c) = products, state
    i, f, g, o = xp.chunk(from_input + from_hidden, 4, -1)
    i, f, g, o = xp.sigmoid(i), xp.sigmoid(f), xp.tanh(g), xp.sigmoid(o)
    c = f * c + i * g
    return (o * xp.tanh(c), c), (i, f, g, o)


LSTM = CellSpec(
    name="lstm",
    mode="LSTM",
    description="lstm",
    step=lstm_step,
    states=("h", "c"),
    blocks=("i", "f", "g", "o"),
    projection=True,
    remembers="f",
    writes="i",
    forget_bias=True,
    signed=("g",),
    keras=Keras(("i", "f", "g", "o")),
    native=3,
    kept=("i", "f", "g", "o", "c"),
    torch_kernel="fused_lstm",
)
