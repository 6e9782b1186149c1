from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnkit.decode import viterbi
from rnnkit.packed import Packed
from tests.paths import every_path, random_chain


def labels_of(apart, chain):
    emissions = Packed.from_sequences(apart)
    return emissions.with_data(torch.from_numpy(found(emissions, chain))).to_sequences()


def found(emissions, chain):
    sizes = np.asarray(emissions.layout.batch_sizes)
    return viterbi(emissions.data.numpy(), sizes, *(part.numpy() for part in chain))


@settings(max_examples=25)
@given(st.lists(st.integers(1, 5), min_size=1, max_size=4))
def test_the_path_is_the_best_of_all(lengths):
    chain = random_chain(3)
    apart = [torch.randn(n, 3, dtype=torch.float64) for n in lengths]
    for path, emissions in zip(labels_of(apart, chain), apart, strict=True):
        scores = every_path(emissions, *chain)
        assert tuple(path.tolist()) == max(scores, key=scores.__getitem__)


def test_a_sequence_does_not_depend_on_its_neighbors():
    chain = random_chain(4)
    apart = [torch.randn(n, 4, dtype=torch.float64) for n in (3, 8, 1, 8)]
    for together, emissions in zip(labels_of(apart, chain), apart, strict=True):
        assert torch.equal(labels_of([emissions], chain)[0], together)


def test_without_transitions_each_steps_best_label_is_taken():
    emissions = Packed.from_sequences([torch.randn(5, 6), torch.randn(2, 6)])
    nothing = torch.zeros(6, 6), torch.zeros(6), torch.zeros(6)
    assert found(emissions, nothing).tolist() == emissions.data.argmax(dim=-1).tolist()


def test_of_equal_paths_the_one_with_the_smaller_labels_is_taken():
    emissions = Packed.from_sequences([torch.zeros(3, 2)])
    nothing = torch.zeros(2, 2), torch.zeros(2), torch.zeros(2)
    assert found(emissions, nothing).tolist() == [0, 0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_the_chain_may_be_of_another_precision(dtype):
    chain = random_chain(3, dtype=torch.float32)
    apart = [torch.randn(n, 3, dtype=dtype) for n in (1, 4, 2)]
    assert [len(path) for path in labels_of(apart, chain)] == [1, 4, 2]
