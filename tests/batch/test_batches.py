from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.batch import Batches, bucket_by_length, pack, pack_like, pack_spellings
from rnnkit.errors import OptionError, ShapeError

LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=300)


@given(LENGTHS, st.integers(1, 40), st.sampled_from([None, 0, 1]))
def test_every_sequence_is_in_exactly_one_batch(lengths, batch_size, seed):
    generator = None if seed is None else np.random.default_rng(seed)
    batches = bucket_by_length(lengths, batch_size, generator=generator)
    assert sorted(np.concatenate(batches).tolist()) == list(range(len(lengths)))
    assert all(1 <= len(batch) <= batch_size for batch in batches)


def test_batches_hold_sequences_of_like_length():
    lengths = np.random.default_rng(0).integers(1, 200, size=2000)
    batches = bucket_by_length(lengths, 32, generator=np.random.default_rng(1))
    padded = sum(lengths[batch].max() * len(batch) for batch in batches)
    assert padded / lengths.sum() < 1.05


def test_each_epoch_has_another_order_and_the_same_seed_the_same_one():
    def order(epoch):
        batches = Batches(
            np.arange(1, 500), lambda i: i.tolist(), batch_size=8, seed=3, rng_key=epoch
        )
        return list(batches)

    assert order(0) == order(0)
    assert order(0) != order(1)


def test_without_a_seed_the_longest_come_first():
    batches = Batches([2, 9, 4], lambda indices: indices.tolist(), batch_size=2)
    assert len(batches) == 2
    assert list(batches) == [[1, 2], [0]]


def test_a_batch_needs_room_for_a_sequence():
    with pytest.raises(OptionError, match="batch_size=0"):
        bucket_by_length([1], 0)


@given(st.lists(st.integers(1, 12), min_size=1, max_size=12))
def test_pack_has_the_rows_of_torch_and_gives_the_sequences_back(lengths):
    sequences = [np.arange(n) + 100 * i for i, n in enumerate(lengths)]
    packed = pack(sequences)
    expected = torch.nn.utils.rnn.pack_sequence(
        [torch.from_numpy(s) for s in sequences], enforce_sorted=False
    )
    # Sequences of equal length may stand in another order; their rows are the same set a step.
    sizes = packed.layout.batch_sizes
    assert torch.equal(sizes, expected.batch_sizes)
    for ours, theirs in zip(
        packed.data.split(sizes.tolist()), expected.data.split(sizes.tolist()), strict=True
    ):
        assert sorted(ours.tolist()) == sorted(theirs.tolist())
    for one, back in zip(sequences, packed.to_sequences(), strict=True):
        assert one.tolist() == back.tolist()


def test_pack_like_puts_labels_beside_their_steps():
    x = pack([np.array([10, 11]), np.array([20, 21, 22])])
    labels = pack_like([np.array([1, 2]), np.array([3, 4, 5])], x)
    assert dict(zip(x.data.tolist(), labels.tolist(), strict=True)) == {
        10: 1,
        11: 2,
        20: 3,
        21: 4,
        22: 5,
    }


def test_spellings_are_packed_once_a_distinct_word():
    forms = [np.array([0, 2]), np.array([1, 0, 2])]
    spellings = [np.array([5]), np.array([6, 7, 8]), np.array([9, 9]), np.array([4, 4])]
    words = pack([np.array([0, 2]), np.array([1, 0, 2])])
    characters, spelling = pack_spellings(forms, spellings, words)
    assert characters.layout.num_sequences == 3
    in_sorted_order = [characters.to_sequences()[i] for i in characters.layout.order.tolist()]
    for form, place in zip(words.data.tolist(), spelling.tolist(), strict=True):
        assert in_sorted_order[place].tolist() == spellings[form].tolist()


def test_an_empty_sequence_is_refused_by_its_place():
    with pytest.raises(ShapeError, match=r"lengths\[1\] is 0"):
        pack([np.array([1]), np.array([], dtype=np.int64)])
