"""Initial values of recurrent layers, by name."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from rnnkit import randomness
from rnnkit.errors import OptionError, check_option

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
    parts = [part for part in module.modules() if _is_recurrent(part)]
    for part in parts:
        _check_fits(part, scheme, max_steps)
    for part in parts:
        for name, parameter in part.named_parameters(recurse=False):
            _fill_(name, parameter, int(part.hidden_size), scheme, forget_bias, max_steps or 0)  # type: ignore[arg-type]
    return module


def _is_recurrent(part: nn.Module) -> bool:
    return any(name.startswith("weight_hh") for name, _ in part.named_parameters(recurse=False))


def _check_fits(part: nn.Module, scheme: str, max_steps: int | None) -> None:
    name, parameters = type(part).__name__, dict(part.named_parameters(recurse=False))
    rows = next(len(value) for key, value in parameters.items() if key.startswith("weight_hh"))
    gated = rows > int(part.hidden_size)  # type: ignore[arg-type]
    if scheme == "identity" and gated:
        raise OptionError(
            f"the initial values 'identity' are for simple recurrent networks, but {name} has "
            f"gates. Choose 'chrono' to remember for long, or 'orthogonal'."
        )
    if scheme != "chrono":
        return
    if not gated:
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
    name: str, parameter: Tensor, hidden_size: int, scheme: str, forget_bias: float, max_steps: int
) -> None:
    generator = randomness.current(parameter.device)
    if scheme == "torch":
        bound = 1 / math.sqrt(hidden_size)
        nn.init.uniform_(parameter, -bound, bound, generator=generator)
    elif name.startswith("weight_hr"):
        nn.init.xavier_uniform_(parameter, generator=generator)
    else:
        gates = torch.split(parameter, hidden_size)
        for gate in gates:
            _fill_gate_(name, gate, scheme)
        # Biases of gates stand on one of the two, so that they count once.
        if name.startswith("bias_ih") and scheme == "chrono":
            _remember_(gates, max_steps)
        elif name.startswith("bias_ih") and len(gates) == 4:  # i, f, g, o
            nn.init.constant_(gates[1], forget_bias)


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


def _remember_(gates: tuple[Tensor, ...], max_steps: int) -> None:
    """The biases of what forgets: f and i of (i, f, g, o), or z of (r, z, n)."""
    generator = randomness.current(gates[1].device)
    keeping = nn.init.uniform_(gates[1], 1, max_steps - 1, generator=generator).log_()
    if len(gates) == 4:
        gates[0].copy_(-keeping)
