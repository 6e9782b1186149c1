from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnnkit.errors import OptionError, ShapeError
from rnnkit.networks import (
    AdditiveAttention,
    AttentionDecoder,
    CharacterEmbedding,
    FixedWindow,
    LockedDropout,
    MultiplicativeAttention,
    Pooled,
    TokenEmbedding,
    TranslatorNetwork,
    WindowEncoder,
    build_attention,
    build_encoder,
    count_parameters,
)
from rnnkit.packed import Packed

LENGTHS = st.lists(st.integers(1, 9), min_size=1, max_size=7)
CELLS = ("rnn", "gru", "lstm", "none")


def sequences(lengths, features=3, dtype=torch.float32):
    return [torch.randn(n, features, dtype=dtype) for n in lengths]


def encoder(cell, **options):
    settings = {
        "num_layers": 2,
        "bidirectional": True,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "window": 2,
    }
    return build_encoder(cell, 3, 4, **{**settings, **options})


# -- dropout ------------------------------------------------------------------------------------


def test_locked_dropout_drops_the_same_features_at_every_step_of_a_sequence():
    x = Packed.from_sequences([torch.ones(6, 50), torch.ones(4, 50)])
    first, second = LockedDropout(0.5)(x).to_sequences()
    assert (first == first[0]).all()
    assert (second == second[0]).all()
    assert not torch.equal(first[0], second[0])
    assert set(first[0].tolist()) == {0.0, 2.0}


def test_locked_dropout_does_nothing_in_eval_mode():
    x = Packed.from_sequences([torch.randn(3, 5)])
    assert LockedDropout(0.9).eval()(x) is x


def test_a_share_outside_its_range_is_refused():
    with pytest.raises(OptionError, match=r"\[0, 1\)"):
        LockedDropout(1.5)


# -- embeddings ---------------------------------------------------------------------------------


def test_token_embedding_is_the_sum_of_its_columns():
    embedding = TokenEmbedding([5, 7], 4)
    ids = torch.tensor([[1, 2], [4, 6]])
    expected = embedding.tables[0].weight[ids[:, 0]] + embedding.tables[1].weight[ids[:, 1]]
    assert torch.equal(embedding(ids), expected)


def test_a_large_table_gets_a_gradient_of_the_rows_it_used_and_no_others():
    embedding = TokenEmbedding([10_000, 10], 8)
    embedding(torch.tensor([[5, 1], [9_999, 2], [5, 3]])).sum().backward()
    large, small = embedding.tables[0].weight.grad, embedding.tables[1].weight.grad
    assert large.is_sparse
    assert large.coalesce().indices().tolist() == [[5, 9_999]]
    assert not small.is_sparse


def test_rare_tokens_are_read_as_unknown_in_training_only():
    embedding = TokenEmbedding([4], 2, rare_dropout=0.5)
    embedding.set_rare([3])
    ids = torch.tensor([[3], [2]] * 200)
    unknown, rare = embedding.tables[0].weight[1], embedding.tables[0].weight[3]
    out = embedding.train()(ids)[::2]
    forgotten = (out == unknown).all(dim=1)
    assert 60 < int(forgotten.sum()) < 140
    assert torch.equal(out[~forgotten], rare.expand(int((~forgotten).sum()), 2))
    assert torch.equal(embedding(ids)[1::2], embedding.tables[0].weight[2].expand(200, 2))
    assert torch.equal(embedding.eval()(ids)[::2], rare.expand(200, 2))


def test_token_embedding_names_the_number_of_columns_it_expects():
    with pytest.raises(ShapeError, match="3 columns"):
        TokenEmbedding([5, 7], 4)(torch.zeros(2, 3, dtype=torch.long))


def test_a_words_character_vector_does_not_depend_on_the_other_words():
    embedding = CharacterEmbedding(20, 4, 5).eval()
    words = [torch.tensor([[3], [4], [5]]), torch.tensor([[7]]), torch.tensor([[8], [3]])]
    together = Packed.from_sequences(words)
    vectors = embedding(together)[together.layout.inverse]
    for word, vector in zip(words, vectors, strict=True):
        alone = embedding(Packed.from_sequences([word]))[0]
        torch.testing.assert_close(vector, alone, rtol=0, atol=1e-6)


# -- encoders and pooling -----------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=15, deadline=None)
@given(lengths=LENGTHS)
def test_encoding_a_batch_equals_encoding_each_sequence_alone(cell, lengths):
    network = encoder(cell).double().eval()
    several = sequences(lengths, dtype=torch.float64)
    together = network(Packed.from_sequences(several)).to_sequences()
    for one, output in zip(several, together, strict=True):
        alone = network(Packed.from_sequences([one])).data
        torch.testing.assert_close(output, alone, rtol=0, atol=1e-9)


@pytest.mark.parametrize("pooling", ["last", "mean", "max", "mean-max"])
@pytest.mark.parametrize("cell", CELLS)
def test_pooling_sees_the_valid_steps_and_no_others(cell, pooling):
    body = Pooled(encoder(cell), pooling).double().eval()
    several = sequences([4, 1, 6], dtype=torch.float64)
    packed = Packed.from_sequences(several)
    pooled = body(packed)[packed.layout.inverse]
    assert pooled.shape == (3, body.output_size)
    for one, vector in zip(several, pooled, strict=True):
        states = body.encoder(Packed.from_sequences([one])).data
        mean, largest = states.mean(dim=0), states.amax(dim=0)
        if cell == "none":
            last = mean
        else:
            last = torch.cat([states[-1, :4], states[0, 4:]])
        expected = {
            "last": last,
            "mean": mean,
            "max": largest,
            "mean-max": torch.cat([mean, largest]),
        }[pooling]
        torch.testing.assert_close(vector, expected, rtol=0, atol=1e-9)


def test_window_encoder_equals_a_linear_layer_over_its_neighbors():
    network = WindowEncoder(3, 4, before=2, after=1).double().eval()
    several = sequences([5, 2], dtype=torch.float64)
    outputs = network(Packed.from_sequences(several)).to_sequences()
    for one, output in zip(several, outputs, strict=True):
        padded = torch.cat([torch.zeros(2, 3), one, torch.zeros(1, 3)]).double()
        windows = torch.stack([padded[t : t + 4].flatten() for t in range(len(one))])
        expected = torch.relu(network.layers[0](windows))
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-9)


def test_fixed_window_sees_the_last_steps_behind_zeros():
    network = FixedWindow(2, 4, steps=3).double().eval()
    several = sequences([5, 1], features=2, dtype=torch.float64)
    packed = Packed.from_sequences(several)
    long, short = network(packed)[packed.layout.inverse]
    behind = torch.cat([torch.zeros(2, 2).double(), several[1]])
    torch.testing.assert_close(long, torch.relu(network.hidden(several[0][-3:].flatten())))
    torch.testing.assert_close(short, torch.relu(network.hidden(behind.flatten())))


def test_a_unidirectional_encoder_never_looks_ahead():
    network = encoder("lstm", bidirectional=False).eval()
    x = torch.randn(6, 3)
    changed = torch.cat([x[:4], torch.randn(2, 3)])
    before, after = (network(Packed.from_sequences([s])).data for s in (x, changed))
    torch.testing.assert_close(before[:4], after[:4])
    assert not torch.allclose(before[4:], after[4:])


# -- attention ----------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [AdditiveAttention, MultiplicativeAttention])
def test_attention_gives_padding_no_weight_and_ignores_what_it_holds(kind):
    attention = kind(5, 4).double()
    query, memory = torch.randn(2, 3, 5).double(), torch.randn(2, 6, 4).double()
    mask = torch.arange(6) < torch.tensor([[6], [2]])
    context, weights = attention(query, attention.memory_of(memory, mask))
    assert weights[1, :, 2:].eq(0).all()
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(2, 3).double())
    torch.testing.assert_close(context, torch.einsum("bls,bsm->blm", weights, memory))
    other = memory.clone()
    other[1, 2:] = 1e3
    again, _ = attention(query, attention.memory_of(other, mask))
    torch.testing.assert_close(again, context, rtol=0, atol=1e-12)


def test_attention_scores_follow_their_equations():
    query, memory = torch.randn(1, 2, 5), torch.randn(1, 3, 4)
    additive, general = AdditiveAttention(5, 4), MultiplicativeAttention(5, 4)
    scores = additive.score(query, additive.keys(memory))[0]
    products = general.score(query, general.keys(memory))[0]
    for q in range(2):
        for s in range(3):
            hidden = additive.query(query[0, q]) + additive.memory(memory[0, s])
            torch.testing.assert_close(scores[q, s], additive.energy(torch.tanh(hidden))[0])
            expected = query[0, q] @ general.memory.weight @ memory[0, s]
            torch.testing.assert_close(products[q, s], expected)


def test_attention_refuses_sizes_that_do_not_belong_together():
    attention = build_attention("additive", 5, 4)
    memory = torch.randn(2, 6, 4)
    with pytest.raises(ShapeError, match="do not belong together"):
        attention(torch.randn(3, 1, 5), attention.memory_of(memory, torch.ones(2, 6).bool()))
    with pytest.raises(OptionError, match="Did you mean 'additive'"):
        build_attention("addative", 5, 4)


# -- decoder ------------------------------------------------------------------------------------


def translator(cell="lstm", **options):
    reader = encoder(cell)
    decoder = AttentionDecoder(11, 6, 5, reader.output_size, cell=cell, num_layers=2, **options)
    return TranslatorNetwork(TokenEmbedding([9], 3), reader, decoder)


def ids(lengths, size):
    return [torch.randint(1, size, (n,)) for n in lengths]


@pytest.mark.parametrize("input_feeding", [True, False])
@pytest.mark.parametrize("attention", ["additive", "multiplicative"])
@pytest.mark.parametrize("cell", CELLS)
def test_teacher_forcing_equals_stepping_one_token_at_a_time(cell, attention, input_feeding):
    network = translator(cell, attention=attention, input_feeding=input_feeding).double().eval()
    sources = [source[:, None] for source in ids([3, 7, 5], 9)]
    targets = ids([6, 2, 4], 11)
    inputs = Packed.from_sequences(targets)
    logits = network(Packed.from_sequences(sources), inputs=inputs)
    together = inputs.with_data(torch.log_softmax(logits, dim=-1)).to_sequences()
    for source, target, expected in zip(sources, targets, together, strict=True):
        memory, state = network.encode(Packed.from_sequences([source]))
        for t, token in enumerate(target):
            log_probs, state = network.decoder.step(token[None], memory, state)
            torch.testing.assert_close(log_probs[0], expected[t], rtol=0, atol=1e-9)


def test_the_feed_forward_decoder_sees_its_window_and_nothing_before_it():
    decoder = AttentionDecoder(11, 6, 5, 8, cell="none", window=2).eval()
    values, mask = torch.randn(1, 4, 8), torch.ones(1, 4).bool()

    def last(tokens):
        memory, state = decoder.start(torch.zeros(1, 8), values, mask)
        for token in tokens:
            log_probs, state = decoder.step(torch.tensor([token]), memory, state)
        return log_probs

    assert torch.equal(last([1, 2, 3]), last([9, 2, 3]))
    assert not torch.allclose(last([1, 2, 3]), last([1, 9, 3]))


def test_tied_embeddings_are_one_matrix():
    tied, loose = (AttentionDecoder(11, 6, 5, 8, tied=tied) for tied in (True, False))
    assert tied.output.weight is tied.embedding.weight
    assert count_parameters(loose) - count_parameters(tied) == 11 * 6


def test_input_feeding_gives_the_last_attentional_vector_to_the_next_step():
    network = translator(input_feeding=True).eval()
    memory, state = network.encode(Packed.from_sequences([torch.tensor([[1], [2]])]))
    log_probs, _ = network.decoder.step(torch.tensor([3]), memory, state)
    fed, _ = network.decoder.step(torch.tensor([3]), memory, state._replace(feed=state.feed + 1))
    assert not torch.allclose(log_probs, fed)


def test_every_weight_of_the_translator_gets_a_gradient():
    network = translator()
    inputs = Packed.from_sequences(ids([4, 3], 11))
    logits = network(Packed.from_sequences([s[:, None] for s in ids([5, 2], 9)]), inputs=inputs)
    nn.functional.cross_entropy(logits, inputs.data).backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
