"""A decoder as a search calls it: numpy in, numpy out."""

from __future__ import annotations

import numpy as np
import torch

from rnnkit.networks.decoders import AttentionDecoder, DecoderState
from rnnkit.networks.memory import Memory

__all__ = ["DecoderStep"]


class DecoderStep:
    """The `step` of `rnnkit.decode`, over one memory: (R,) tokens -> (R, V) log-probabilities.

    The state that a search moves has a row a sequence and says which sentence it belongs to; the
    memory stays where it is. Only when half of the sentences have left are those that search still
    copied side by side, so that in a whole search no more is copied than the memory once.

    >>> decoder = AttentionDecoder(9, embedding_size=4, hidden_size=5, memory_size=6)
    >>> values, mask = torch.randn(2, 3, 6), torch.ones(2, 3, dtype=torch.bool)
    >>> memory, state = decoder.start(values.mean(dim=1), values, mask)
    >>> log_probs, state = DecoderStep(decoder, memory)(np.array([0, 0]), state)
    >>> log_probs.shape
    (2, 9)
    """

    def __init__(self, decoder: AttentionDecoder, memory: Memory) -> None:
        self._decoder, self._whole = decoder, memory
        self._hold(memory, np.arange(len(memory.mask)))

    @torch.no_grad()
    def __call__(self, tokens: np.ndarray, state: DecoderState) -> tuple[np.ndarray, DecoderState]:
        """One step of a search."""
        sentence = self._among_held(state.sentence.numpy())
        log_probs, after = self._decoder.step(
            torch.from_numpy(tokens), self._held, state._replace(sentence=sentence)
        )
        return log_probs.numpy(), after._replace(sentence=state.sentence)

    def _hold(self, memory: Memory, sentences: np.ndarray) -> None:
        """Work with the memory of these sentences, one a row."""
        self._held = memory
        self._place = np.full(len(self._whole.mask), -1)
        self._place[sentences] = np.arange(len(sentences))

    def _among_held(self, sentence: np.ndarray) -> torch.Tensor:
        """(R,) the row of each row's sentence in the memory that is held."""
        asked = np.unique(sentence)
        if (self._place[asked] < 0).any():  # another search begins
            self._hold(self._whole, np.arange(len(self._whole.mask)))
        if 2 * len(asked) <= len(self._held.mask):
            self._hold(self._held.rows(torch.from_numpy(self._place[asked])), asked)
        return torch.from_numpy(self._place[sentence])
