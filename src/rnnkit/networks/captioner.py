"""One to many: an image to a sentence."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnkit.networks.decoders import AttentionDecoder, DecoderState
from rnnkit.networks.dropout import LockedDropout
from rnnkit.networks.images import Augment, ConvEncoder, GivenEncoder
from rnnkit.networks.memory import Memory
from rnnkit.packed import Packed

__all__ = ["CaptionerNetwork"]


class CaptionerNetwork(nn.Module):
    """The features of an image's places, attention over them, and a decoder.

    encoder: None where features come, a packed (N, M) of each image's S places.
    summary: what the decoder's first state is made of, the "mean" of the places' features (B, M),
        or "places", all of them side by side (B, S M), which takes an S that is always the same.
    """

    def __init__(
        self,
        encoder: ConvEncoder | GivenEncoder | None,
        decoder: AttentionDecoder,
        *,
        augment: Augment | None = None,
        dropout: float = 0.0,
        summary: str = "mean",
    ) -> None:
        super().__init__()
        self.summary = summary
        self.augment, self.encoder, self.decoder = augment, encoder, decoder
        self.dropout = LockedDropout(dropout)

    def features(self, images: Tensor | Packed) -> tuple[Tensor, Tensor, tuple[int, ...]]:
        """Features (B, S, M) and mask (B, S) in the caller's order, and the grid (h, w) or (S,)."""
        if isinstance(images, Packed):
            layout = images.layout
            features = layout.pad(images.data).transpose(0, 1)[layout.inverse]
            mask = layout.mask[layout.inverse]
            grid: tuple[int, ...] = (layout.num_steps,)
        else:
            places = self._places(images)
            grid = tuple(places.shape[2:])
            features = places.flatten(2).transpose(1, 2)  # (B, M, h, w) -> (B, S, M)
            mask = torch.ones(features.shape[:2], dtype=torch.bool)
        if self.training and self.dropout.p:
            features = features * self.dropout.mask(len(features), features[:, 0]).unsqueeze(1)
        return features, mask, grid

    def _places(self, images: Tensor) -> Tensor:
        if self.augment is not None:
            images = self.augment(images)
        places: Tensor = images if self.encoder is None else self.encoder(images)
        return places

    def encode(self, images: Tensor | Packed) -> tuple[Memory, DecoderState]:
        """The images' memory and the decoder's first state, in the caller's order.

        images: (B, C, S, S), or packed features.
        """
        features, mask, _ = self.features(images)
        return self._start(features, mask)

    def _start(self, features: Tensor, mask: Tensor) -> tuple[Memory, DecoderState]:
        return self.decoder.start(self._summary(features, mask), features, mask)

    def _summary(self, features: Tensor, mask: Tensor) -> Tensor:
        if self.summary == "places":
            return features.flatten(1)
        return (features * mask.unsqueeze(2)).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def forward(self, images: Tensor | Packed, *, rows: Tensor, inputs: Packed) -> Tensor:
        """Teacher forcing: (N, V) logits after each of the packed `inputs`.

        rows: (R,) the image of each caption, in the caller's order; several may share one.
        """
        memory, state = self.encode(images)
        logits: Tensor = self.decoder(inputs, memory, state.rows(rows))
        return logits

    def attended(
        self, images: Tensor | Packed, *, rows: Tensor, inputs: Packed
    ) -> tuple[Tensor, tuple[int, ...]]:
        """Where each of the steps of `forward` looks, (N, S), and the grid (h, w) or (S,)."""
        features, mask, grid = self.features(images)
        memory, state = self._start(features, mask)
        return self.decoder.align(inputs, memory, state.rows(rows)), grid
