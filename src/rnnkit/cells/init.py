"""Initial values of recurrent layers, by name."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rnnkit import randomness
from rnnkit.cells.specs import spec_of
from rnnkit.errors import OptionError, check_option
from rnnkit.recurrence import CellSpec

__all__ = ["SCHEMES", "initialize_"]

SCHEMES = ("orthogonal", "torch", "chrono", "identity")

# Of the input weights beside an identity matrix.
IDENTITY_STD = 0.001


def initialize_(
    module: nn.Module,
    scheme: str = "orthogonal",
    *,
    forget_bias: float = 1.0,
    max_steps: int | None = None,
) -> nn.Module:
    """Give every recurrent layer and cell inside a module its initial values, in place.

    scheme "orthogonal": W_hh orthogonal and W_ih Xavier-uniform, each gate by itself; biases 0,
    but an LSTM's forget gate `forget_bias`, on one of its two biases so that it counts once
    (Saxe et al. 2014; Glorot & Bengio 2010; Jozefowicz et al. 2015).
    scheme "torch": torch's own, everything uniform in +-1/sqrt(hidden_size).
    scheme "chrono": as "orthogonal", but biases with which units forget within 2 to `max_steps`
    steps, T: an LSTM's b_f = log u and b_i = -b_f with u uniform in [1, T - 1], on one of its two
    biases (Tallec & Ollivier 2018, Can recurrent neural networks warp time?, equation 16); a
    GRU's b_z = log u, since its z is what keeps: h' = (1 - z) n + z h.
    scheme "identity": of a simple recurrent network, W_hh the identity, biases 0, W_ih normal with
    deviation 0.001 (Le, Jaitly & Hinton 2015, A Simple Way to Initialize Recurrent Networks of
    Rectified Linear Units, sections 3 and 4; made for nonlinearity="relu").

    forget_bias: of an LSTM under "orthogonal". max_steps: for "chrono", the longest dependency,
    in steps. Works on `torch.nn`'s recurrent modules too. Returns the module.
    Raises OptionError for an unknown scheme, or one that a layer inside the module cannot have;
    nothing is changed then.

    >>> cell = initialize_(nn.LSTMCell(3, 2))
    >>> cell.bias_ih.tolist(), cell.bias_hh.any().item()
    ([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0], False)
    >>> initialize_(nn.RNN(3, 2, nonlinearity="relu"), "identity").weight_hh_l0.tolist()
    [[1.0, 0.0], [0.0, 1.0]]
    """
    check_option("scheme", scheme, SCHEMES)
    found = [(part, spec_of(part)) for part in module.modules()]
    parts = [(part, spec) for part, spec in found if spec is not None]
    for part, spec in parts:
        _check_fits(part, spec, scheme, max_steps)
    for part, spec in parts:
        for name, parameter in part.named_parameters(recurse=False):
            _fill_(name, parameter, spec, scheme, forget_bias, max_steps or 0)
    return module


def _check_fits(part: nn.Module, spec: CellSpec, scheme: str, max_steps: int | None) -> None:
    name, parameters = type(part).__name__, dict(part.named_parameters(recurse=False))
    if scheme == "identity" and not spec.may_begin_as_identity:
        raise OptionError(
            f"the initial values 'identity' are for simple recurrent networks, but {name} has "
            f"gates. Choose 'chrono' to remember for long, or 'orthogonal'."
        )
    if scheme != "chrono":
        return
    if spec.remembers is None:
        raise OptionError(
            f"the initial values 'chrono' are biases of gates, but {name} has none. Choose "
            f"'identity' to remember for long, or 'orthogonal', or a GRU or an LSTM."
        )
    if not any(key.startswith("bias") for key in parameters):
        raise OptionError(
            f"the initial values 'chrono' are biases, but this {name} has bias=False. Give it "
            f"biases, or choose 'orthogonal'."
        )
    if max_steps is None or max_steps < 3:
        raise OptionError(
            f"max_steps={max_steps}, but the initial values 'chrono' need the steps of the longest "
            f"dependency, at least 3: initialize_(module, 'chrono', max_steps=100)."
        )


@torch.no_grad()
def _fill_(
    name: str, parameter: Tensor, spec: CellSpec, scheme: str, forget_bias: float, max_steps: int
) -> None:
    generator = randomness.current(parameter.device)
    if scheme == "torch":
        projection = name.startswith("weight_hr")
        hidden_size = parameter.shape[1] if projection else len(parameter) // spec.num_blocks
        bound = 1 / math.sqrt(hidden_size)
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    elif name.startswith("weight_hr"):
        nn.init.xavier_uniform_(parameter, generator=generator)
    else:
        gates = dict(zip(spec.blocks, parameter.chunk(spec.num_blocks), strict=True))
        for gate in gates.values():
            _fill_gate_(name, gate, scheme)
        # Biases of gates stand on one of the two, so that they count once.
        if name.startswith("bias_ih") and spec.remembers is not None:
            if scheme == "chrono":
                _remember_(gates, spec.remembers, spec.writes, max_steps)
            elif spec.forget_bias:
                nn.init.constant_(gates[spec.remembers], forget_bias)


def _fill_gate_(name: str, gate: Tensor, scheme: str) -> None:
    generator = randomness.current(gate.device)
    if name.startswith("bias"):
        nn.init.zeros_(gate)
    elif name.startswith("weight_hh"):
        if scheme == "identity":
            nn.init.eye_(gate)
        else:
            nn.init.orthogonal_(gate, generator=generator)
    elif scheme == "identity":
        nn.init.normal_(gate, std=IDENTITY_STD, generator=generator)
    else:
        nn.init.xavier_uniform_(gate, generator=generator)


def _remember_(
    gates: dict[str, Tensor], remembers: str, writes: str | None, max_steps: int
) -> None:
    """The biases of the gate that remembers, and the opposite ones of that which writes."""
    generator = randomness.current(gates[remembers].device)
    keeping = nn.init.uniform_(gates[remembers], 1, max_steps - 1, generator=generator).log_()
    if writes is not None:
        gates[writes].copy_(-keeping)
