"""Initial values of recurrent layers, by name."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rnnkit.errors import check_option

__all__ = ["initialize_"]


def initialize_(
    module: nn.Module, scheme: str = "orthogonal", *, forget_bias: float = 1.0
) -> nn.Module:
    """Give every recurrent layer and cell inside a module its initial values, in place.

    scheme "orthogonal": W_hh orthogonal and W_ih Xavier-uniform, each gate by itself; biases 0,
    but an LSTM's forget gate `forget_bias`, on one of its two biases so that it counts once
    (Saxe et al. 2014; Glorot & Bengio 2010; Jozefowicz et al. 2015).
    scheme "torch": torch's own, everything uniform in +-1/sqrt(hidden_size); forget_bias unused.
    Works on `torch.nn`'s recurrent modules too. Returns the module.
    Raises OptionError for an unknown scheme.

    >>> cell = initialize_(nn.LSTMCell(3, 2))
    >>> cell.bias_ih.tolist(), cell.bias_hh.any().item()
    ([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], False)
    """
    check_option("scheme", scheme, ["orthogonal", "torch"])
    for part in module.modules():
        parameters = dict(part.named_parameters(recurse=False))
        if not any(name.startswith("weight_hh") for name in parameters):
            continue
        hidden_size = int(part.hidden_size)  # type: ignore[arg-type]
        for name, parameter in parameters.items():
            if scheme == "torch":
                bound = 1 / math.sqrt(hidden_size)
                nn.init.uniform_(parameter, -bound, bound)
            else:
                _orthogonal_(name, parameter, hidden_size, forget_bias)
    return module


@torch.no_grad()
def _orthogonal_(name: str, parameter: Tensor, hidden_size: int, forget_bias: float) -> None:
    if name.startswith("weight_hr"):
        nn.init.xavier_uniform_(parameter)
        return
    gates = torch.split(parameter, hidden_size)
    for gate in gates:
        if name.startswith("weight_hh"):
            nn.init.orthogonal_(gate)
        elif name.startswith("weight_ih"):
            nn.init.xavier_uniform_(gate)
        else:
            nn.init.zeros_(gate)
    if name.startswith("bias_ih") and len(gates) == 4:  # i, f, g, o
        nn.init.constant_(gates[1], forget_bias)
