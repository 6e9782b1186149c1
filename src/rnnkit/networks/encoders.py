"""A sequence of vectors to a sequence of vectors: with memory, and without."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnnkit.cells import Linear, build_layer
from rnnkit.errors import check_option
from rnnkit.networks.dropout import LockedDropout
from rnnkit.packed import Packed
from rnnkit.recurrence import NO_CELL, cell_choices

__all__ = [
    "RecurrentEncoder",
    "WindowEncoder",
    "build_encoder",
    "mean_of_steps",
    "windows",
]


class RecurrentEncoder(nn.Module):
    """Stacked recurrent layers, with locked dropout before each one and after the last.

    cell: "rnn" (tanh), "rnn-relu", "gru", "lstm" or a registered one. hidden_size: a direction's.
    recurrent_dropout: the share of W_hh's weights dropped, one mask a batch (Merity et al. 2018,
    "weight drop"). Initial values are torch's own; see `rnnkit.cells.initialize_` for others.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        cell: str = "lstm",
        num_layers: int = 1,
        bidirectional: bool = True,
        dropout: float = 0.0,
        recurrent_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_size = hidden_size * (2 if bidirectional else 1)
        self.hidden_size, self.bidirectional = hidden_size, bidirectional
        self.dropout = LockedDropout(dropout)
        self.layers = nn.ModuleList(
            build_layer(
                cell,
                self.output_size if layer else input_size,
                hidden_size,
                bidirectional=bidirectional,
                recurrent_dropout=recurrent_dropout,
            )
            for layer in range(num_layers)
        )

    def forward(self, x: Packed) -> Packed:
        """x: (N, input_size) -> (N, output_size)."""
        for layer in self.layers:
            x, _ = layer(self.dropout(x), need_state=False)
        dropped: Packed = self.dropout(x)
        return dropped

    def run(self, x: Packed, state: Any = None) -> tuple[Packed, Any]:
        """Go on from a state: of each layer as the layer has it; None: zeros.

        Returns the output and the state after each sequence's last step, in x's sorted order.
        Only for one direction: the other one would have to begin at a future step.
        """
        after = []
        for place, layer in enumerate(self.layers):
            x, final = layer(self.dropout(x), None if state is None else state[place])
            after.append(final)
        return self.dropout(x), tuple(after)

    def summary(self, output: Packed) -> Tensor:
        """(B, output_size) what each direction holds when it has read everything; sorted order."""
        last = output.data[output.layout.last_row]
        if not self.bidirectional:
            return last
        # The reverse direction ends at step 0, whose rows come first.
        first = output.data[: output.layout.num_sequences]
        return torch.cat([last[:, : self.hidden_size], first[:, self.hidden_size :]], dim=-1)


class WindowEncoder(nn.Module):
    """The feed-forward contrast: each step sees a fixed window of the input and remembers nothing.

    y_t = relu(W [x_{t-before}; ...; x_{t+after}] + b), zeros standing beyond either end.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        before: int,
        after: int,
        num_layers: int = 1,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.before, self.after = before, after
        self.dropout = LockedDropout(dropout)
        width = before + 1 + after
        self.layers = nn.ModuleList(
            Linear(hidden_size if layer else width * input_size, hidden_size)
            for layer in range(num_layers)
        )

    def forward(self, x: Packed) -> Packed:
        """x: (N, input_size) -> (N, output_size)."""
        features = windows(self.dropout(x), before=self.before, after=self.after)
        dropped: Packed = self.dropout(x.with_data(self._through(features)))
        return dropped

    def _through(self, features: Tensor) -> Tensor:
        for layer in self.layers:
            features = torch.relu(layer(features))
        return features

    def run(self, x: Packed, state: Any = None) -> tuple[Packed, Any]:
        """Go on from a state: the `before` inputs (before, B, input_size) that came last.

        Only where a step sees none of those after it.
        """
        x, layout = self.dropout(x), x.layout
        if state is None:
            state = x.data.new_zeros(self.before, layout.num_sequences, x.data.shape[-1])
        seen = torch.cat([state, layout.pad(x.data)])
        features = torch.cat(
            [seen[place : place + layout.num_steps] for place in range(self.before + 1)], dim=-1
        )
        last = layout.lengths + torch.arange(self.before)[:, None]
        after = seen[last, torch.arange(layout.num_sequences)]
        return self.dropout(x.with_data(self._through(layout.unpad(features)))), after

    def summary(self, output: Packed) -> Tensor:
        """(B, output_size) the mean over the steps; sorted order."""
        return mean_of_steps(output)


def mean_of_steps(x: Packed) -> Tensor:
    """(N, F) -> (B, F), sorted order.

    Each sequence's steps are added in their order, so that its last bits do not depend on how long
    the others are.
    """
    zeros = x.data.new_zeros(x.layout.num_sequences, x.data.shape[-1])
    return zeros.index_add(0, x.layout.sequence_of_row, x.data) / x.layout.lengths[:, None]


def windows(x: Packed, *, before: int, after: int) -> Tensor:
    """(N, F) -> (N, (before + 1 + after) * F): each step beside its neighbors, 0 past either end.

    >>> x = Packed.from_sequences([torch.tensor([[1.0], [2.0]])])
    >>> windows(x, before=1, after=0).tolist()
    [[0.0, 1.0], [1.0, 2.0]]
    """
    return torch.cat([_neighbor(x, offset) for offset in range(-before, after + 1)], dim=-1)


def _neighbor(x: Packed, offset: int) -> Tensor:
    if offset == 0:
        return x.data
    rows, inside = x.layout.shifted(offset)
    return x.data.index_select(0, rows) * inside[:, None]


def build_encoder(
    cell: str,
    input_size: int,
    hidden_size: int,
    *,
    num_layers: int,
    bidirectional: bool,
    dropout: float,
    recurrent_dropout: float,
    window: int,
) -> RecurrentEncoder | WindowEncoder:
    """The encoder that `cell` names; "none" sees `window` steps to either side."""
    check_option("cell", cell, cell_choices())
    if cell == NO_CELL:
        return WindowEncoder(
            input_size,
            hidden_size,
            before=window,
            after=window if bidirectional else 0,
            num_layers=num_layers,
            dropout=dropout,
        )
    return RecurrentEncoder(
        input_size,
        hidden_size,
        cell=cell,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        recurrent_dropout=recurrent_dropout,
    )
