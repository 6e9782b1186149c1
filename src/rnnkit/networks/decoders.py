"""A target sequence, one token at a time, looking back at the source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias, cast

import torch
from torch import Tensor, nn

from rnnkit import randomness
from rnnkit.bptt import Checkpointed, Full, Policy, Run, in_segments, unroll
from rnnkit.cells import Cell, build_cell
from rnnkit.errors import check_option
from rnnkit.nest import map_arrays
from rnnkit.networks import layers
from rnnkit.networks.attention import build_attention
from rnnkit.networks.dropout import LockedDropout
from rnnkit.networks.encoders import windows
from rnnkit.networks.memory import Groups, Memory
from rnnkit.packed import Packed
from rnnkit.recurrence import NO_CELL, cell_choices

__all__ = ["AttentionDecoder", "DecoderState", "WindowCell"]


class WindowCell(nn.Module):
    """The feed-forward contrast of a cell: sees its last `steps` inputs and nothing before them.

    y_t = relu(W [x_{t-steps+1}; ...; x_t] + b). Its state is those inputs.
    Source: the neural language model of Bengio et al. 2003.
    """

    def __init__(self, input_size: int, hidden_size: int, *, steps: int) -> None:
        super().__init__()
        self.before, self.state_size = steps - 1, (steps - 1) * input_size
        self.hidden = layers.Linear(steps * input_size, hidden_size)

    def forward(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """x: (B, input_size); state: one (B, (steps - 1) * input_size)."""
        seen = torch.cat([state[0], x], dim=-1)
        return torch.relu(self.hidden(seen)), (seen[:, x.shape[-1] :],)

    def begin(self, h: Tensor) -> tuple[Tensor, ...]:
        """The state before the first step: zeros, whatever h is."""
        return (h.new_zeros(h.shape[0], self.state_size),)

    def advance(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, tuple[Tensor, ...]]:
        """A call."""
        output, after = self(x, state)
        return output, after

    def run(self, x: Packed, state: tuple[Tensor, ...]) -> Packed:  # noqa: ARG002 - a cell's
        """All steps at once, from a state of zeros."""
        return x.with_data(torch.relu(self.hidden(windows(x, before=self.before, after=0))))


Layers: TypeAlias = tuple[tuple[Tensor, ...], ...]
"""The state tensors of each layer's cell."""

Carried: TypeAlias = tuple[Layers, Tensor]
"""What goes from step to step in teacher forcing: layers and feed."""


class DecoderState(NamedTuple):
    """What moves from step to step: a nest of tensors with R rows each.

    layers: of each layer's cell. feed: (R, E) the last attentional vector.
    sentence: (R,) int64, the row of the `Memory` that each looks at.
    """

    layers: Layers
    feed: Tensor
    sentence: Tensor

    def first(self, count: int) -> DecoderState:
        """The first rows, without a copy."""
        if count == len(self.sentence):
            return self
        return map_arrays(lambda tensor: tensor[:count], self)

    def rows(self, index: Tensor) -> DecoderState:
        """The rows at `index`, repeats allowed."""
        return map_arrays(lambda tensor: tensor.index_select(0, index), self)


class AttentionDecoder(nn.Module):
    """Recurrent decoder with attention, input feeding and (tied) output embeddings.

    s_t = cell([E y_{t-1}; a_{t-1}], s_{t-1});  c_t = attention(s_t, source)
    a_t = tanh(W [c_t; s_t]);  p(y_t) = softmax(E a_t + b)
    Source: Luong, Pham & Manning 2015, sections 3 and 3.3 (input feeding); Press & Wolf 2017
    (one matrix E for input and output).

    cell: "rnn", "rnn-relu", "gru", "lstm", or "none" (a window of `window` inputs, without input
    feeding).
    summary_size: of the vector that the first state is made of; None is `memory_size`.
    scheduled_sampling: in training, the probability that an input token after the first is the one
    that the network itself finds most probable after the tokens before, instead of the given one.
    It may be set anew at any time. All steps are read twice, first without a gradient to see what
    the network would say after the given tokens (Mihaylova & Martins 2019, "Scheduled Sampling for
    Transformers"; Bengio et al. 2015 replace token after token).
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_size: int,
        hidden_size: int,
        memory_size: int,
        *,
        cell: str = "lstm",
        num_layers: int = 1,
        attention: str = "additive",
        input_feeding: bool = True,
        tied: bool = True,
        dropout: float = 0.0,
        window: int = 3,
        scheduled_sampling: float = 0.0,
        summary_size: int | None = None,
    ) -> None:
        super().__init__()
        check_option("cell", cell, cell_choices())
        self.cell, self.hidden_size = cell, hidden_size
        self.input_feeding = input_feeding and cell != NO_CELL
        self.bptt: Policy = Full()  # see `rnnkit.cells.set_bptt`
        self.embedding = layers.Embedding(vocabulary_size, embedding_size)
        nn.init.normal_(self.embedding.weight, std=0.1, generator=randomness.current())
        first = embedding_size + (embedding_size if self.input_feeding else 0)
        self.cells = nn.ModuleList(
            self._cell(hidden_size if layer else first, window) for layer in range(num_layers)
        )
        self.bridge = layers.Linear(summary_size or memory_size, num_layers * hidden_size)
        self.attention = build_attention(attention, hidden_size, memory_size)
        self.combine = layers.Linear(memory_size + hidden_size, embedding_size)
        self.output = layers.Linear(embedding_size, vocabulary_size)
        if tied:
            self.output.weight = self.embedding.weight
        self.dropout = LockedDropout(dropout)
        self.scheduled_sampling = scheduled_sampling

    def _cell(self, input_size: int, window: int) -> Cell | WindowCell:
        if self.cell == NO_CELL:
            return WindowCell(input_size, self.hidden_size, steps=window)
        return build_cell(self.cell, input_size, self.hidden_size)

    def start(self, summary: Tensor, values: Tensor, mask: Tensor) -> tuple[Memory, DecoderState]:
        """The memory of B encoded sources, and the first state: a row a source.

        summary: (B, summary_size) each source as one vector; values: (B, S, M) its encoded steps;
        mask: (B, S) the valid ones.
        """
        first = torch.tanh(self.bridge(summary)).chunk(len(self.cells), dim=-1)
        state = DecoderState(
            layers=tuple(cell.begin(h) for cell, h in zip(self._layers, first, strict=True)),
            feed=summary.new_zeros(len(summary), self.combine.out_features),
            sentence=torch.arange(len(summary), device=summary.device),
        )
        return self.attention.memory_of(values, mask), state

    @property
    def _layers(self) -> Sequence[Cell | WindowCell]:
        return cast("Sequence[Cell | WindowCell]", self.cells)

    def step(
        self, tokens: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[Tensor, DecoderState]:
        """tokens: (R,) the last ones -> (R, V) log-probabilities of the next, new state."""
        state, _ = self._advance(self.embedding(tokens), memory, state)
        return torch.log_softmax(self.output(state.feed), dim=-1), state

    def forward(self, inputs: Packed, memory: Memory, state: DecoderState) -> Tensor:
        """Teacher forcing: logits (N, V) after each input token.

        inputs: (N,) ids, the start token first in each; memory, state: from `start`, with a row of
        the state for each sequence of `inputs` in the caller's order. In training some tokens are
        the network's own, with `scheduled_sampling`.
        """
        memory, state = _lined_up(inputs, memory, state)
        if self.training and self.scheduled_sampling > 0.0:
            inputs = self._with_own_tokens(inputs, memory, state)
        embedded = self.dropout(inputs.with_data(self.embedding(inputs.data)))
        logits: Tensor = self.output(self.dropout(self._run(embedded, memory, state)).data)
        return logits

    @torch.no_grad()
    def align(self, inputs: Packed, memory: Memory, state: DecoderState) -> Tensor:
        """Where it looks, (N, S): the attention weights after each input token, as in `forward`.

        Rows sum to 1, and are 0 past the end of their source.
        """
        memory, state = _lined_up(inputs, memory, state)
        rows = []
        for tokens in torch.split(inputs.data, inputs.layout.batch_sizes.tolist()):
            running = len(tokens)
            state, weights = self._advance(
                self.embedding(tokens), memory.first(running), state.first(running)
            )
            rows.append(weights)
        return torch.cat(rows)

    @torch.no_grad()
    def _with_own_tokens(self, inputs: Packed, memory: Memory, state: DecoderState) -> Packed:
        """Inputs of which a share, drawn token by token, is what the network itself would say."""
        embedded = inputs.with_data(self.embedding(inputs.data))
        said = self.output(self._run(embedded, memory, state).data).argmax(dim=-1)
        before, inside = inputs.layout.shifted(-1)
        chance = randomness.rand(len(inputs.data), device=inputs.data.device)
        drawn = chance < self.scheduled_sampling
        return inputs.with_data(torch.where(inside & drawn, said[before], inputs.data))

    def _run(self, embedded: Packed, memory: Memory, state: DecoderState) -> Packed:
        """Attentional vectors (N, E), of a memory and a state that are lined up."""
        if self.input_feeding:
            return self._run_feeding(embedded, memory, state)
        return self._run_at_once(embedded, memory, state)

    def _run_feeding(self, embedded: Packed, memory: Memory, state: DecoderState) -> Packed:
        """Attentional vectors (N, E), step by step: each needs the one before."""
        steps = torch.split(embedded.data, embedded.layout.batch_sizes.tolist())
        sizes = [len(x) for x in steps]

        def run(begin: int, end: int, before: Carried) -> tuple[Tensor, Carried]:
            now = state._replace(layers=before[0], feed=before[1])
            feeds = []
            for x in steps[begin:end]:
                now, _ = self._advance(x, memory.first(len(x)), now.first(len(x)))
                feeds.append(now.feed)
            return torch.cat(feeds), (now.layers, now.feed)

        def narrow(feeds: Tensor, begin: int, end: int, first: int) -> Tensor:
            return feeds[sum(sizes[begin:first]) : sum(sizes[begin:end])]

        # What goes from step to step is cut as the policy says; the source is seen from every step.
        carried = (state.layers, state.feed)
        walker: Run[Carried, Tensor] = run
        if isinstance(self.bptt, Checkpointed) and torch.is_grad_enabled():
            walker = in_segments(self.bptt, run, len(steps), carried)
        walk = unroll(self.bptt.windows(len(steps)), walker, carried, narrow=narrow)
        return embedded.with_data(torch.cat([one.output for _, part, _ in walk for one in part]))

    def _run_at_once(self, embedded: Packed, memory: Memory, state: DecoderState) -> Packed:
        """Attentional vectors (N, E) without input feeding: the recurrence, then all attention."""
        x = embedded
        for cell, before in zip(self._layers, state.layers, strict=True):
            x = cell.run(x, before)
        queries = x.layout.pad(x.data).transpose(0, 1)  # (T, B, H) -> (B, T, H)
        context, _ = self.attention(queries, memory)
        return x.with_data(self._combine(x.layout.unpad(context.transpose(0, 1)), x.data))

    def _advance(
        self, embedded: Tensor, memory: Memory, state: DecoderState
    ) -> tuple[DecoderState, Tensor]:
        """One step. embedded: (R, E) -> the new state, whose feed is the attentional vector, and
        the attention weights (R, S)."""
        x = torch.cat([embedded, state.feed], dim=-1) if self.input_feeding else embedded
        layers = []
        for cell, before in zip(self._layers, state.layers, strict=True):
            x, after = cell.advance(x, before)
            layers.append(after)
        groups = Groups(state.sentence, len(memory.mask))
        context, weights = map(groups.ungroup, self.attention(groups.group(x), memory))
        feed = self._combine(context, x)
        return state._replace(layers=tuple(layers), feed=feed), weights

    def _combine(self, context: Tensor, hidden: Tensor) -> Tensor:
        return torch.tanh(self.combine(torch.cat([context, hidden], dim=-1)))


def _lined_up(inputs: Packed, memory: Memory, state: DecoderState) -> tuple[Memory, DecoderState]:
    """A memory and a state with a row for each sequence of `inputs`, in its sorted order.

    The sequences that are still running are then the first rows of both. The memory is copied once
    for all steps.
    """
    state = state.rows(inputs.layout.order)
    own = torch.arange(len(state.sentence), device=state.sentence.device)
    return memory.rows(state.sentence), state._replace(sentence=own)
