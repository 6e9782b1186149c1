"""Images to features: a convolutional encoder, augmentation, and encoders that users bring."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnkit.errors import ShapeError

__all__ = ["Augment", "ConvEncoder", "GivenEncoder"]

# A grid of features is halved down to this many places a side, or fewer.
GRID = 7
SMALLEST_WIDTH = 16


class ConvBlock(nn.Module):
    """Half as many places a side, then a look around: y = relu(n_2 + x), both convolutions 3 x 3.

    x = relu(norm(conv(input), stride 2)); n_2 = norm(conv(x)). Source: the residual blocks of He
    et al. 2016, with the groups of Wu & He 2018 for norms, which see one image at a time.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.halve = nn.Conv2d(channels, width, 3, stride=2, padding=1, bias=False)
        self.halve_norm = nn.GroupNorm(_groups(width), width)
        self.look = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.look_norm = nn.GroupNorm(_groups(width), width)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, width, ceil(H / 2), ceil(W / 2))."""
        x = torch.relu(self.halve_norm(self.halve(images)))
        y: Tensor = torch.relu(self.look_norm(self.look(x)) + x)
        return y


class ConvEncoder(nn.Module):
    """Images to a grid of features, by blocks that each halve it; small enough to train on a CPU.

    image_size: S; there are as many blocks as bring it to at most 7 places a side, at least one.
    output_size: M, features of a place; each block before has half as many, at least 16.
    num_places: h w, of the grid that comes out.

    >>> ConvEncoder(3, 64, 128)(torch.zeros(2, 3, 64, 64)).shape
    torch.Size([2, 128, 4, 4])
    """

    def __init__(self, channels: int, image_size: int, output_size: int) -> None:
        super().__init__()
        blocks, side = 0, image_size
        while side > GRID or not blocks:
            blocks, side = blocks + 1, (side + 1) // 2
        smallest = min(SMALLEST_WIDTH, output_size)
        widths = [max(smallest, output_size >> i) for i in range(blocks - 1, -1, -1)]
        self.output_size, self.num_places = output_size, side**2
        self.blocks = nn.Sequential(
            *(ConvBlock(c, w) for c, w in zip([channels, *widths], widths, strict=False))
        )

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, M, h, w)."""
        grid: Tensor = self.blocks(images)
        return grid


class GivenEncoder(nn.Module):
    """A module that the user brings, such as a pretrained backbone, held to its promise.

    module: images (B, C, S, S) to features (B, M), or (B, M, h, w) of places. One without a
    parameter to train is run in eval mode always, and without a graph.
    Raises ShapeError if it returns anything else.

    >>> GivenEncoder(nn.Flatten(), channels=1, image_size=2).output_size
    4
    """

    def __init__(self, module: nn.Module, channels: int, image_size: int) -> None:
        super().__init__()
        self.module = module
        was_training = module.training
        with torch.no_grad():
            found = self.eval()(torch.zeros(1, channels, image_size, image_size))
        self.train(was_training)
        self.output_size, self.num_places = int(found.shape[1]), math.prod(found.shape[2:])

    @property
    def is_frozen(self) -> bool:
        """Whether nothing in it is trained."""
        return not any(parameter.requires_grad for parameter in self.module.parameters())

    def train(self, mode: bool = True) -> GivenEncoder:
        """Frozen statistics stay as they are."""
        return super().train(mode and not self.is_frozen)

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, S, S) -> (B, M, h, w)."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
            features = self.module(images)
        shape = tuple(features.shape) if isinstance(features, Tensor) else type(features).__name__
        if not isinstance(features, Tensor) or features.ndim not in (2, 4):
            raise ShapeError(
                f"the encoder returned {shape} for images {tuple(images.shape)}, but (B, M) or "
                f"(B, M, h, w) was expected."
            )
        if len(features) != len(images):
            raise ShapeError(
                f"the encoder returned {shape} for images {tuple(images.shape)}: one row an image "
                f"was expected."
            )
        return features[:, :, None, None] if features.ndim == 2 else features


class Augment(nn.Module):
    """In training, images a little to the side, or mirrored; unchanged in eval mode.

    shift: the largest shift, in pixels, drawn for each image and direction; what moves in repeats
    the border. flip: whether each image is mirrored left to right with probability 1/2.
    """

    def __init__(self, *, shift: int = 0, flip: bool = False) -> None:
        super().__init__()
        self.shift, self.flip = shift, flip

    def forward(self, images: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W)."""
        if not self.training:
            return images
        if self.flip:
            mirrored = torch.rand(len(images), device=images.device) < 0.5
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        return self._shifted(images) if self.shift else images

    def _shifted(self, images: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padded = F.pad(images, (self.shift,) * 4, mode="replicate")
        corners = torch.randint(2 * self.shift + 1, (len(images), 2)).tolist()
        return torch.stack(
            [
                image[:, top : top + height, left : left + width]
                for image, (top, left) in zip(padded, corners, strict=True)
            ]
        )


def _groups(width: int) -> int:
    """The most groups, up to 8, that a width can be cut into."""
    return next(groups for groups in (8, 4, 2, 1) if width % groups == 0)
