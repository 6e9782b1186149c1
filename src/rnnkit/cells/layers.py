"""RNN, GRU and LSTM over whole sequences, ragged ones included: their equations and arguments.

They take every argument of `torch.nn`'s classes, hold the same parameters under the same names,
and load their `state_dict` unchanged. What is added: `lengths`, exact in both directions;
`rnnkit.packed.Packed` in and out; `recurrent_dropout`, which keeps the fast kernels; `checkpoint`,
for sequences too long to keep; and `trace`, for a look at the gates.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from rnnkit import recurrence
from rnnkit.bptt import Policy
from rnnkit.cells.recurrent import Recurrent
from rnnkit.errors import check_option
from rnnkit.recurrence import CellSpec

__all__ = ["GRU", "LSTM", "RNN", "build_layer"]


class RNN(Recurrent):
    """A simple recurrent network (Elman 1990), in several layers and one or both directions.

    h_t = tanh(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh), or max(0, ...) with nonlinearity="relu".

    The arguments are those of `torch.nn.RNN`, and besides:
    recurrent_dropout: share of W_hh's weights that are dropped while training, one mask a layer,
    direction and forward (Merity, Keskar & Socher 2018, "weight drop").
    bptt: how far gradients go back, a policy of `rnnkit.bptt` or its text; see `set_bptt`.

    Called with `layer(input, hx=None, *, lengths=None, need_state=True)`:
    input: (T, B, I), or (B, T, I) if batch_first; (T, I) for one sequence; a `PackedSequence`; or
    a `rnnkit.packed.Packed`. hx: h_0 (L*D, B, H), zeros if left out, never with the batch first.
    lengths: (B,) steps of each sequence, in any order, counted from the beginning; outputs past
    them are 0, and both directions see valid steps only.
    Returns the output, in the form of the input with D*H features, and h_n (L*D, B, H), each
    sequence's state at its own last step. With `Packed`, states are in the layout's sorted order;
    otherwise in the caller's.
    Raises ShapeError if a size, a dtype or the lengths disagree, OptionError for a bad option.

    >>> layer = RNN(3, 4, bidirectional=True, batch_first=True)
    >>> output, h_n = layer(torch.ones(2, 5, 3), lengths=[5, 2])
    >>> output.shape, h_n.shape
    (torch.Size([2, 5, 8]), torch.Size([2, 2, 4]))
    >>> output[1, 2:].any().item()
    False
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        recurrent_dropout: float = 0.0,
        bptt: Policy | str | None = None,
    ) -> None:
        check_option("nonlinearity", nonlinearity, recurrence.NONLINEARITIES)
        super().__init__(
            recurrence.NONLINEARITIES[nonlinearity],
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,  # proj_size
            device,
            dtype,
            recurrent_dropout,
            bptt,
        )
        self.nonlinearity = nonlinearity

    def extra_repr(self) -> str:
        """The arguments that differ from their defaults."""
        relu = ", nonlinearity=relu" if self.nonlinearity == "relu" else ""
        return super().extra_repr() + relu


class GRU(Recurrent):
    """A gated recurrent unit (Cho et al. 2014), its reset applied after the product.

    r = sigmoid(W_ir x + b_ir + W_hr h + b_hr) ;  z = sigmoid(W_iz x + b_iz + W_hz h + b_hz)
    n = tanh(W_in x + b_in + r * (W_hn h + b_hn)) ;  h' = (1 - z) * n + z * h

    The arguments are those of `torch.nn.GRU`, `recurrent_dropout` and `bptt`. Input, state,
    lengths, results and errors are as in `RNN`.

    >>> layer = GRU(3, 4, num_layers=2)
    >>> output, h_n = layer(torch.ones(5, 2, 3), lengths=[2, 5])
    >>> output.shape, h_n.shape
    (torch.Size([5, 2, 4]), torch.Size([2, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        recurrent_dropout: float = 0.0,
        bptt: Policy | str | None = None,
    ) -> None:
        super().__init__(
            recurrence.GRU,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            0,  # proj_size
            device,
            dtype,
            recurrent_dropout,
            bptt,
        )


class LSTM(Recurrent):
    """A long short-term memory (Hochreiter & Schmidhuber 1997; Gers et al. 2000), no peepholes.

    i, f, o = sigmoid(W_i. x + b_i. + W_h. h + b_h.) ;  g = tanh(...)
    c' = f * c + i * g ;  h' = o * tanh(c'), times W_hr if proj_size > 0 (Sak et al. 2014)

    The arguments are those of `torch.nn.LSTM`, `recurrent_dropout` and `bptt`. Input, lengths and
    errors are as in `RNN`. The state is (h, c): h (L*D, B, P or H), c (L*D, B, H). With
    need_state=False c_n is None, which saves a little where lengths differ; h_n is always given.

    >>> layer = LSTM(3, 4, proj_size=2)
    >>> output, (h_n, c_n) = layer(torch.ones(5, 2, 3), lengths=torch.tensor([2, 5]))
    >>> output.shape, h_n.shape, c_n.shape
    (torch.Size([5, 2, 2]), torch.Size([1, 2, 2]), torch.Size([1, 2, 4]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        *,
        recurrent_dropout: float = 0.0,
        bptt: Policy | str | None = None,
    ) -> None:
        super().__init__(
            recurrence.LSTM,
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            proj_size,
            device,
            dtype,
            recurrent_dropout,
            bptt,
        )


_LAYERS: dict[CellSpec, Callable[..., Recurrent]] = {
    recurrence.TANH: RNN,
    recurrence.RELU: partial(RNN, nonlinearity="relu"),
    recurrence.GRU: GRU,
    recurrence.LSTM: LSTM,
}
"""The classes of those cells that have one of their own."""


def build_layer(
    cell: str,
    input_size: int,
    hidden_size: int,
    *,
    bidirectional: bool = False,
    recurrent_dropout: float = 0.0,
) -> Recurrent:
    """One layer of the cell with this name ("lstm", "gru", "rnn", "rnn-relu", or a registered one).

    A cell without a class of its own gives a `Recurrent`. Raises OptionError for an unknown name.

    >>> build_layer("rnn-relu", 3, 4)
    RNN(3, 4, nonlinearity=relu)
    """
    spec = recurrence.by_name(cell)
    build = _LAYERS.get(spec, partial(Recurrent, spec))
    return build(
        input_size,
        hidden_size,
        bidirectional=bidirectional,
        recurrent_dropout=recurrent_dropout,
    )
