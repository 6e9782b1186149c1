"""Subwords, own tokens in training, and where a translator looks."""

from __future__ import annotations

import sys

import numpy as np
import pytest

import rnnkit
from rnnkit import Translator
from rnnkit.errors import InputError, MissingDependencyError, OptionError
from rnnkit.learn import Callback
from rnnkit.metrics import most_agreed

WORDS = {"one": "하나", "two": "둘", "three": "셋", "four": "넷"}
X = [f"{a} {b}" for a in WORDS for b in WORDS]
Y = [" ".join(WORDS[word] for word in x.split()) for x in X]
SIZES = {"hidden_size": 24, "embedding_size": 24, "batch_size": 8, "lr": 0.02, "random_state": 0}


def translator(**options):
    settings = {"validation_fraction": 0, "dropout": 0, "buckets": 64, "max_epochs": 2}
    return Translator(**{**SIZES, **settings, **options})


@pytest.fixture(scope="module")
def subwords():
    levels = {"source_level": "subword", "target_level": "subword", "subwords": 300}
    sizes = {"hidden_size": 48, "embedding_size": 48, "lr": 0.01, "label_smoothing": 0}
    return translator(**levels, **sizes, max_epochs=25).fit(X * 3, Y * 3)


def test_of_many_draws_the_translation_most_like_the_others_is_given(subwords):
    seven = subwords.sample(X[:1] * 7, temperature=4.0, random_state=3)
    texts = [one.text for one in seven]
    assert len(set(texts)) > 1
    (found,) = subwords.consensus(X[:1], draws=7, temperature=4.0, random_state=3)
    assert found == seven[most_agreed(texts)]


def test_many_draws_read_a_text_once(subwords):
    read = []
    hook = subwords.module_.encoder.register_forward_hook(
        lambda module, args, output: read.append(args[0].layout.num_sequences)
    )
    subwords.consensus(X[:3], draws=50, random_state=0)
    hook.remove()
    assert read == [3]


# -- levels -------------------------------------------------------------------------------------


def test_subwords_are_learnt_and_survive_the_file(subwords, tmp_path):
    assert subwords.score(X, Y) > 0.9
    subwords.save(tmp_path / "m.rnn")
    loaded = rnnkit.load(tmp_path / "m.rnn")
    unseen = ["", "five 🐟 one", "하나"]
    assert loaded.predict(X + unseen) == subwords.predict(X + unseen)
    for text in loaded.predict(unseen):
        text.encode("utf-8")


@pytest.mark.parametrize(
    ("source", "target"), [("word", "subword"), ("subword", "char"), ("subword", "word")]
)
def test_each_side_has_its_own_level(source, target, tmp_path):
    model = translator(source_level=source, target_level=target, subwords=300).fit(X, Y)
    model.save(tmp_path / "m.rnn")
    assert rnnkit.load(tmp_path / "m.rnn").predict(X[:3]) == model.predict(X[:3])


def test_unknown_levels_and_sizes_are_refused():
    with pytest.raises(OptionError, match=r"source_level='subwords'.*Did you mean 'subword'"):
        translator(source_level="subwords").fit(X, Y)
    with pytest.raises(OptionError, match=r"target_level='sub'.*Known"):
        translator(target_level="sub").fit(X, Y)
    with pytest.raises(OptionError, match="subwords=100"):
        translator(target_level="subword", subwords=100).fit(X, Y)


def test_only_subwords_ask_for_sentencepiece(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentencepiece", None)
    translator(max_epochs=1).fit(X, Y)
    with pytest.raises(MissingDependencyError, match=r"rnnkit\[subword\]"):
        translator(source_level="subword").fit(X, Y)


# -- own tokens in training ---------------------------------------------------------------------


class Seen(Callback):
    """Notes how often the decoder reads its own tokens, each epoch."""

    def __init__(self):
        self.shares = []

    def on_epoch_begin(self, trainer, epoch, num_steps):
        self.shares.append(trainer.module.decoder.scheduled_sampling)


def test_scheduled_sampling_rises_to_its_probability_in_the_last_epoch():
    seen = Seen()
    translator(scheduled_sampling=0.4, max_epochs=4).fit(X, Y, callbacks=[seen])
    np.testing.assert_allclose(seen.shares, [0.1, 0.2, 0.3, 0.4])


@pytest.mark.parametrize("options", [{}, {"input_feeding": False}, {"cell": "none"}])
def test_scheduled_sampling_changes_training_and_still_learns(options, tmp_path):
    plain = translator(**options).fit(X, Y)
    mixed = translator(scheduled_sampling=1.0, **options).fit(X, Y)
    again = translator(scheduled_sampling=1.0, **options).fit(X, Y)
    losses = [model.history_.epochs[-1]["loss"] for model in (plain, mixed, again)]
    assert losses[0] != losses[1] == losses[2]
    assert losses[1] < mixed.history_.epochs[0]["loss"]


def test_a_model_that_read_its_own_tokens_translates():
    model = translator(scheduled_sampling=0.5, max_epochs=50).fit(X, Y)
    assert model.score(X, Y) > 0.9


def test_probabilities_out_of_range_are_refused():
    for p in (-0.1, 1.5):
        with pytest.raises(OptionError, match=rf"scheduled_sampling={p}, but a share"):
            translator(scheduled_sampling=p).fit(X, Y)


# -- where it looks -----------------------------------------------------------------------------


def test_alignments_name_steps_and_tokens_and_sum_to_one(subwords):
    for text, one in zip([*X, ""], subwords.align([*X, ""]), strict=True):
        assert "".join(one.source).replace("▁", " ").strip() in (text, "?")
        assert "".join(one.target).replace("▁", " ").strip() == subwords.predict([text])[0]
        assert one.weights.shape == (len(one.target), len(one.source))
        np.testing.assert_allclose(one.weights.sum(axis=1), 1.0, atol=1e-6)


def test_given_targets_are_aligned_in_place_of_its_own_translations(subwords):
    (one,) = subwords.align(["one two"], ["넷 셋"])
    assert "".join(one.target) == "▁넷▁셋"
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        subwords.align(["one two"], ["넷", "셋"])


def test_an_alignment_does_not_depend_on_the_batch(subwords):
    texts = ["one", "four three", "one two three four", ""]
    for one, text in zip(subwords.align(texts), texts, strict=True):
        np.testing.assert_allclose(subwords.align([text])[0].weights, one.weights, atol=1e-5)


def test_a_learnt_translation_looks_at_the_word_that_it_translates():
    model = translator(
        source_level="word", target_level="word", max_epochs=60, attention="additive"
    ).fit(X, Y)
    right = [
        int(row.argmax()) == place
        for one in model.align(X)
        for place, row in enumerate(one.weights)
    ]
    assert np.mean(right) > 0.8
    assert model.align(X)[1].source == ["one", "two"]
    assert model.align(X)[1].target == ["하나", "둘"]


def test_an_alignment_is_drawn_and_written(subwords):
    (one,) = subwords.align(["one two"], ["one two"])
    axes = one.plot().axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == one.source
    assert [label.get_text() for label in axes.get_yticklabels()] == one.target
    assert np.asarray(one.to_dict()["weights"]).shape == one.weights.shape


def test_aligning_needs_texts(subwords):
    with pytest.raises(InputError, match="should hold texts"):
        subwords.align([[1, 2]])
