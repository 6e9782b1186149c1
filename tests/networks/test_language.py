from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from rnnkit.networks import (
    LanguageNetwork,
    RecurrentEncoder,
    TokenEmbedding,
    build_encoder,
    count_parameters,
)
from rnnkit.networks.language import rows_first
from rnnkit.packed import Packed

CELLS = ("rnn", "rnn-relu", "gru", "lstm", "none")
V, E, H = 11, 6, 5


def network(cell="lstm", *, tied=True, layers=2, embedding_size=E, hidden_size=H, dropout=0.0):
    encoder = build_encoder(
        cell,
        embedding_size,
        hidden_size,
        num_layers=layers,
        bidirectional=False,
        dropout=dropout,
        recurrent_dropout=0.0,
        window=3,
    )
    return LanguageNetwork(TokenEmbedding([V], embedding_size), encoder, tied=tied).double()


def packed(lengths):
    x = Packed.from_sequences([torch.randint(V, (n, 1)) for n in lengths])
    return x, torch.randint(V, (x.layout.num_rows,))


@pytest.mark.parametrize("tied", [True, False])
def test_log_probabilities_are_those_of_torchs_lstm_and_log_softmax(tied):
    model = network(tied=tied, layers=2)
    x, targets = packed([9])
    weights = model.state_dict()
    lstm = nn.LSTM(E, H, num_layers=2).double()
    lstm.load_state_dict(
        {
            f"{kind}_l{layer}": weights[f"encoder.layers.{layer}.{kind}_l0"]
            for layer in range(2)
            for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        }
    )
    h, _ = lstm(F.embedding(x.data[:, 0], weights["embedding.tables.0.weight"]))
    if tied:
        h = h @ weights["projection.weight"].T
    logits = h @ weights["output.weight"].T + weights["output.bias"]
    expected = F.log_softmax(logits, dim=-1)[torch.arange(9), targets]
    torch.testing.assert_close(model.log_probs(x, targets, steps=4), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
@settings(max_examples=8)
@given(lengths=st.lists(st.integers(1, 12), min_size=1, max_size=5), steps=st.integers(1, 13))
def test_windows_with_carried_state_give_what_the_whole_gives(cell, lengths, steps):
    model = network(cell).eval()
    x, targets = packed(lengths)
    whole, _ = model(x)
    expected = F.log_softmax(whole, dim=-1).gather(1, targets[:, None])[:, 0]
    found = model.log_probs(x, targets, steps=steps)
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_one_token_after_the_other_gives_what_the_sequence_gives(cell):
    model = network(cell).eval()
    x, _ = packed([7])
    whole, state = model(x)
    before, rows = None, []
    for token in x.data:
        log_probs, before = model.step(token.numpy(), before)
        rows.append(torch.from_numpy(log_probs))
    torch.testing.assert_close(torch.cat(rows), whole.log_softmax(dim=-1), rtol=0, atol=1e-12)
    torch.testing.assert_close(rows_first(before), state, rtol=0, atol=1e-12)


def test_a_window_encoder_that_goes_on_reads_what_forward_reads():
    encoder = network("none").encoder.eval()
    x = Packed.from_sequences([torch.randn(n, E, dtype=torch.float64) for n in (4, 1, 2)])
    output, state = encoder.run(x)
    torch.testing.assert_close(output.data, encoder(x).data, rtol=0, atol=1e-12)
    longest = x.to_sequences()[0]
    torch.testing.assert_close(state[:, 0], longest[1:])
    assert not state[:2, 2].any()  # one step only, zeros before it


def test_a_tied_table_is_one_parameter_and_learns_from_both_ends():
    tied, own = network(hidden_size=E), network(hidden_size=E, tied=False)
    assert tied.output.weight is tied.embedding.tables[0].weight
    assert isinstance(tied.projection, nn.Identity)
    assert count_parameters(own) - count_parameters(tied) == V * E
    x, targets = packed([5])
    F.cross_entropy(tied(x)[0], targets).backward()
    assert not tied.output.weight.grad.is_sparse
    assert (tied.output.weight.grad != 0).any(dim=1).all()


def test_a_large_tied_table_has_a_dense_gradient():
    model = LanguageNetwork(
        TokenEmbedding([5000], 4), RecurrentEncoder(4, 4, bidirectional=False), tied=True
    )
    model(Packed.from_sequences([torch.ones(3, 1, dtype=torch.int64)]))[0].sum().backward()
    assert not model.output.weight.grad.is_sparse


def test_no_gradient_goes_into_the_next_window_once_the_state_is_detached():
    model = network()
    x, _ = packed([4])
    _, state = model(x)
    assert all(tensor.requires_grad for part in state for tensor in part)
