"""The cells: one module a cell, and what the rest of rnnkit has to know of each.

Neither torch nor numpy is imported; `on_numpy` is for who runs an equation there.
"""

from rnnkit.recurrence.arrays import Array, Namespace
from rnnkit.recurrence.gru import GRU
from rnnkit.recurrence.lstm import LSTM
from rnnkit.recurrence.rnn import NONLINEARITIES, RELU, TANH
from rnnkit.recurrence.spec import (
    NO_CELL,
    CellSpec,
    Keras,
    Step,
    by_mode,
    by_name,
    cell_choices,
    cell_modes,
    cell_names,
    describe,
    register,
    unregister,
)

for _spec in (TANH, RELU, GRU, LSTM):
    register(_spec)

__all__ = [
    "GRU",
    "LSTM",
    "NONLINEARITIES",
    "NO_CELL",
    "RELU",
    "TANH",
    "Array",
    "CellSpec",
    "Keras",
    "Namespace",
    "Step",
    "by_mode",
    "by_name",
    "cell_choices",
    "cell_modes",
    "cell_names",
    "describe",
    "register",
    "unregister",
]
