"""Searches over a decoder and one memory."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from rnnkit.decode import beam, greedy, reorder, sample
from rnnkit.networks import (
    AttentionDecoder,
    DecoderStep,
    TokenEmbedding,
    TranslatorNetwork,
    build_encoder,
)
from rnnkit.packed import Packed

KINDS = [
    {"cell": "lstm", "attention": "additive"},
    {"cell": "gru", "attention": "multiplicative"},
    {"cell": "gru", "attention": "additive", "input_feeding": False},
    {"cell": "none"},
]
SOURCES = [
    torch.randint(1, 9, (n, 1), generator=torch.Generator().manual_seed(n)) for n in range(1, 9)
]


def network(*, cell="lstm", **options):
    encoder = build_encoder(
        cell, 3, 4, num_layers=1, bidirectional=True, dropout=0.0, recurrent_dropout=0.0, window=2
    )
    decoder = AttentionDecoder(11, 6, 5, encoder.output_size, cell=cell, num_layers=2, **options)
    return TranslatorNetwork(TokenEmbedding([9], 3), encoder, decoder).double().eval()


@torch.no_grad()
def encoded(model, sources):
    return model.encode(Packed.from_sequences(sources))


def search(model, sources, by, limits, **options):
    memory, state = encoded(model, sources)
    step = DecoderStep(model.decoder, memory)
    return by(
        step, state, batch_size=len(sources), bos=0, eos=0, max_length=np.array(limits), **options
    )


@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("by", [greedy, beam])
def test_what_is_found_does_not_depend_on_the_sentences_beside_it_or_when_they_leave(options, by):
    model = network(**options)
    limits = [3, 9, 1, 12, 5, 2, 7, 4]
    together = search(model, SOURCES, by, limits)
    for source, limit, found in zip(SOURCES, limits, together, strict=True):
        (alone,) = search(model, [source], by, limit)
        several = zip(found, alone, strict=True) if by is beam else [(found, alone)]
        for one, other in several:
            assert one.tokens == other.tokens
            assert one.log_prob == pytest.approx(other.log_prob, rel=0, abs=1e-9)


@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
def test_a_beam_search_copies_no_memory_but_half_of_the_sentences_once_the_others_left(attention):
    model, seen = network(attention=attention), []

    def look(module, args):
        memory = args[1]
        seen.append((len(memory.mask), *(part.data_ptr() for part in memory)))

    model.decoder.attention.register_forward_pre_hook(look)
    memory, state = encoded(model, SOURCES)
    beam(
        DecoderStep(model.decoder, memory),
        state,
        batch_size=8,
        bos=0,
        eos=0,
        max_length=np.array([2, 3, 4, 5, 6, 7, 8, 9]),
        beam_size=4,
        forbid=[0],  # so that each sentence leaves at its limit
    )
    assert [size for size, *_ in seen] == [8, 8, 8, 8, 8, 4, 4, 2, 1]
    assert seen[0] == (8, *(part.data_ptr() for part in memory))
    assert len(set(seen)) == 4


def test_a_search_moves_rows_of_the_state_alone():
    memory, state = encoded(network(), SOURCES)
    moved = reorder(state, np.array([0, 0, 5]))
    assert moved.sentence.tolist() == [0, 0, 5]
    assert {len(part) for part in (*moved.layers[0], *moved.layers[1], moved.feed)} == {3}
    assert not any(part is other for part in memory for other in (state.feed, state.sentence))


def test_rows_may_stand_in_any_order_and_number():
    model = network()
    memory, state = encoded(model, SOURCES)
    rows, tokens = np.array([5, 2, 5, 0, 5, 2]), np.array([3, 1, 4, 1, 5, 9])
    log_probs, after = DecoderStep(model.decoder, memory)(tokens, reorder(state, rows))
    for row, token, found in zip(rows, tokens, log_probs, strict=True):
        one = DecoderStep(model.decoder, memory)
        expected, _ = one(np.array([token]), reorder(state, np.array([row])))
        np.testing.assert_allclose(found, expected[0], rtol=0, atol=1e-12)
    assert after.sentence.tolist() == rows.tolist()


def test_one_step_serves_one_search_after_the_other():
    model = network()
    memory, state = encoded(model, SOURCES)
    step = DecoderStep(model.decoder, memory)
    options = {"batch_size": 8, "bos": 0, "eos": 0, "max_length": np.arange(1, 9)}
    first = greedy(step, state, **options)
    assert greedy(step, state, **options) == first


def test_a_sentence_may_have_several_rows_from_the_start():
    model = network()
    memory, state = encoded(model, SOURCES[:3])
    rows = np.repeat(np.arange(3), 4)
    options = {"batch_size": 12, "bos": 0, "eos": 0, "max_length": 6}
    drawn = sample(
        DecoderStep(model.decoder, memory),
        reorder(state, rows),
        generator=np.random.default_rng(0),
        **options,
    )
    copies = encoded(model, [SOURCES[i] for i in rows])
    expected = sample(
        DecoderStep(model.decoder, copies[0]),
        copies[1],
        generator=np.random.default_rng(0),
        **options,
    )
    assert [one.tokens for one in drawn] == [one.tokens for one in expected]


def test_a_step_gives_numpy_arrays_without_gradients():
    model = network()
    memory, state = model.encode(Packed.from_sequences(SOURCES))  # with a graph
    log_probs, after = DecoderStep(model.decoder, memory)(np.zeros(8, dtype=np.int64), state)
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1.0, rtol=0, atol=1e-12)
    assert not after.feed.requires_grad
