"""Recurrent layers and cells: the equations of `torch.nn`, exact on ragged sequences."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.cells.init import SCHEMES, initialize_
from rnnkit.cells.layers import GRU, LSTM, RNN, build_layer
from rnnkit.cells.linear import Linear
from rnnkit.cells.recurrent import Recurrent
from rnnkit.cells.single import Cell, GRUCell, LSTMCell, RNNCell, build_cell
from rnnkit.cells.specs import is_layer, spec_of
from rnnkit.cells.stream import Stream
from rnnkit.cells.through_time import set_bptt, using_bptt
from rnnkit.cells.weights import from_keras, to_keras

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SCHEMES",
    "Cell",
    "GRUCell",
    "LSTMCell",
    "Linear",
    "RNNCell",
    "Recurrent",
    "Stream",
    "build_cell",
    "build_layer",
    "from_keras",
    "initialize_",
    "is_layer",
    "set_bptt",
    "spec_of",
    "to_keras",
    "using_bptt",
]
