"""What is particular to the tagger: its affixes, and its paths of labels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rnnkit
from rnnkit import SequenceTagger
from rnnkit.errors import InputError, OptionError
from tests.paths import every_path
from tests.tasks.inside import batch_of

# The label of a step follows from the one before: what is said is the same at every step.
TURNS = [["first", *["next"] * n] for n in range(1, 5)] * 3
TURNING = [["AB"[step % 2] for step in range(len(words))] for words in TURNS]


def tagger(**options):
    small = {"hidden_size": 8, "embedding_size": 8, "num_layers": 1, "character_size": 0}
    fast = {"max_epochs": 3, "lr": 0.02, "validation_fraction": 0, "random_state": 0}
    return SequenceTagger(**{**small, **fast, **options})


def test_a_chain_learns_what_no_step_shows():
    # Without memory, and one step for all, only the chain of labels can tell the turns apart.
    options = {"cell": "none", "bidirectional": False, "max_epochs": 60, "lr": 0.05, "dropout": 0}
    X = [["next"] * len(words) for words in TURNS]
    assert tagger(**options, crf=True).fit(X, TURNING).score(X, TURNING) == 1.0
    assert tagger(**options, crf=False).fit(X, TURNING).score(X, TURNING) < 0.9


def test_predictions_are_those_of_all_paths_counted_one_by_one():
    model = tagger(crf=True, max_epochs=10).fit(TURNS, TURNING)
    words = ["first", "next", "other", "next"]
    batch = batch_of(model, [words], pairs=False)
    with torch.no_grad():
        emissions = model.module_(*batch.source).double()
    crf = model.module_.crf
    chain = [value.detach().double() for value in (crf.transitions, crf.start, crf.end)]
    scores = every_path(emissions, *chain)
    best = max(scores, key=scores.__getitem__)
    assert model.predict([words]) == [model.classes_[list(best)].tolist()]
    shares = torch.softmax(torch.stack(list(scores.values())), dim=0)
    of_step = [
        sum(share for path, share in zip(scores, shares, strict=True) if path[2] == label)
        for label in range(2)
    ]
    np.testing.assert_allclose(model.predict_proba([words])[0][2], of_step, atol=1e-9)


def test_training_minimizes_the_likelihood_of_paths_a_step():
    model = tagger(crf=True, max_epochs=1).fit(TURNS, TURNING)
    batch = batch_of(model, TURNS, TURNING)
    with torch.no_grad():
        found = model._batch_loss(model.module_, batch)
        emissions = batch.source.x.with_data(model.module_(*batch.source))
        likelihood = model.module_.crf.log_likelihood(emissions, batch.targets)
    steps = sum(map(len, TURNS))
    assert (found.count, found.tokens) == (steps, steps)
    assert found.loss.item() == pytest.approx(-likelihood.sum().item() / steps, rel=1e-5)


def test_the_accuracy_of_held_out_examples_is_that_of_the_best_paths():
    # Nothing tells where the turns begin: a path is right from end to end or wrong from end to
    # end, while after the right label the next one would always be right.
    X = [["next"] * 6] * 8
    y = [["AB"[(begin + step) % 2] for step in range(6)] for begin in (0, 1)] * 4
    model = tagger(crf=True, max_epochs=40, lr=0.05).fit(X, y, validation=(X, y))
    best = max(epoch["valid_accuracy"] for epoch in model.history_.epochs)
    assert model.score(X, y) == pytest.approx(best)
    assert best == pytest.approx(0.5)


@pytest.mark.parametrize("cell", ["gru", "none"])
def test_a_chain_over_series_and_ids_comes_back_from_a_file(cell, tmp_path):
    generator = np.random.default_rng(0)
    y = [[0, 1, 1], [1], [0, 0], [1, 2]] * 3
    for inputs in ("series", "ids"):
        X = [generator.integers(1, 9, size=len(row)) for row in y]
        model = tagger(crf=True, inputs=inputs, cell=cell).fit(X, y)
        model.save(tmp_path / "chain.rnn")
        loaded = rnnkit.load(tmp_path / "chain.rnn")
        assert loaded.predict(X) == model.predict(X)
        assert loaded.module_.crf.transitions.abs().max() > 0
        assert torch.equal(loaded.module_.crf.transitions, model.module_.crf.transitions)


def test_endings_tell_unknown_words_apart():
    X = [[stem + ending] for stem in ("walk", "talk", "jump", "bak") for ending in ("ing", "ers")]
    y = [["VERB" if word.endswith("ing") else "NOUN"] for (word,) in X]
    model = tagger(max_epochs=20, affixes=3).fit(X * 3, y * 3)
    assert model.predict([["hiking"], ["hikers"]]) == [["VERB"], ["NOUN"]]
    blind = tagger(affixes=0).fit(X * 3, y * 3)
    first, second = blind.predict_proba([["hiking"], ["hikers"]])
    assert np.allclose(first, second)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"crf": True, "label_smoothing": 0.1}, "crf=True learns whole paths"),
        ({"crf": "yes"}, "crf='yes', but True or False"),
        ({"affixes": -1}, "affixes=-1"),
    ],
)
def test_wrong_options_are_named(options, words):
    with pytest.raises(OptionError, match=words):
        tagger(**options).fit(TURNS, TURNING)


def test_a_sequence_that_is_none_is_refused_in_words():
    with pytest.raises(InputError, match=r"X\[1\] is None, but a sequence of steps is expected"):
        tagger(inputs="series").fit([[1.0, 2.0], None], [["a", "b"], ["a"]])
