"""Dropout that fits sequences."""

from __future__ import annotations

from torch import Tensor, nn

from rnnkit import randomness
from rnnkit.errors import OptionError
from rnnkit.packed import Packed

__all__ = ["LockedDropout", "check_probability"]


def check_probability(name: str, value: float) -> None:
    """Refuse a dropout share outside [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise OptionError(f"{name}={value}, but a share to drop lies in [0, 1).")


class LockedDropout(nn.Module):
    """Drop the same features at every step of a sequence, others in each sequence.

    y = x * m / (1 - p), with m (B, F) drawn once a call, 0 with probability p.
    Source: Gal & Ghahramani 2016, "A Theoretically Grounded Application of Dropout in RNNs".

    >>> import torch
    >>> x = Packed.from_sequences([torch.ones(3, 4)])
    >>> y = LockedDropout(0.5)(x).data
    >>> bool((y == y[0]).all())
    True
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        check_probability("dropout", p)
        self.p = p

    def forward(self, x: Packed) -> Packed:
        """x: (N, F) packed; unchanged in eval mode."""
        if not self.training or self.p == 0.0:
            return x
        mask = self.mask(x.layout.num_sequences, x.data)
        return x.with_data(x.data * mask[x.layout.sequence_of_row])

    def mask(self, num_sequences: int, like: Tensor) -> Tensor:
        """(B, F) of 0 and 1 / (1 - p)."""
        return randomness.dropout(like.new_ones(num_sequences, like.shape[-1]), self.p)

    def extra_repr(self) -> str:
        """Shown by print(module)."""
        return f"p={self.p}"
