"""A fit draws from a generator of its own: threads leave each other and the process alone."""

from __future__ import annotations

import random
import threading

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from rnnkit import LanguageModel, SequenceClassifier, Translator, randomness

TEXTS = [f"{a} {b} {c}" for a in ("a", "the") for b in ("cat", "dog") for c in ("sat", "ran", "is")]
LINES = "\n".join(TEXTS * 3)
SMALL = {"embedding_size": 8, "hidden_size": 8, "batch_size": 4, "max_epochs": 3}

# All that draws: initial values, dropout, rare words, the order of batches, what is held out,
# stops of random truncation, scheduled sampling.
FITS = {
    "classifier": (
        SequenceClassifier(
            **SMALL, rare_dropout=0.5, dropout=0.3, recurrent_dropout=0.2, bptt="randomtruncated(3)"
        ),
        (TEXTS, ["x" if "cat" in text else "y" for text in TEXTS]),
    ),
    "translator": (
        Translator(**SMALL, buckets=32, dropout=0.3, scheduled_sampling=0.5),
        (TEXTS, [text[::-1] for text in TEXTS]),
    ),
    "language model": (
        LanguageModel(**SMALL, level="char", bptt_steps=5, dropout=0.3),
        (LINES,),
    ),
}


def fitted(name, seed):
    """The weights after a fit, and the losses on the way."""
    estimator, data = FITS[name]
    model = type(estimator)(**{**estimator.get_params(), "random_state": seed}).fit(*data)
    losses = [record["loss"] for record in model.history_.epochs]
    return {name: one.clone() for name, one in model.module_.state_dict().items()}, losses


def at_once(acts):
    """What each gives in a thread of its own, all begun together."""
    together, found = threading.Barrier(len(acts)), {}

    def run(place):
        together.wait()
        found[place] = acts[place]()

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [found[place] for place in range(len(acts))]


def assert_same(ours, theirs):
    assert ours[1] == theirs[1]
    assert ours[0].keys() == theirs[0].keys()
    assert all(torch.equal(ours[0][name], theirs[0][name]) for name in ours[0])


@pytest.mark.parametrize("name", FITS)
def test_two_fits_at_once_give_what_each_gives_alone(name):
    alone = [fitted(name, seed) for seed in (1, 2)]
    assert alone[0][1] != alone[1][1]
    for ours, theirs in zip(
        at_once([lambda: fitted(name, 1), lambda: fitted(name, 2)]), alone, strict=True
    ):
        assert_same(ours, theirs)


def test_fits_of_three_estimators_at_once_give_what_each_gives_alone():
    alone = [fitted(name, 3) for name in FITS]
    together = at_once([lambda name=name: fitted(name, 3) for name in FITS])
    for ours, theirs in zip(together, alone, strict=True):
        assert_same(ours, theirs)


def generators():
    """The states of the process's generators: torch's, numpy's, and Python's own."""
    kind, keys, *rest = np.random.get_state()
    return torch.get_rng_state().tolist(), (kind, keys.tolist(), rest), random.getstate()


@pytest.mark.parametrize("seed", [0, None])
def test_fits_leave_the_generators_of_the_process_alone(seed):
    before = generators()
    for name in FITS:
        fitted(name, seed)
    at_once([lambda name=name: fitted(name, seed) for name in FITS])
    assert generators() == before


def test_what_the_process_draws_meanwhile_changes_no_fit():
    def disturbed():
        for _ in range(2000):
            torch.rand(3), np.random.rand(3), random.random()

    alone = fitted("classifier", 1)
    assert_same(at_once([lambda: fitted("classifier", 1), disturbed])[0], alone)


# -- the generator that is drawn from -----------------------------------------------------------


def test_a_generator_is_used_within_its_block_and_in_its_thread():
    mine = torch.Generator().manual_seed(1)
    with randomness.using(mine):
        assert randomness.current() is mine
        assert at_once([randomness.current]) == [None]
        with randomness.using(None):
            assert randomness.current() is None
        assert randomness.current() is mine
    assert randomness.current() is None


def test_a_generator_serves_its_own_device_alone():
    with randomness.using(torch.Generator()):
        assert randomness.current(torch.device("meta")) is None


def test_dropout_draws_the_numbers_of_torch():
    x = torch.randn(50, 3)
    torch.manual_seed(5)
    theirs = F.dropout(x, 0.4)
    with randomness.using(torch.Generator().manual_seed(5)):
        ours = randomness.dropout(x, 0.4)
        assert not torch.equal(randomness.dropout(x, 0.4), ours)
        assert randomness.dropout(x, 0.4, training=False) is x
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)
    torch.manual_seed(5)
    assert torch.equal(randomness.dropout(x, 0.4), theirs)


def test_a_replay_draws_again_from_where_it_was_made():
    with randomness.using(torch.Generator().manual_seed(0)):
        again = randomness.Replay()
        first = randomness.rand(3)
        after = randomness.get_state()
    with again:  # where another generator is in use, as in a backward pass
        assert torch.equal(randomness.rand(3), first)
    with randomness.using(torch.Generator()):
        randomness.set_state(after)
        going_on = randomness.rand(2)
        randomness.set_state(after)
        assert torch.equal(randomness.rand(2), going_on)
