"""An image encoder of one's own for `FrameTagger`: where in the picture its stripes stand."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn


class LocalPhases(nn.Module):
    """The phase of light and dark along the rows, in windows side by side: (B, 1, S, S) -> (B, M).

    z = sum_u w(u) x(u) exp(2 pi i u / wavelength), w a Gaussian; z / (|z| + FLOOR), its real and
    imaginary parts. When the picture moves to the side by d pixels, the phase turns by
    2 pi d / wavelength, whatever is in the picture: a camera that turns is told from one that goes
    straight by two frames, and by no single one. The filters begin so, and are trained.

    wavelengths, width (of a filter), step (between windows): in columns. bands: of rows, over which
    the mean is taken, as shares of the height.
    Source: Fleet & Jepson 1990, "Computation of component image velocity from local phase".

    >>> LocalPhases()(torch.zeros(2, 1, 64, 64)).shape
    torch.Size([2, 32])
    """

    # Of the modulus, in deviations of the picture's light: what is fainter has no phase.
    FLOOR = 0.15

    def __init__(
        self,
        wavelengths: Sequence[float] = (16.0, 24.0),
        *,
        width: int = 33,
        step: int = 8,
        bands: Sequence[tuple[float, float]] = ((0.1, 0.32), (0.28, 0.5)),
    ) -> None:
        super().__init__()
        self.bands = tuple(bands)
        u = torch.arange(width) - width // 2
        real, imaginary = [], []
        for wavelength in wavelengths:
            window = torch.exp(-0.5 * (u / (wavelength / 2.5)) ** 2)
            window = window / window.sum()
            turn = 2 * math.pi * u / wavelength
            wave = window * torch.cos(turn)
            real.append(wave - window * wave.sum())  # even light has no phase
            imaginary.append(window * torch.sin(turn))
        self.filters = nn.Conv1d(1, 2 * len(real), width, stride=step, bias=False)
        with torch.no_grad():
            self.filters.weight.copy_(torch.stack([*real, *imaginary])[:, None])

    def forward(self, images: Tensor) -> Tensor:
        height = images.shape[2]
        rows = torch.stack(
            [
                images[:, 0, round(top * height) : round(bottom * height)].mean(dim=1)
                for top, bottom in self.bands
            ],
            dim=1,
        )  # (B, 1, S, S) -> (B, bands, S)
        found = self.filters(rows.reshape(-1, 1, rows.shape[2]))
        real, imaginary = found.chunk(2, dim=1)
        modulus = (real.square() + imaginary.square() + 1e-6).sqrt() + self.FLOOR
        return torch.cat([real / modulus, imaginary / modulus], dim=1).reshape(len(images), -1)
