"""Where to look in the source: a weight for each of its steps, and their weighted mean."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from rnnkit.errors import ShapeError, check_option
from rnnkit.networks import layers
from rnnkit.networks.memory import Memory

__all__ = ["ATTENTIONS", "AdditiveAttention", "MultiplicativeAttention", "build_attention"]


class _Attention(nn.Module, ABC):
    """context = sum_s a_s m_s with a = softmax(score(q, k_s)) over the valid steps s."""

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__()
        self.query_size, self.memory_size = query_size, memory_size

    @abstractmethod
    def keys(self, memory: Tensor) -> Tensor:
        """memory: (B, S, M) -> what `forward` compares queries with, computed once a sentence."""

    @abstractmethod
    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """query: (B, L, Q); keys: from `keys` -> (B, L, S)."""

    def memory_of(self, values: Tensor, mask: Tensor) -> Memory:
        """values: (B, S, M) encoded sources; mask: (B, S) their valid steps."""
        return Memory(values, self.keys(values), mask)

    def forward(self, query: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """query: (B, L, Q), L of them a sentence.

        Returns context (B, L, M) and weights (B, L, S), which are 0 where the mask is False.
        """
        values, keys, mask = memory
        if query.shape[0] != values.shape[0] or mask.shape != values.shape[:2]:
            raise ShapeError(
                f"query {tuple(query.shape)}, memory {tuple(values.shape)} and mask "
                f"{tuple(mask.shape)} do not belong together: expected (B, L, Q), (B, S, M), "
                f"(B, S)."
            )
        scores = torch.where(mask.unsqueeze(1), self.score(query, keys), float("-inf"))
        weights = torch.softmax(scores, dim=-1)
        return torch.bmm(weights, values), weights


class AdditiveAttention(_Attention):
    """score = v^T tanh(W q + U m_s).

    Source: Bahdanau, Cho & Bengio 2015, appendix A.1.2.
    """

    def __init__(self, query_size: int, memory_size: int, attention_size: int | None = None):
        super().__init__(query_size, memory_size)
        size = attention_size or query_size
        self.query = layers.Linear(query_size, size, bias=False)
        self.memory = layers.Linear(memory_size, size, bias=False)
        self.energy = layers.Linear(size, 1, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """U m_s, (B, S, A)."""
        projected: Tensor = self.memory(memory)
        return projected

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """(B, L, S)."""
        # One query at a time: all at once would need L * S * A numbers a sentence in one piece.
        rows = [self.energy(torch.tanh(q + keys)) for q in self.query(query).split(1, dim=1)]
        return torch.cat(rows, dim=-1).transpose(1, 2)  # (B, S, L) -> (B, L, S)


class MultiplicativeAttention(_Attention):
    """score = q^T W m_s ("general").

    Source: Luong, Pham & Manning 2015, section 3.1.
    """

    def __init__(self, query_size: int, memory_size: int) -> None:
        super().__init__(query_size, memory_size)
        self.memory = layers.Linear(memory_size, query_size, bias=False)

    def keys(self, memory: Tensor) -> Tensor:
        """W m_s, (B, S, Q)."""
        projected: Tensor = self.memory(memory)
        return projected

    def score(self, query: Tensor, keys: Tensor) -> Tensor:
        """(B, L, S)."""
        return torch.bmm(query, keys.transpose(1, 2))


ATTENTIONS = {"additive": AdditiveAttention, "multiplicative": MultiplicativeAttention}


def build_attention(name: str, query_size: int, memory_size: int) -> _Attention:
    """The attention of that name: "additive" or "multiplicative"."""
    check_option("attention", name, ATTENTIONS)
    attention: _Attention = ATTENTIONS[name](query_size, memory_size)
    return attention
