"""Where a decoder looks, and what it reads in training."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from rnnkit.cells import using_bptt
from rnnkit.networks import (
    AttentionDecoder,
    TokenEmbedding,
    TranslatorNetwork,
    build_encoder,
    decoders,
)
from rnnkit.packed import Packed

CELLS = ("rnn", "gru", "lstm", "none")
V = 11


def network(cell="lstm", **options):
    encoder = build_encoder(
        cell, 3, 4, num_layers=1, bidirectional=True, dropout=0.0, recurrent_dropout=0.0, window=2
    )
    decoder = AttentionDecoder(V, 6, 5, encoder.output_size, cell=cell, num_layers=2, **options)
    return TranslatorNetwork(TokenEmbedding([9], 3), encoder, decoder).double()


def batch(sources=(5, 2, 1), targets=(3, 6, 1)):
    read = Packed.from_sequences([torch.randint(1, 9, (n, 1)) for n in sources])
    return read, Packed.from_sequences([torch.randint(1, V, (n,)) for n in targets])


@pytest.mark.parametrize("input_feeding", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_attention_weights_are_those_of_the_equation(cell, input_feeding):
    model = network(cell, input_feeding=input_feeding, attention="multiplicative").eval()
    source, inputs = batch()
    weights = inputs.with_data(model.align(source, inputs=inputs)).to_sequences()
    logits = inputs.with_data(model(source, inputs=inputs)).to_sequences()
    memories = source.with_data(model.encoder(source.with_data(model.embedding(source.data))).data)
    for rows, memory, target, said in zip(
        weights, memories.to_sequences(), inputs.to_sequences(), logits, strict=True
    ):
        torch.testing.assert_close(rows.sum(dim=1), torch.ones(len(target)).double())
        assert (rows[:, len(memory) :] == 0).all()
        # By hand: a_t = softmax(s_t W m), whose context gives the logits of the step.
        states = hidden_states(model, memory, target, rows)
        scores = states @ model.decoder.attention.memory(memory).T
        torch.testing.assert_close(rows[:, : len(memory)], torch.softmax(scores, dim=1))
        context = rows[:, : len(memory)] @ memory
        feed = torch.tanh(model.decoder.combine(torch.cat([context, states], dim=1)))
        torch.testing.assert_close(model.decoder.output(feed), said)


def hidden_states(model, memory, target, rows):
    """s_t of one sequence, given where it looked before."""
    decoder = model.decoder
    states = []
    with torch.no_grad():
        summary = model.encoder.summary(Packed.from_sequences([memory]))
        _, state = decoder.start(summary, memory[None], torch.ones(1, len(memory)).bool())
        feed = state.feed
        layers = state.layers
        for t, token in enumerate(target):
            x = decoder.embedding(token[None])
            x = torch.cat([x, feed], dim=1) if decoder.input_feeding else x
            after = []
            for cell, before in zip(decoder.cells, layers, strict=True):
                x, new = cell.advance(x, before)
                after.append(new)
            layers = after
            context = (rows[t, : len(memory)] @ memory)[None]
            feed = torch.tanh(decoder.combine(torch.cat([context, x], dim=1)))
            states.append(x)
    return torch.cat(states)


@pytest.mark.parametrize("input_feeding", [True, False])
@pytest.mark.parametrize("cell", CELLS)
def test_with_certainty_every_token_but_the_first_is_its_own(cell, input_feeding):
    model = network(cell, input_feeding=input_feeding)
    source, inputs = batch()
    given = model(source, inputs=inputs)
    said = inputs.with_data(given.argmax(dim=1)).to_sequences()
    firsts = [row[:1] for row in inputs.to_sequences()]
    own = [torch.cat([one, row[:-1]]) for one, row in zip(firsts, said, strict=True)]
    expected = model(source, inputs=Packed.from_sequences(own))
    model.decoder.scheduled_sampling = 1.0
    torch.testing.assert_close(model(source, inputs=inputs), expected, rtol=0, atol=1e-12)
    assert torch.equal(model.eval()(source, inputs=inputs), given)  # in training only


def test_half_of_the_tokens_are_its_own_with_probability_one_half():
    model = network()
    model.decoder.scheduled_sampling = 0.5
    inputs = Packed.from_sequences([torch.full((200,), V - 1) for _ in range(20)])
    with torch.no_grad():
        model.decoder.output.bias[3] = 100.0  # it would always say 3
    encoded = model.encode(Packed.from_sequences([torch.ones(2, 1).long()] * 20))
    mixed = inputs.with_data(model.decoder._with_own_tokens(inputs, *encoded).data).to_sequences()
    assert all(row[0] == V - 1 for row in mixed)
    share = torch.stack(mixed)[:, 1:].eq(3).double().mean()
    assert 0.45 < share < 0.55


def test_zero_probability_draws_nothing_and_changes_nothing():
    source, inputs = batch()
    outputs = []
    for options in ({}, {"scheduled_sampling": 0.0}):
        torch.manual_seed(1)
        model = network(dropout=0.3, **options)
        outputs.append(model(source, inputs=inputs))
        outputs.append(torch.get_rng_state())
    assert torch.equal(outputs[0], outputs[2])
    assert torch.equal(outputs[1], outputs[3])


@pytest.mark.parametrize("input_feeding", [True, False])
def test_gradients_go_through_the_second_reading_alone(input_feeding):
    model = network(input_feeding=input_feeding, scheduled_sampling=1.0)
    source, inputs = batch()
    lined_up = decoders._lined_up(inputs, *model.encode(source))
    own = model.decoder._with_own_tokens(inputs, *lined_up)
    assert not own.data.requires_grad
    found = gradients(model, source, inputs)
    model.decoder.scheduled_sampling = 0.0
    expected = gradients(model, source, own)
    for name, grad in expected.items():
        assert grad.abs().sum() > 0, name
        torch.testing.assert_close(found[name], grad, rtol=0, atol=1e-12)


def gradients(model, source, inputs):
    model.zero_grad()
    targets = torch.arange(len(inputs.data)) % V
    nn.functional.cross_entropy(model(source, inputs=inputs), targets).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters()}


@pytest.mark.parametrize("policy", ["truncated(2)", "checkpointed(segments=2)"])
def test_own_tokens_are_the_same_whatever_the_gradient_policy(policy):
    model = network(scheduled_sampling=0.5)
    source, inputs = batch()
    outputs = []
    for one in (None, policy):
        torch.manual_seed(2)
        with using_bptt(model, one):
            outputs.append(model(source, inputs=inputs))
    torch.testing.assert_close(outputs[1], outputs[0], rtol=0, atol=1e-12)
