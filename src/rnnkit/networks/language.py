"""The network of a language model: what comes next after each token."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit.cells import Linear
from rnnkit.errors import OptionError
from rnnkit.nest import Nest, map_arrays
from rnnkit.networks.embeddings import TokenEmbedding
from rnnkit.networks.encoders import RecurrentEncoder, WindowEncoder
from rnnkit.packed import Layout, Packed

__all__ = ["LanguageNetwork", "rows_first"]

State: TypeAlias = Nest[Tensor]
"""Of the encoder, (..., B, F)."""


class LanguageNetwork(nn.Module):
    """p(x_{t+1} | x_1..x_t) = softmax(E P h_t + b), h_t from an encoder that reads forward only.

    tied: E is the table of the input embedding (Press & Wolf 2017); P brings the encoder's output
    to its size, and is left out where they are of one size. Otherwise E is a matrix of its own, and
    there is no P.

    embedding and encoder are those of the other tasks' networks, so that their weights can go
    there.
    """

    def __init__(
        self,
        embedding: TokenEmbedding,
        encoder: RecurrentEncoder | WindowEncoder,
        *,
        tied: bool = True,
    ) -> None:
        super().__init__()
        self.embedding, self.encoder = embedding, encoder
        table, size = embedding.tables[0], encoder.output_size
        if not isinstance(table, nn.Embedding) or len(embedding.tables) > 1:
            raise OptionError("the embedding of a language model has one table: give one size.")
        self.projection: nn.Module = nn.Identity()
        if tied and size != embedding.embedding_size:
            self.projection = Linear(size, embedding.embedding_size, bias=False)
        self.output = Linear(embedding.embedding_size if tied else size, table.num_embeddings)
        nn.init.zeros_(self.output.bias)
        if tied:
            # Every row of the table has a gradient from the output: a sparse one saves nothing.
            table.sparse = False
            self.output.weight = table.weight

    def forward(self, x: Packed, state: State = None) -> tuple[Tensor, State]:
        """x: (N, 1) ids -> logits (N, V) of the ids that follow, in packed order, and the state.

        state: what an earlier call returned, for the same sequences in sorted order; None: zeros.
        """
        output, state = self.read(x, state)
        logits: Tensor = self.output(self.projection(output.data))
        return logits, state

    def read(self, x: Packed, state: State = None) -> tuple[Packed, State]:
        """As a call, without saying anything: h_t (N, H), and the state."""
        read: tuple[Packed, State] = self.encoder.run(x.with_data(self.embedding(x.data)), state)
        return read

    @torch.no_grad()
    def step(self, tokens: np.ndarray, state: State) -> tuple[np.ndarray, State]:
        """One step of a search: (R,) tokens -> (R, V) log-probabilities, new state.

        state: with the R rows in dimension 0, as `rows_first` makes it of another.
        """
        x = Packed(torch.from_numpy(tokens)[:, None], Layout([1] * len(tokens)))
        logits, after = self(x, rows_first(state))
        return torch.log_softmax(logits, dim=-1).numpy(), rows_first(after)

    @torch.no_grad()
    def log_probs(self, x: Packed, targets: Tensor, *, steps: int) -> Tensor:
        """(N,) float64 log-probability of each target, in packed order, window by window.

        steps: of a window, which bounds the memory; the result does not depend on it.
        """
        layout, parts = x.layout, []
        state: State = None
        for begin in range(0, layout.num_steps, steps):
            end = min(begin + steps, layout.num_steps)
            rows = layout.rows(begin, end)
            window = Packed(x.data[rows], layout.between(begin, end))
            logits, state = self(window, _first(state, window.layout.num_sequences))
            chosen = logits.gather(1, targets[rows, None])[:, 0]
            parts.append(chosen.double() - logits.logsumexp(dim=1).double())
        return torch.cat(parts)


def rows_first(state: State) -> State:
    """A state (..., B, F) with B in dimension 0, or such a one as it was before."""
    return map_arrays(lambda tensor: tensor.transpose(0, 1).contiguous(), state)


def _first(state: State, count: int) -> State:
    """The state of the sequences that are still running, which stand first; (..., B, F)."""
    return map_arrays(lambda tensor: tensor[..., :count, :], state)
