"""torch's layers, with initial values and masks from `rnnkit.randomness`."""

from __future__ import annotations

from torch import Tensor, nn

from rnnkit import randomness

__all__ = ["Conv2d", "Dropout", "Embedding", "Linear"]


class Linear(nn.Linear):
    """`torch.nn.Linear`; `rnnkit.cells.Linear` is for predictions that no neighbor changes."""

    def reset_parameters(self) -> None:
        """torch's own initial values."""
        randomness.reset_affine_(self.weight, self.bias)


class Conv2d(nn.Conv2d):
    """`torch.nn.Conv2d`."""

    def reset_parameters(self) -> None:
        """torch's own initial values."""
        randomness.reset_affine_(self.weight, self.bias)


class Embedding(nn.Embedding):
    """`torch.nn.Embedding`."""

    def reset_parameters(self) -> None:
        """torch's own initial values: normal, with deviation 1."""
        nn.init.normal_(self.weight, generator=randomness.current(self.weight.device))


class Dropout(nn.Dropout):
    """`torch.nn.Dropout`."""

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """x of any shape."""
        return randomness.dropout(input, self.p, self.training)
