from __future__ import annotations

import numpy as np
import pytest
import torch

import rnnkit
from rnnkit import LanguageModel, SequenceClassifier, SequenceRegressor
from rnnkit.errors import ArchiveError, OptionError
from rnnkit.networks import RecurrentEncoder

SIZES = {"embedding_size": 12, "hidden_size": 16, "num_layers": 1}
# What is good or bad stands in the same places as what is fine or poor.
UNLABELLED = [
    f"{place} was a {word} {what}"
    for place in ("it", "this")
    for words, what in ((("good", "fine"), "joy"), (("bad", "poor"), "bore"))
    for word in words
] * 10
TEXTS, LABELS = ["it was a good", "it was a bad"] * 10, ["+", "-"] * 10


def language_model(**options):
    settings = {**SIZES, "dropout": 0.0, "bptt_steps": 6, "batch_size": 4, "lr": 0.02}
    return LanguageModel(**{**settings, "max_epochs": 15, "random_state": 0, **options})


def classifier(**options):
    settings = {**SIZES, "bidirectional": False, "dropout": 0.0, "random_state": 0}
    return SequenceClassifier(**{**settings, "max_epochs": 8, "lr": 0.01, **options})


def untrained(**options):
    """A classifier that has taken no step worth the name."""
    return classifier(lr=1e-12, weight_decay=0.0, max_epochs=1, rare_dropout=0.0, **options)


@pytest.fixture(scope="module")
def model():
    return language_model().fit(UNLABELLED)


@pytest.fixture(scope="module")
def path(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("start") / "language.rnn"
    model.save(path)
    return path


def encoder_of(estimator):
    return next(p for p in estimator.module_.modules() if isinstance(p, RecurrentEncoder))


def close(one, other):
    return torch.allclose(one, other, rtol=0, atol=1e-6)


def test_tokens_begin_with_the_vectors_that_the_language_model_has_of_them(model, path):
    started = untrained(language_model=path).fit(TEXTS, LABELS)
    theirs = model.module_.embedding.tables[0].weight
    ours = started.module_.embedding.tables[0].weight
    words = started.vectorizer_.tokenizer.word_index
    assert {"good", "poor", "bore"} <= set(words)  # the last two stand in no labelled text
    for word, index in words.items():
        place = 1 if word == "<oov>" else model.vectorizer_.tokens.index(word)
        assert close(ours[index], theirs[place]), word


def test_pairs_that_the_language_model_has_not_read_say_nothing_at_first(model, path):
    started = untrained(language_model=path, ngrams=2, buckets=50).fit(TEXTS, LABELS)
    words, pairs = started.module_.embedding.tables
    assert torch.all(pairs.weight.abs() < 1e-6)
    assert close(words.weight[1], model.module_.embedding.tables[0].weight[1])


def test_pairs_are_learnt_from_that_beginning(path):
    started = classifier(language_model=path, ngrams=2, buckets=50).fit(TEXTS, LABELS)
    _, pairs = started.module_.embedding.tables
    assert pairs.weight.abs().max() > 0.01


def test_the_layer_of_the_language_model_is_the_first_one(model, path):
    theirs = model.module_.encoder.state_dict()
    started = untrained(language_model=path, num_layers=2).fit(TEXTS, LABELS)
    ours = encoder_of(started).state_dict()
    assert all(close(ours[name], weights) for name, weights in theirs.items())
    assert len(ours) == 2 * len(theirs)


def test_a_network_that_reads_from_both_ends_takes_it_for_the_forward_direction(model, path):
    started = untrained(language_model=path, bidirectional=True).fit(TEXTS, LABELS)
    ours = encoder_of(started).state_dict()
    for name, weights in model.module_.encoder.state_dict().items():
        assert close(ours[name], weights)
        assert "bias" in name or not close(ours[f"{name}_reverse"], weights)


def test_all_layers_of_a_deep_language_model_are_taken_over(tmp_path):
    deep = language_model(num_layers=2, max_epochs=1).fit(UNLABELLED)
    deep.save(tmp_path / "deep.rnn")
    started = untrained(language_model=tmp_path / "deep.rnn", num_layers=2).fit(TEXTS, LABELS)
    ours = encoder_of(started).state_dict()
    theirs = deep.module_.encoder.state_dict()
    assert all(close(ours[name], weights) for name, weights in theirs.items())


def test_what_no_labelled_text_says_is_understood_from_the_unlabelled_ones(path):
    options = {"pooling": "last", "batch_size": 4}
    started, from_scratch = (
        [model.predict_proba([f"this was a {word}"])[0, 0] for word in ("fine", "poor")]
        for model in (
            classifier(language_model=path, **options).fit(TEXTS, LABELS),
            classifier(**options).fit(TEXTS, LABELS),
        )
    )
    assert started[0] > 0.5 > started[1]
    assert from_scratch[0] == from_scratch[1]  # without it both are just unknown


def test_training_ends_elsewhere_than_it_began(model, path):
    started = classifier(language_model=path).fit(TEXTS, LABELS)
    weights = model.module_.encoder.state_dict()
    assert not close(encoder_of(started).state_dict()[name := next(iter(weights))], weights[name])


def test_the_file_of_the_language_model_is_not_needed_again(model, tmp_path):
    model.save(tmp_path / "language.rnn")
    started = classifier(language_model=tmp_path / "language.rnn").fit(TEXTS, LABELS)
    started.save(tmp_path / "classifier.rnn")
    (tmp_path / "language.rnn").unlink()
    loaded = rnnkit.load(tmp_path / "classifier.rnn")
    assert (loaded.predict_proba(TEXTS) == started.predict_proba(TEXTS)).all()
    assert loaded.language_model == str(tmp_path / "language.rnn")


def test_partial_fit_begins_with_it_and_then_goes_on(model, path):
    started = classifier(language_model=path, lr=1e-12, weight_decay=0.0).partial_fit(TEXTS, LABELS)
    name, weights = next(iter(model.module_.encoder.state_dict().items()))
    assert close(encoder_of(started).state_dict()[name], weights)
    started.set_params(lr=0.01)
    for _ in range(3):
        started.partial_fit(TEXTS, LABELS)


def test_a_regressor_of_texts_begins_with_it_too(model, path):
    regressor = SequenceRegressor(
        **SIZES, bidirectional=False, language_model=path, max_epochs=20, lr=0.01, random_state=0
    )
    regressor.fit(TEXTS, [1.0, 0.0] * 10)
    fine, poor = regressor.predict(["this was a fine", "this was a poor"])
    assert fine > poor
    assert "bore" in regressor.vectorizer_.tokenizer.word_index


def test_texts_are_read_as_the_language_model_read_them(tmp_path):
    texts = ["Good, good!\tcafe\u0301", "it was\xa0Bad"] * 8
    language = language_model(normalize="NFC", max_epochs=1).fit(texts)
    language.save(tmp_path / "language.rnn")
    started = untrained(language_model=tmp_path / "language.rnn").fit(texts, [1, 0] * 8)
    theirs, ours = language.vectorizer_, started.vectorizer_
    for text in [*texts[:2], "Good, Terrible"]:
        read = [theirs.tokens[index] for index in theirs.transform([text])[0][:-1]]
        assert ours.tokens(ours.transform([text])[0][:, 0]) == [
            "<oov>" if token == "<unk>" else token for token in read
        ]
    started.save(tmp_path / "classifier.rnn")
    loaded = rnnkit.load(tmp_path / "classifier.rnn")
    assert (loaded.predict_proba(texts) == started.predict_proba(texts)).all()


@pytest.mark.parametrize("level", ["char", "jamo"])
def test_characters_and_jamo_are_taken_over(level, tmp_path):
    language = language_model(level=level, max_epochs=1).fit(["참 좋다", "너무 나쁘다"] * 8)
    language.save(tmp_path / "language.rnn")
    started = untrained(language_model=tmp_path / "language.rnn", level=level).fit(
        ["좋다", "나쁘다"] * 4, [1, 0] * 4
    )
    assert len(started.vectorizer_.tokenizer.word_index) == language.vectorizer_.size - 1
    ours = started.module_.embedding.tables[0].weight
    theirs = language.module_.embedding.tables[0].weight
    assert close(ours[2:], theirs[2:])


def test_words_that_the_language_model_saw_once_stay_rare(tmp_path):
    language = language_model(max_epochs=1, validation_fraction=0).fit(["a b a c a b"] * 8 + ["d"])
    language.save(tmp_path / "language.rnn")
    started = untrained(language_model=tmp_path / "language.rnn").fit(["a b", "c"] * 4, [1, 0] * 4)
    assert started.vectorizer_.tokens(started.vectorizer_.rare()) == ["d"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"cell": "gru"}, r"cell='lstm', but this SequenceClassifier has cell='gru'"),
        ({"hidden_size": 8}, r"hidden_size=16, but .* hidden_size=8: give hidden_size=16"),
        ({"embedding_size": 8}, r"embedding_size=12, but .* embedding_size=8"),
        ({"level": "char"}, r"level='word', but .* level='char'"),
    ],
)
def test_networks_that_are_not_alike_are_named(options, said, path):
    with pytest.raises(OptionError, match=said):
        classifier(language_model=path, **options).fit(TEXTS, LABELS)


@pytest.mark.parametrize("options", [{}, {"bidirectional": True, "num_layers": 2}])
def test_more_layers_than_there_is_room_for_are_refused(options, tmp_path):
    language_model(num_layers=2, max_epochs=1).fit(UNLABELLED).save(tmp_path / "deep.rnn")
    with pytest.raises(OptionError, match=r"num_layers=2, of which .* can take over 1"):
        classifier(language_model=tmp_path / "deep.rnn", **options).fit(TEXTS, LABELS)


def test_a_language_model_without_memory_has_no_layer_to_give(tmp_path):
    language_model(cell="none", max_epochs=1).fit(UNLABELLED).save(tmp_path / "none.rnn")
    with pytest.raises(OptionError, match="cell='none'"):
        classifier(language_model=tmp_path / "none.rnn", cell="none").fit(TEXTS, LABELS)


def test_series_cannot_begin_with_a_language_model(path):
    with pytest.raises(OptionError, match="X holds series and no"):
        classifier(language_model=path).fit(np.random.default_rng(0).random((8, 5)), [0, 1] * 4)


def test_another_file_than_a_language_models_is_refused(tmp_path):
    with pytest.raises(ArchiveError, match="no such file"):
        classifier(language_model="nowhere.rnn").fit(TEXTS, LABELS)
    untrained().fit(TEXTS, LABELS).save(tmp_path / "classifier.rnn")
    with pytest.raises(OptionError, match="is the file of a SequenceClassifier, but"):
        classifier(language_model=tmp_path / "classifier.rnn").fit(TEXTS, LABELS)
