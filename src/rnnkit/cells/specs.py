"""Which modules are recurrent, and which cell each of them runs."""

from __future__ import annotations

from typing import TypeGuard

from torch import nn

from rnnkit.cells.recurrent import Recurrent
from rnnkit.recurrence import GRU, LSTM, NONLINEARITIES, CellSpec, by_mode

__all__ = ["is_layer", "spec_of"]


def spec_of(module: nn.Module) -> CellSpec | None:
    """The cell of a recurrent module: what its `spec` says, or that of torch.nn's; None of others.

    >>> spec_of(nn.LSTM(2, 3)).name, spec_of(nn.RNNCell(2, 3)).name, spec_of(nn.Linear(2, 3))
    ('lstm', 'rnn', None)
    """
    spec = getattr(module, "spec", None)
    if isinstance(spec, CellSpec):
        return spec
    if isinstance(module, nn.RNNBase):
        return by_mode(module.mode)
    if isinstance(module, nn.RNNCell):
        return NONLINEARITIES[module.nonlinearity]
    if isinstance(module, nn.GRUCell):
        return GRU
    return LSTM if isinstance(module, nn.LSTMCell) else None


def is_layer(module: nn.Module) -> TypeGuard[Recurrent | nn.RNNBase]:
    """Whether a module reads whole sequences: a layer of rnnkit's or torch.nn's, and no cell.

    >>> is_layer(nn.GRU(2, 3)), is_layer(nn.GRUCell(2, 3))
    (True, False)
    """
    return isinstance(module, Recurrent | nn.RNNBase)
