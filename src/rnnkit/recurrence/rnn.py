"""Simple recurrent networks: h' = tanh(W_ih x + b_ih + W_hh h + b_hh), or max(0, ...)."""

from __future__ import annotations

from rnnkit.recurrence.arrays import A, Namespace
from rnnkit.recurrence.spec import CellSpec, Keras

__all__ = ["NONLINEARITIES", "RELU", "TANH"]


def tanh_step(
    xp: Namespace[A],
    products: tuple[A, ...],
    state: tuple[A, ...],  # noqa: ARG001 - h comes in its product alone
) -> tuple[tuple[A, ...], tuple[A, ...]]:
    """h' = tanh(W_ih x + b_ih + W_hh h + b_hh)  (Elman 1990)."""
    from_input, from_hidden = products
    return (xp.tanh(from_input + from_hidden),), ()


def relu_step(
    xp: Namespace[A],
    products: tuple[A, ...],
    state: tuple[A, ...],  # noqa: ARG001 - h comes in its product alone
) -> tuple[tuple[A, ...], tuple[A, ...]]:
    """h' = max(0, W_ih x + b_ih + W_hh h + b_hh)  (Le, Jaitly & Hinton 2015)."""
    from_input, from_hidden = products
    return (xp.relu(from_input + from_hidden),), ()


TANH = CellSpec(
    name="rnn",
    mode="RNN_TANH",
    description="rnn (tanh)",
    step=tanh_step,
    keras=Keras(("h",)),
    native=0,
    torch_kernel="unrolled_tanh",
)

RELU = CellSpec(
    name="rnn-relu",
    mode="RNN_RELU",
    description="rnn (relu)",
    step=relu_step,
    keras=Keras(("h",)),
    native=1,
    torch_kernel="unrolled_relu",
    variant=True,
)

NONLINEARITIES = {"tanh": TANH, "relu": RELU}
"""The two by torch's name of what makes them differ."""
