"""The network of a language model: what comes next after each token."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from rnnkit.cells import Linear
from rnnkit.errors import OptionError
from rnnkit.nest import map_arrays
from rnnkit.networks.embeddings import TokenEmbedding
from rnnkit.networks.encoders import RecurrentEncoder, WindowEncoder
from rnnkit.packed import Layout, Packed

__all__ = ["LanguageNetwork", "rows_first"]


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

    def forward(self, x: Packed, state: Any = None) -> tuple[Tensor, Any]:
        """x: (N, 1) ids -> logits (N, V) of the ids that follow, in packed order, and the state.

        state: what an earlier call returned, for the same sequences in sorted order; None: zeros.
        """
        output, state = self.read(x, state)
        logits: Tensor = self.output(self.projection(output.data))
        return logits, state

    def read(self, x: Packed, state: Any = None) -> tuple[Packed, Any]:
        """As a call, without saying anything: h_t (N, H), and the state."""
        read: tuple[Packed, Any] = self.encoder.run(x.with_data(self.embedding(x.data)), state)
        return read

    def step(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """One step of a search: (R,) tokens -> (R, V) log-probabilities, new state.

        state: with the R rows in dimension 0, as `rows_first` makes it of another.
        """
        x = Packed(tokens[:, None], Layout([1] * len(tokens)))
        logits, state = self(x, rows_first(state))
        return torch.log_softmax(logits, dim=-1), rows_first(state)

    @torch.no_grad()
    def log_probs(self, x: Packed, targets: Tensor, *, steps: int) -> Tensor:
        """(N,) float64 log-probability of each target, in packed order, window by window.

        steps: of a window, which bounds the memory; the result does not depend on it.
        """
        layout, state, parts = x.layout, None, []
        for begin in range(0, layout.num_steps, steps):
            end = min(begin + steps, layout.num_steps)
            rows = layout.rows(begin, end)
            window = Packed(x.data[rows], layout.between(begin, end))
            logits, state = self(window, _first(state, window.layout.num_sequences))
            chosen = logits.gather(1, targets[rows, None])[:, 0]
            parts.append(chosen.double() - logits.logsumexp(dim=1).double())
        return torch.cat(parts)


def rows_first(state: Any) -> Any:
    """A state (..., B, F) with B in dimension 0, or such a one as it was."""
    return map_arrays(lambda tensor: tensor.transpose(0, 1).contiguous(), state)


def _first(state: Any, count: int) -> Any:
    """The state of the sequences that are still running, which stand first; (..., B, F)."""
    return map_arrays(lambda tensor: tensor[..., :count, :], state)
