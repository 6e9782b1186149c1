"""Fits side by side: each draws from a generator of its own, and none from the process's."""

from __future__ import annotations

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from sklearn.base import clone

from rnnkit import LanguageModel
from tests.tasks.test_common import CASES

DRAWING = {
    "max_epochs": 2,
    "dropout": 0.3,
    "recurrent_dropout": 0.2,
    "rare_dropout": 0.3,
    "num_layers": 2,
    "augment": "shift-flip",
    "scheduled_sampling": 0.5,
    "bptt": "randomtruncated(4)",
    "validation_fraction": 0.2,
}
LINES = ["one two three four", "two three four one", "three four one two"] * 12


def set_drawing(model):
    """The estimator with everything in it that draws."""
    known = model.get_params()
    return clone(model).set_params(**{n: v for n, v in DRAWING.items() if n in known})


KINDS = {case.name: (set_drawing(case.estimator), case.X, case.y) for case in CASES}
KINDS["language model"] = (
    set_drawing(
        LanguageModel(embedding_size=8, hidden_size=8, batch_size=4, bptt_steps=5, min_count=1)
    ),
    LINES,
    None,
)


@pytest.fixture(params=KINDS)
def kind(request):
    return KINDS[request.param]


def weights_of(model):
    return list(model.module_.state_dict().values())


def process_state():
    name, keys, *rest = np.random.get_state()
    return torch.get_rng_state().tolist(), (name, keys.tolist(), *rest), random.getstate()


def learn(kind, seed, how):
    model, X, y = kind
    model = clone(model).set_params(random_state=seed)
    for _ in range(1 if how == "fit" else 2):
        getattr(model, how)(X, y)
    return weights_of(model)


@pytest.mark.parametrize("how", ["fit", "partial_fit"])
def test_two_fits_in_two_threads_give_what_each_gives_alone(kind, how):
    before = process_state()
    with ThreadPoolExecutor(1) as pool:
        alone = [pool.submit(learn, kind, seed, how).result() for seed in (1, 2)]
    begin = threading.Barrier(2)

    def together(seed):
        begin.wait(timeout=60)
        return learn(kind, seed, how)

    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(together, (1, 2)))
    assert process_state() == before
    for expected, found in zip(alone, both, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(expected, found, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(*alone, strict=True))


def test_a_fit_without_a_seed_leaves_the_process_alone_too(kind):
    model, X, y = kind
    before = process_state()
    model = clone(model).set_params(random_state=None, max_epochs=1).fit(X, y)
    model.partial_fit(X, y)
    assert process_state() == before


def test_fits_without_a_seed_differ():
    model, X, y = KINDS["means"]
    first, second = (weights_of(clone(model).set_params(random_state=None).fit(X, y)) for _ in "ab")
    assert not all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
