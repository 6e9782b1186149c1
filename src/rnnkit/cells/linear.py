"""A linear layer whose predictions do not depend on the batch."""

from __future__ import annotations

from torch import Tensor, nn

from rnnkit import kernels, randomness

__all__ = ["Linear"]


class Linear(nn.Linear):
    """y = x W^T + b, as `torch.nn.Linear` with its arguments and parameters.

    Where no gradient is needed and the native kernel runs, a row's result is the same to the bit
    whatever other rows stand beside it; a product of BLAS is not. See `rnnkit.kernels.linear`.

    >>> import torch
    >>> layer = Linear(3, 2)
    >>> with torch.no_grad():
    ...     layer(torch.ones(4, 3)).shape
    torch.Size([4, 2])
    """

    def reset_parameters(self) -> None:
        """torch's own initial values."""
        randomness.reset_affine_(self.weight, self.bias)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002 - torch's name
        """x (..., I) -> (..., O)."""
        return kernels.linear(input, self.weight, self.bias)
