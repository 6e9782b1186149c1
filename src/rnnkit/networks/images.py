"""Images to features: a convolutional encoder, augmentation, and encoders that users bring."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from rnnkit.cells import Linear
from rnnkit.errors import ShapeError
from rnnkit.packed import Packed

__all__ = ["Augment", "ConvEncoder", "FrameEmbedding", "GivenEncoder"]

# A grid of features is halved down to this many places a side, or fewer.
GRID = 7
SMALLEST_WIDTH = 16

# Frames that are encoded together where no graph is made.
AT_ONCE = 256


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
    grid: (h, w), places.

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
        self.output_size, self.grid = output_size, (side, side)
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
    parameter to train is run in eval mode always, and without a graph. grid: (h, w), places.
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
        self.output_size = int(found.shape[1])
        self.grid = (int(found.shape[2]), int(found.shape[3]))

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

    def forward(self, images: Tensor, group: Tensor | None = None) -> Tensor:
        """(B, C, H, W) -> (B, C, H, W).

        group: (B,) whose image each is, such as a video's: those of one are moved and mirrored
        alike; None draws for each image.
        """
        if not self.training:
            return images
        if group is None:
            group = torch.arange(len(images))
        count = int(group.max()) + 1
        if self.flip:
            mirrored = (torch.rand(count) < 0.5)[group]
            images = torch.where(mirrored[:, None, None, None], images.flip(-1), images)
        if self.shift:
            images = self._shifted(images, torch.randint(2 * self.shift + 1, (count, 2))[group])
        return images

    def _shifted(self, images: Tensor, corners: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        padded = F.pad(images, (self.shift,) * 4, mode="replicate")
        return torch.stack(
            [
                image[:, top : top + height, left : left + width]
                for image, (top, left) in zip(padded, corners.tolist(), strict=True)
            ]
        )


class FrameEmbedding(nn.Module):
    """A vector for each frame of videos: the features of all its places, projected.

    e_t = relu(W norm([f_1; ...; f_P]) + b), f_p the M features of place p of P = h w. All places
    are kept apart, since it matters where in the picture something is; a mean over them would not
    tell. norm: layer normalization (Ba et al. 2016), as given encoders have features of any scale.

    scale: what brings frames to numbers around 0, as `ImageVectorizer.scaled` does: they come as
    bytes, which are a quarter of that. Where no graph is made, some frames are encoded at a time,
    so that long videos need little memory.

    >>> from rnnkit.packed import Packed
    >>> video = torch.zeros(5, 1, 8, 8, dtype=torch.uint8)
    >>> embedding = FrameEmbedding(ConvEncoder(1, 8, 16), 12, scale=lambda x: x / 255.0)
    >>> embedding(Packed.from_sequences([video])).data.shape
    torch.Size([5, 12])
    """

    def __init__(
        self,
        encoder: ConvEncoder | GivenEncoder,
        embedding_size: int,
        *,
        scale: Callable[[Tensor], Tensor],
        augment: Augment | None = None,
    ) -> None:
        super().__init__()
        self.embedding_size = embedding_size
        self.encoder, self.augment, self.scale = encoder, augment, scale
        features = encoder.output_size * math.prod(encoder.grid)
        self.norm, self.project = nn.LayerNorm(features), Linear(features, embedding_size)

    def forward(self, frames: Packed) -> Packed:
        """frames: (N, C, S, S) -> (N, embedding_size)."""
        videos = frames.layout.sequence_of_row
        if torch.is_grad_enabled():
            return frames.with_data(self._vectors(frames.data, videos))
        pieces = zip(torch.split(frames.data, AT_ONCE), torch.split(videos, AT_ONCE), strict=True)
        return frames.with_data(torch.cat([self._vectors(*piece) for piece in pieces]))

    def _vectors(self, frames: Tensor, videos: Tensor) -> Tensor:
        images = self.scale(frames)
        if self.augment is not None:
            images = self.augment(images, videos)
        places: Tensor = self.encoder(images)
        features = self.norm(places.flatten(1))  # (N, M, h, w) -> (N, M h w)
        return torch.relu(self.project(features))


def _groups(width: int) -> int:
    """The most groups, up to 8, that a width can be cut into."""
    return next(groups for groups in (8, 4, 2, 1) if width % groups == 0)
