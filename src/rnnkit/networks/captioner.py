"""One to many: an image to a sentence."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnnkit.networks.decoders import AttentionDecoder, DecoderState
from rnnkit.networks.dropout import LockedDropout
from rnnkit.networks.images import Augment, ConvEncoder, GivenEncoder
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
        """Memory (B, S, M) and mask (B, S) in the caller's order, and the grid (h, w) or (S,)."""
        if isinstance(images, Packed):
            layout = images.layout
            memory = layout.pad(images.data).transpose(0, 1)[layout.inverse]
            mask = layout.mask[layout.inverse]
            grid: tuple[int, ...] = (layout.num_steps,)
        else:
            places = self._places(images)
            grid = tuple(places.shape[2:])
            memory = places.flatten(2).transpose(1, 2)  # (B, M, h, w) -> (B, S, M)
            mask = torch.ones(memory.shape[:2], dtype=torch.bool)
        if self.training and self.dropout.p:
            memory = memory * self.dropout.mask(len(memory), memory[:, 0]).unsqueeze(1)
        return memory, mask, grid

    def _places(self, images: Tensor) -> Tensor:
        if self.augment is not None:
            images = self.augment(images)
        places: Tensor = images if self.encoder is None else self.encoder(images)
        return places

    def encode(self, images: Tensor | Packed, *, rows: Tensor | None = None) -> DecoderState:
        """The decoder's first state.

        images: (B, C, S, S), or packed features. rows: (R,) the image of each of the state's rows,
        of which several may share one; None is one row an image, in the caller's order.
        """
        memory, mask, _ = self.features(images)
        return self._start(memory, mask, rows)

    def _start(self, memory: Tensor, mask: Tensor, rows: Tensor | None) -> DecoderState:
        state = self.decoder.start(self._summary(memory, mask), memory, mask)
        # Only now, so that the attention's keys are computed once an image.
        return state if rows is None else _rows(state, rows)

    def _summary(self, memory: Tensor, mask: Tensor) -> Tensor:
        if self.summary == "places":
            return memory.flatten(1)
        return (memory * mask.unsqueeze(2)).sum(dim=1) / mask.sum(dim=1, keepdim=True)

    def forward(self, images: Tensor | Packed, *, rows: Tensor, inputs: Packed) -> Tensor:
        """Teacher forcing: (N, V) logits after each of the packed `inputs`.

        rows: (R,) the image of each caption, in the caller's order.
        """
        state = self.encode(images, rows=rows[inputs.layout.order])
        logits: Tensor = self.decoder(inputs, state)
        return logits

    def attended(
        self, images: Tensor | Packed, *, rows: Tensor, inputs: Packed
    ) -> tuple[Tensor, tuple[int, ...]]:
        """Where each of the steps of `forward` looks, (N, S), and the grid (h, w) or (S,)."""
        memory, mask, grid = self.features(images)
        state = self._start(memory, mask, rows[inputs.layout.order])
        return self.decoder.align(inputs, state), grid

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, DecoderState]:
        """One step of search: (R,) tokens -> (R, V) log-probabilities, new state."""
        return self.decoder.step(tokens, state)


def _rows(state: Any, rows: Tensor) -> Any:
    if isinstance(state, Tensor):
        return state.index_select(0, rows)
    parts = [_rows(part, rows) for part in state]
    return DecoderState(*parts) if isinstance(state, DecoderState) else tuple(parts)
