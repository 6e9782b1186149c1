from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from rnnkit.networks import ConditionalRandomField
from rnnkit.packed import Packed
from tests.paths import every_path, random_chain

LENGTHS = st.lists(st.integers(1, 5), min_size=1, max_size=4)


def field(labels=3, dtype=torch.float64):
    crf = ConditionalRandomField(labels).to(dtype)
    for parameter, value in zip(crf.parameters(), random_chain(labels), strict=True):
        parameter.data.copy_(value)
    return crf


def batch(lengths, labels=3, dtype=torch.float64):
    """Emissions and gold labels, apart and packed."""
    apart = [torch.randn(n, labels, dtype=dtype) for n in lengths]
    gold = [torch.randint(labels, (n,)) for n in lengths]
    return apart, gold, Packed.from_sequences(apart), Packed.from_sequences(gold).data


@settings(max_examples=15)
@given(LENGTHS)
def test_the_likelihood_is_that_of_all_paths_counted_one_by_one(lengths):
    crf = field()
    apart, gold, emissions, labels = batch(lengths)
    for found, sequence, path in zip(
        crf.log_likelihood(emissions, labels), apart, gold, strict=True
    ):
        scores = every_path(sequence, *crf.parameters())
        total = torch.logsumexp(torch.stack(list(scores.values())), dim=0)
        torch.testing.assert_close(found, scores[tuple(path.tolist())] - total)


@settings(max_examples=15)
@given(LENGTHS)
def test_the_marginals_are_those_of_all_paths_counted_one_by_one(lengths):
    crf = field()
    apart, _, emissions, _ = batch(lengths)
    rows = emissions.with_data(crf.marginals(emissions)).to_sequences()
    for found, sequence in zip(rows, apart, strict=True):
        scores = every_path(sequence, *crf.parameters())
        shares = torch.softmax(torch.stack(list(scores.values())), dim=0)
        expected = torch.zeros_like(sequence)
        for path, share in zip(scores, shares, strict=True):
            for step, label in enumerate(path):
                expected[step, label] += share
        torch.testing.assert_close(found, expected)


def test_the_marginals_are_the_gradient_of_the_logarithm_of_the_sum_over_paths():
    # Of s - log Z the gradient by the emissions is [y_t = k] - p(y_t = k | x).
    crf = field(labels=5)
    _, _, emissions, labels = batch([7, 2, 1], labels=5)
    emissions.data.requires_grad_()
    crf.log_likelihood(emissions, labels).sum().backward()
    expected = F.one_hot(labels, 5) - emissions.data.grad
    torch.testing.assert_close(crf.marginals(emissions), expected)


def test_the_gradient_of_the_likelihood_is_right():
    crf = field()
    _, _, emissions, labels = batch([3, 1, 4])

    def likelihood(data, *parameters):
        names = [name for name, _ in crf.named_parameters()]
        return torch.func.functional_call(
            crf, dict(zip(names, parameters, strict=True)), (emissions.with_data(data), labels)
        )

    given_ = [emissions.data, *(p.detach() for p in crf.parameters())]
    inputs = [tensor.clone().requires_grad_() for tensor in given_]

    def cross_entropy(*args):
        return F.cross_entropy(likelihood(*args), labels, reduction="sum")

    assert torch.autograd.gradcheck(cross_entropy, inputs)


def test_a_sequence_does_not_depend_on_its_neighbors():
    crf = field()
    apart, gold, emissions, labels = batch([2, 6, 1, 6, 3])
    together = crf.log_likelihood(emissions, labels)
    rows = emissions.with_data(crf.marginals(emissions)).to_sequences()
    for i, (sequence, path) in enumerate(zip(apart, gold, strict=True)):
        alone = Packed.from_sequences([sequence])
        torch.testing.assert_close(crf.log_likelihood(alone, path)[0], together[i])
        torch.testing.assert_close(crf.marginals(alone), rows[i])


def test_a_single_step_has_its_start_and_its_end():
    crf = field()
    _, _, emissions, labels = batch([1])
    logits = emissions.data + crf.start + crf.end
    torch.testing.assert_close(crf(emissions, labels), logits)
    torch.testing.assert_close(crf.marginals(emissions), torch.softmax(logits, dim=-1))


def test_without_a_word_on_transitions_the_labels_are_independent():
    crf = ConditionalRandomField(4).double()
    _, _, emissions, labels = batch([3, 2], labels=4)
    expected = -F.cross_entropy(emissions.data, labels, reduction="sum")
    torch.testing.assert_close(crf.log_likelihood(emissions, labels).sum(), expected)
    torch.testing.assert_close(crf.marginals(emissions), emissions.data.softmax(-1))


def test_long_sequences_keep_their_digits_in_float32():
    crf = field(dtype=torch.float32)
    _, _, emissions, labels = batch([3000], dtype=torch.float32)
    exact = crf.double()(emissions.with_data(emissions.data.double()), labels).softmax(-1)
    found = crf.float()(emissions, labels).softmax(-1)
    torch.testing.assert_close(found.double(), exact, rtol=0, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_emissions_of_another_precision_decide_that_of_the_result(dtype):
    crf = field(dtype=torch.float32)
    _, _, emissions, labels = batch([4, 2], dtype=dtype)
    assert crf.marginals(emissions).dtype == dtype
    assert crf.log_likelihood(emissions, labels).dtype == dtype
