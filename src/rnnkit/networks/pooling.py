"""A whole sequence to one vector."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnkit.cells import Linear
from rnnkit.errors import check_option
from rnnkit.networks import layers
from rnnkit.networks.encoders import RecurrentEncoder, WindowEncoder, mean_of_steps
from rnnkit.packed import Packed

__all__ = ["POOLINGS", "FixedWindow", "Pooled"]

POOLINGS = ("last", "mean", "max", "mean-max")


class Pooled(nn.Module):
    """An encoder, and one vector of all its steps.

    pooling: "last" (what each direction holds at its end), "mean" or "max" over the valid steps,
    or "mean-max", both side by side (Howard & Ruder 2018, section 3.3, "concat pooling").
    """

    def __init__(self, encoder: RecurrentEncoder | WindowEncoder, pooling: str) -> None:
        super().__init__()
        check_option("pooling", pooling, POOLINGS)
        self.encoder, self.pooling = encoder, pooling
        self.output_size = encoder.output_size * (2 if pooling == "mean-max" else 1)

    def forward(self, x: Packed) -> Tensor:
        """x: (N, input_size) -> (B, output_size), sorted order."""
        output = self.encoder(x)
        if self.pooling == "last":
            return self.encoder.summary(output)
        parts = []
        if "mean" in self.pooling:
            parts.append(mean_of_steps(output))
        if "max" in self.pooling:
            parts.append(output.layout.pad(output.data, float("-inf")).amax(dim=0))
        return torch.cat(parts, dim=-1)


class FixedWindow(nn.Module):
    """The feed-forward contrast for series: the last `steps` steps side by side, a hidden layer.

    Shorter sequences stand at the end of the window, behind zeros; of longer ones the beginning is
    not seen: the fixed input length that recurrence does without.
    """

    def __init__(
        self, input_size: int, hidden_size: int, *, steps: int, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.steps, self.output_size = steps, hidden_size
        self.hidden = Linear(steps * input_size, hidden_size)
        self.dropout = layers.Dropout(dropout)

    def forward(self, x: Packed) -> Tensor:
        """x: (N, input_size) -> (B, output_size), sorted order."""
        layout = x.layout
        place = self.steps - layout.lengths[layout.sequence_of_row] + layout.step_of_row
        seen = place >= 0
        window = x.data.new_zeros(layout.num_sequences, self.steps, x.data.shape[-1])
        window = window.index_put((layout.sequence_of_row[seen], place[seen]), x.data[seen])
        features: Tensor = self.dropout(torch.relu(self.hidden(window.flatten(1))))
        return features
