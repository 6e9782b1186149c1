"""Ids to vectors: tokens with their hashed neighbors, and words from their characters."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from rnnkit import randomness
from rnnkit.errors import ShapeError
from rnnkit.networks import layers
from rnnkit.networks.dropout import check_probability
from rnnkit.networks.encoders import build_encoder
from rnnkit.networks.pooling import Pooled
from rnnkit.packed import Packed
from rnnkit.reserved import UNKNOWN

__all__ = ["CharacterEmbedding", "TokenEmbedding", "WordEmbedding"]

# From this many rows on an embedding's gradient is sparse, so that a step touches only the rows
# of its own tokens. Below it one dense update is cheaper than the bookkeeping.
SPARSE_FROM = 4096


class TokenEmbedding(nn.Module):
    """The sum of the vectors of a step's ids, one table a column.

    e_t = sum_c E_c[id_{t,c}], as fastText sums the vectors of a word and of its n-grams
    (Bojanowski et al. 2017, equation 1).

    sizes: the number of indices of each column.
    rare_dropout: in training, the probability that a rare token (see `set_rare`) is read as
        unknown, so that the vector of the unknown token learns what unknown tokens are like.
    """

    is_rare: Tensor

    def __init__(
        self,
        sizes: Sequence[int],
        embedding_size: int,
        *,
        rare_dropout: float = 0.0,
    ) -> None:
        super().__init__()
        check_probability("rare_dropout", rare_dropout)
        self.embedding_size = embedding_size
        self.rare_dropout = rare_dropout
        self.tables = nn.ModuleList(
            layers.Embedding(size, embedding_size, sparse=size >= SPARSE_FROM) for size in sizes
        )
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1, generator=randomness.current())  # type: ignore[arg-type]
        self.register_buffer("is_rare", torch.zeros(sizes[0], dtype=torch.bool), persistent=False)

    def set_rare(self, indices: Sequence[int]) -> None:
        """Say which indices of column 0 training saw once."""
        self.is_rare.zero_()
        self.is_rare[list(indices)] = True

    def forward(self, ids: Tensor) -> Tensor:
        """ids: (..., C) int64 -> (..., embedding_size)."""
        if ids.shape[-1] != len(self.tables):
            raise ShapeError(
                f"ids has {ids.shape[-1]} columns (shape {tuple(ids.shape)}), but this embedding "
                f"has {len(self.tables)} tables."
            )
        tokens = self._forget_some(ids[..., 0])
        total: Tensor = self.tables[0](tokens)
        for column, table in enumerate(self.tables):
            if column:
                total = total + table(ids[..., column])
        return total

    def _forget_some(self, tokens: Tensor) -> Tensor:
        if not self.training or self.rare_dropout == 0.0:
            return tokens
        forget = randomness.rand(*tokens.shape, device=tokens.device) < self.rare_dropout
        return torch.where(self.is_rare[tokens] & forget, UNKNOWN, tokens)


class CharacterEmbedding(nn.Module):
    """A word's vector from its characters: what each direction of a recurrent network ends with.

    cell: as in `RecurrentEncoder`; "none" takes the maximum over windows of three characters
    instead (a convolution, dos Santos & Zadrozny 2014), so that the contrast has no recurrence
    anywhere.
    Source: Ling et al. 2015, "Finding Function in Form", equation 4.
    """

    def __init__(
        self,
        num_characters: int,
        character_size: int,
        hidden_size: int,
        *,
        cell: str = "lstm",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.table = TokenEmbedding([num_characters], character_size)
        encoder = build_encoder(
            cell,
            character_size,
            hidden_size,
            num_layers=1,
            bidirectional=True,
            dropout=dropout,
            recurrent_dropout=0.0,
            window=1,
        )
        self.body = Pooled(encoder, "max" if cell == "none" else "last")
        self.embedding_size = self.body.output_size

    def forward(self, characters: Packed) -> Tensor:
        """characters: (N, 1) ids of M words -> (M, embedding_size), in sorted order."""
        vectors: Tensor = self.body(characters.with_data(self.table(characters.data)))
        return vectors


class WordEmbedding(nn.Module):
    """A word's own vector beside the one that its characters give.

    Source: Plank et al. 2016, "Multilingual Part-of-Speech Tagging with Bidirectional LSTMs".
    """

    def __init__(self, words: TokenEmbedding, characters: CharacterEmbedding) -> None:
        super().__init__()
        self.words = words
        self.characters = characters
        self.embedding_size = words.embedding_size + characters.embedding_size

    def set_rare(self, indices: Sequence[int]) -> None:
        """See `TokenEmbedding.set_rare`."""
        self.words.set_rare(indices)

    def forward(self, ids: Tensor, characters: Packed, spelling: Tensor) -> Tensor:
        """ids: (N, C); characters: the M distinct words; spelling: (N,) each row's word of them."""
        spelled = self.characters(characters).index_select(0, spelling)
        return torch.cat([self.words(ids), spelled], dim=-1)
