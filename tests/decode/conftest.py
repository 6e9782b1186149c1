"""A small random recurrent model to search over, and every sequence it can produce."""

from __future__ import annotations

import itertools

import numpy as np
import pytest


class Automaton:
    """h' = tanh(h A + E[token]), log p = log_softmax(h' W); the state is the nest [{"h": (R, D)}].

    Every probability depends on the whole past, so a state that is reordered wrongly shows.
    """

    def __init__(self, seed, vocab_size, batch_size, *, size=4):
        draw = np.random.default_rng(seed)

        def normal(*shape):
            return 2 * draw.normal(size=shape)

        self.recurrent, self.embedding = normal(size, size), normal(vocab_size, size)
        self.output, self.h_0 = normal(size, vocab_size), normal(batch_size, size)
        self.vocab_size, self.batch_size = vocab_size, batch_size

    @property
    def state(self):
        return [{"h": self.h_0, "none": None}]

    def row(self, index):
        return [{"h": self.h_0[index : index + 1], "none": None}]

    def step(self, tokens, state):
        h = np.tanh(state[0]["h"] @ self.recurrent + self.embedding[tokens])
        logits = h @ self.output
        log_probs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        return log_probs, [{"h": h, "none": None}]

    def log_prob(self, row, tokens, *, bos):
        """Sum over a whole sequence (the end mark, if any, among the tokens), by itself."""
        state, last, total = self.row(row), bos, 0.0
        for token in tokens:
            log_probs, state = self.step(np.array([last]), state)
            total, last = total + log_probs[0, token].item(), token
        return total

    def enumerate(self, row, *, bos, eos, max_length):
        """(tokens, log_prob) of every sequence that ends within max_length steps."""
        inner = [token for token in range(self.vocab_size) if token != eos]
        return [
            (list(tokens), self.log_prob(row, [*tokens, eos], bos=bos))
            for length in range(max_length)
            for tokens in itertools.product(inner, repeat=length)
        ]


@pytest.fixture(scope="session")
def automaton():
    return Automaton
