"""The networks of the tasks: embedding, encoder, and what turns states into answers."""

from __future__ import annotations

from torch import Tensor, nn

from rnnkit.cells import Linear
from rnnkit.nest import Nest
from rnnkit.networks import layers
from rnnkit.networks.crf import ConditionalRandomField
from rnnkit.networks.decoders import AttentionDecoder, DecoderState
from rnnkit.networks.embeddings import TokenEmbedding, WordEmbedding
from rnnkit.networks.encoders import RecurrentEncoder, WindowEncoder
from rnnkit.networks.images import FrameEmbedding
from rnnkit.networks.memory import Memory
from rnnkit.networks.pooling import FixedWindow, Pooled
from rnnkit.packed import Packed

__all__ = ["ClassifierNetwork", "TaggerNetwork", "TranslatorNetwork", "count_parameters"]


class ClassifierNetwork(nn.Module):
    """Many to one: a sequence to the logits of its class.

    embedding: a WordEmbedding takes `characters` and `spelling` too; None for numbers.
    """

    def __init__(
        self,
        embedding: WordEmbedding | TokenEmbedding | None,
        body: Pooled | FixedWindow,
        num_classes: int,
        *,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.embedding, self.body = embedding, body
        self.dropout = layers.Dropout(dropout)
        self.head = Linear(body.output_size, num_classes)

    def forward(
        self, x: Packed, characters: Packed | None = None, spelling: Tensor | None = None
    ) -> Tensor:
        """x: (N, C) ids or (N, F) numbers -> (B, K) logits in the caller's order."""
        x = _embed(self.embedding, x, characters, spelling)
        logits: Tensor = self.head(self.dropout(self.body(x)))
        return logits.index_select(0, x.layout.inverse)


class TaggerNetwork(nn.Module):
    """Many to many, aligned: the logits of a label for each step.

    embedding: a WordEmbedding takes `characters` and `spelling` too, a FrameEmbedding frames of
    videos (N, C, S, S) for x; None for numbers.
    crf: takes the logits as its emissions; None where each step's label is independent of the
        others.
    """

    def __init__(
        self,
        embedding: WordEmbedding | TokenEmbedding | FrameEmbedding | None,
        encoder: RecurrentEncoder | WindowEncoder,
        num_classes: int,
        *,
        crf: ConditionalRandomField | None = None,
    ) -> None:
        super().__init__()
        self.embedding, self.encoder = embedding, encoder
        self.head = Linear(encoder.output_size, num_classes)
        self.crf = crf

    def forward(
        self, x: Packed, characters: Packed | None = None, spelling: Tensor | None = None
    ) -> Tensor:
        """x: (N, C) ids or (N, F) numbers -> (N, K) logits, in packed order."""
        x = _embed(self.embedding, x, characters, spelling)
        logits: Tensor = self.head(self.encoder(x).data)
        return logits

    def run(
        self,
        x: Packed,
        characters: Packed | None = None,
        spelling: Tensor | None = None,
        *,
        state: Nest[Tensor] = None,
    ) -> tuple[Tensor, Nest[Tensor]]:
        """The same from the encoder's state on, and the state after; see `RecurrentEncoder.run`."""
        output, after = self.encoder.run(_embed(self.embedding, x, characters, spelling), state)
        return self.head(output.data), after


class TranslatorNetwork(nn.Module):
    """Many to many, unaligned: encoder, attention, decoder."""

    def __init__(
        self,
        embedding: WordEmbedding | TokenEmbedding,
        encoder: RecurrentEncoder | WindowEncoder,
        decoder: AttentionDecoder,
    ) -> None:
        super().__init__()
        self.embedding, self.encoder, self.decoder = embedding, encoder, decoder

    def encode(
        self, source: Packed, characters: Packed | None = None, spelling: Tensor | None = None
    ) -> tuple[Memory, DecoderState]:
        """source: (N, C) ids -> their memory and the decoder's first state, in the caller's order.

        characters, spelling: of its distinct words, for a WordEmbedding.
        """
        output = self.encoder(_embed(self.embedding, source, characters, spelling))
        layout = source.layout
        values = layout.pad(output.data).transpose(0, 1)  # (S, B, M) -> (B, S, M)
        summary, rows = self.encoder.summary(output), layout.inverse
        return self.decoder.start(summary[rows], values[rows], layout.mask[rows])

    def forward(
        self,
        source: Packed,
        characters: Packed | None = None,
        spelling: Tensor | None = None,
        *,
        inputs: Packed,
    ) -> Tensor:
        """Teacher forcing: (N, V) logits after each of the packed target `inputs`."""
        logits: Tensor = self.decoder(inputs, *self.encode(source, characters, spelling))
        return logits

    def align(
        self,
        source: Packed,
        characters: Packed | None = None,
        spelling: Tensor | None = None,
        *,
        inputs: Packed,
    ) -> Tensor:
        """(N, S) attention weights after each of the packed target `inputs`."""
        return self.decoder.align(inputs, *self.encode(source, characters, spelling))


def _embed(
    embedding: nn.Module | None,
    x: Packed,
    characters: Packed | None = None,
    spelling: Tensor | None = None,
) -> Packed:
    """Ids to vectors, from their spelling too where the embedding asks for it."""
    if embedding is None:
        return x
    if isinstance(embedding, FrameEmbedding):
        frames: Packed = embedding(x)
        return frames
    if isinstance(embedding, WordEmbedding):
        return x.with_data(embedding(x.data, characters, spelling))
    return x.with_data(embedding(x.data))


def count_parameters(module: nn.Module) -> int:
    """Numbers that training can change, shared ones counted once."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)
