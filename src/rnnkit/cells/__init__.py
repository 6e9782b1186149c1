"""Recurrent layers and cells: the equations of `torch.nn`, exact on ragged sequences."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.cells.init import SCHEMES, initialize_
from rnnkit.cells.layers import GRU, LSTM, RNN
from rnnkit.cells.linear import Linear
from rnnkit.cells.single import GRUCell, LSTMCell, RNNCell
from rnnkit.cells.stream import Stream
from rnnkit.cells.through_time import set_bptt, using_bptt
from rnnkit.cells.weights import from_keras, to_keras

__all__ = [
    "GRU",
    "LSTM",
    "RNN",
    "SCHEMES",
    "GRUCell",
    "LSTMCell",
    "Linear",
    "RNNCell",
    "Stream",
    "from_keras",
    "initialize_",
    "set_bptt",
    "to_keras",
    "using_bptt",
]
