"""What is particular to one estimator; the common checks are in test_common.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import rnnkit
from rnnkit import SequenceClassifier, SequenceTagger, Translator
from rnnkit.data import read_conllu
from rnnkit.errors import ArchiveError, InputError, OptionError, TrainingError
from rnnkit.learn import Callback
from rnnkit.vectorize import pad_sequences

FAST = {"hidden_size": 8, "embedding_size": 8, "max_epochs": 3, "lr": 0.02, "random_state": 0}


def classifier(**options):
    return SequenceClassifier(**{**FAST, "validation_fraction": 0, **options})


def tagger(**options):
    return SequenceTagger(
        **{**FAST, "validation_fraction": 0, "character_hidden_size": 4, "num_layers": 1, **options}
    )


def translator(**options):
    return Translator(**{**FAST, "validation_fraction": 0, "buckets": 64, **options})


TEXTS, LABELS = ["good film", "bad film", "so good", "so bad"] * 6, ["+", "-"] * 12


# -- inputs -------------------------------------------------------------------------------------


@pytest.mark.parametrize("side", ["pre", "post"])
def test_padding_on_either_side_of_ids_changes_nothing(side):
    X = [[2, 3], [4, 3, 3], [2], [4, 4]] * 4
    model = classifier(inputs="ids", max_epochs=5).fit(X, [0, 1] * 8)
    padded = pad_sequences(X, maxlen=9, padding=side)
    np.testing.assert_allclose(model.predict_proba(padded), model.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("side", ["front", "back", "both"])
def test_padding_on_either_side_of_series_changes_nothing(side):
    generator = np.random.default_rng(0)
    X = [generator.normal(size=(n, 2)) for n in (3, 7, 5, 4)]
    model = classifier().fit(X, [0, 1, 0, 1])
    padded = np.full((4, 12, 2), np.nan)
    for row, series in zip(padded, X, strict=True):
        start = {"front": 12 - len(series), "back": 0, "both": 2}[side]
        row[start : start + len(series)] = series
    np.testing.assert_allclose(model.predict_proba(padded), model.predict_proba(X), atol=1e-5)
    labels = [np.zeros(len(series), int).tolist() for series in X]
    labels[0][1] = 1
    labeler = tagger().fit(X, labels)
    for one, other in zip(labeler.predict_proba(padded), labeler.predict_proba(X), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_token_lists_and_strings_are_one_input_to_a_text_model():
    model = classifier().fit(TEXTS, LABELS)
    np.testing.assert_allclose(
        model.predict_proba([text.split() for text in TEXTS]), model.predict_proba(TEXTS)
    )


def test_arrays_and_columns_of_strings_are_texts():
    model = classifier().fit(np.array(TEXTS), np.array(LABELS))
    column = np.array(TEXTS, dtype=object)[:, None]
    assert model.predict(column).tolist() == model.predict(TEXTS).tolist()


def test_a_2d_array_is_one_series_a_row_and_other_lengths_come_in_a_list():
    X = np.random.default_rng(0).normal(size=(20, 6))
    model = classifier().fit(X, (X.sum(axis=1) > 0).astype(int))
    assert model.n_features_in_ == 6
    assert model.predict([X[0], X[1, :2], np.arange(50.0)]).shape == (3,)
    with pytest.raises(InputError, match=r"4 features.*give a list of them"):
        model.predict(X[:, :4])
    assert model.predict(list(X[:, :4])).shape == (20,)


def test_mixed_and_wrong_inputs_name_the_place():
    with pytest.raises(InputError, match=r"X\[1\] is 3 \(int\), but a string is expected"):
        classifier().fit(["a", 3], [0, 1])
    with pytest.raises(InputError, match=r"X\[1\].*but a list of strings is expected"):
        tagger().fit([["a"], "b"], [["N"], ["V"]])
    with pytest.raises(InputError, match="not numbers"):
        translator().fit([[1, 2]], ["a"])
    model = classifier().fit(TEXTS, LABELS)
    with pytest.raises(InputError, match="the model was fitted on text"):
        model.predict([[1.0, 2.0]])


def test_tokens_may_be_tuples_and_arrays():
    lists = [text.split() for text in TEXTS]
    model = classifier().fit(lists, LABELS)
    expected = model.predict(lists).tolist()
    assert model.predict([tuple(tokens) for tokens in lists]).tolist() == expected
    assert model.predict([np.array(tokens) for tokens in lists]).tolist() == expected
    assert model.predict(np.array(lists)).tolist() == expected
    assert model.predict(np.array(lists, dtype=object)).tolist() == expected


def test_what_comes_after_fit_must_be_of_the_same_kind():
    model = classifier().fit(TEXTS, LABELS)
    with pytest.raises(InputError, match="fitted on text"):
        model.partial_fit([[1.0, 2.0], [2.0, 3.0]], ["+", "-"])
    assert model.kind_ == "text"
    with pytest.raises(InputError, match="fitted on text"):
        classifier().fit(TEXTS, LABELS, validation=([[1.0, 2.0]], ["+"]))


def test_the_columns_of_a_table_survive_the_file_and_leave_with_the_table(tmp_path):
    X = np.random.default_rng(0).normal(size=(8, 5))
    model = classifier().fit(X, [0, 1] * 4)
    model.save(tmp_path / "m.rnn")
    loaded = rnnkit.load(tmp_path / "m.rnn")
    assert loaded.n_features_in_ == 5
    with pytest.raises(InputError, match="give a list of them"):
        loaded.predict(X[:, :3])
    ragged = [x[: 1 + i % 5] for i, x in enumerate(X)]
    assert not hasattr(loaded.fit(ragged, [0, 1] * 4), "n_features_in_")


# -- classifier ---------------------------------------------------------------------------------


def test_one_class_only_is_refused():
    with pytest.raises(InputError, match=r"one class only \('\+'\)"):
        classifier().fit(["a", "b"], ["+", "+"])


def test_class_weights_move_the_decision():
    X, y = ["same text"] * 40, [0] * 30 + [1] * 10

    def answer(class_weight):
        model = classifier(max_epochs=40, dropout=0, batch_size=40, class_weight=class_weight)
        return model.fit(X, y).predict_proba(X[:1])[0]

    plain, balanced, chosen = answer(None), answer("balanced"), answer({1: 30.0})
    assert plain[1] == pytest.approx(0.25, abs=0.07)
    assert balanced[1] == pytest.approx(0.5, abs=0.07)
    assert chosen[1] > 0.8
    with pytest.raises(OptionError, match="'2'"):
        classifier(class_weight={2: 1.0}).fit(X, y)


def test_a_class_weight_with_integer_keys_survives_the_file(tmp_path):
    model = classifier(class_weight={0: 1.0, 1: 2.0}).fit(["a", "b"] * 4, [0, 1] * 4)
    model.save(tmp_path / "m.rnn")
    assert rnnkit.load(tmp_path / "m.rnn").class_weight == {0: 1.0, 1: 2.0}


def test_label_types_come_back_from_the_file(tmp_path):
    model = classifier().fit(TEXTS, [1, 0] * 12)
    model.save(tmp_path / "m.rnn")
    predicted = rnnkit.load(tmp_path / "m.rnn").predict(TEXTS)
    assert predicted.dtype.kind == "i"
    assert predicted.tolist() == model.predict(TEXTS).tolist()


def test_partial_fit_takes_classes_that_come_later():
    model = classifier()
    model.partial_fit(["good"] * 4, [1] * 4, classes=[0, 1, 2])
    model.partial_fit(["bad", "odd"], [0, 2])
    assert model.classes_.tolist() == [0, 1, 2]
    assert model.predict_proba(["good"]).shape == (1, 3)
    with pytest.raises(InputError, match="not among classes"):
        classifier().partial_fit(["good"], [7], classes=[0, 1])
    with pytest.raises(InputError, match="label 9 was never seen"):
        model.partial_fit(["good"], [9])


def test_a_callable_analyzer_is_given_again_to_load(tmp_path):
    def words(text):
        return text.split()

    model = classifier(analyzer=words).fit(TEXTS, LABELS)
    model.save(tmp_path / "m.rnn")
    with pytest.raises(ArchiveError, match=r"load\(path, analyzer=\.\.\.\)"):
        rnnkit.load(tmp_path / "m.rnn")
    loaded = rnnkit.load(tmp_path / "m.rnn", analyzer=words)
    assert loaded.predict(TEXTS).tolist() == model.predict(TEXTS).tolist()
    with pytest.raises(OptionError, match="a SequenceClassifier has no such option"):
        rnnkit.load(tmp_path / "m.rnn", tokenizer=words)


@pytest.mark.parametrize(
    "options",
    [
        {"level": "char", "ngrams": 3, "whole_words": True, "buckets": 50},
        {"level": "jamo", "normalize": "NFKC"},
        {"lower": False, "num_words": 4, "min_count": 2, "max_length": 1, "truncating": "post"},
        {"pooling": "last", "bidirectional": False, "num_layers": 2, "recurrent_dropout": 0.5},
        {"optimizer": "sgd", "schedule": "cosine", "warmup": 0.2, "clip_norm": None},
        {"schedule": "plateau", "validation_fraction": 0.3, "patience": 1, "monitor": "loss"},
        {"label_smoothing": 0.1, "weight_decay": 0.0, "batch_size": 3, "verbose": 1},
    ],
)
def test_every_option_works_at_another_value_and_survives_the_file(options, tmp_path):
    model = classifier(**options).fit(TEXTS, LABELS)
    model.save(tmp_path / "m.rnn")
    loaded = rnnkit.load(tmp_path / "m.rnn")
    assert loaded.get_params() == model.get_params()
    assert (loaded.predict_proba(TEXTS) == model.predict_proba(TEXTS)).all()


def test_class_weights_that_cannot_be_are_refused():
    with pytest.raises(OptionError, match="weights are above 0"):
        classifier(class_weight={"+": 0.0}).fit(TEXTS, LABELS)
    with pytest.raises(OptionError, match="which has no '\\?'"):
        classifier(class_weight="balanced").partial_fit(TEXTS, LABELS, classes=["+", "-", "?"])


def test_labels_of_different_types_are_refused():
    with pytest.raises(InputError, match="some labels are strings and some are not"):
        tagger().fit([["a", "b"]], [[1, "N"]])


def test_each_call_of_partial_fit_drops_other_units():
    model = classifier(dropout=0.5).partial_fit(TEXTS, LABELS)
    first = torch.random.get_rng_state()
    seen = []
    model.module_.dropout.register_forward_hook(lambda _m, _i, out: seen.append(out == 0))
    model.partial_fit(TEXTS, LABELS).partial_fit(TEXTS, LABELS)
    assert not torch.equal(seen[0], seen[1])
    assert torch.equal(first, torch.random.get_rng_state())


def test_whole_numbers_are_asked_for_where_they_are_needed():
    with pytest.raises(OptionError, match=r"max_epochs=2\.5, but a whole number"):
        classifier(max_epochs=2.5).fit(TEXTS, LABELS)


def test_patience_without_validation_examples_says_how_to_get_some():
    for options in ({"patience": 2}, {"schedule": "plateau"}):
        with pytest.raises(OptionError, match="raise validation_fraction"):
            classifier(**options).fit(TEXTS, LABELS)


# -- training -----------------------------------------------------------------------------------


class InterruptAfter(Callback):
    def __init__(self, epoch):
        self.epoch = epoch

    def on_epoch_end(self, _trainer, record):
        if record["epoch"] == self.epoch:
            raise KeyboardInterrupt


def test_an_interrupt_keeps_a_model_that_predicts(tmp_path):
    model = classifier(max_epochs=50)
    with pytest.warns(RuntimeWarning, match="interrupted"):
        model.fit(TEXTS, LABELS, callbacks=[InterruptAfter(2)])
    assert model.history_.stopped == "interrupted"
    assert len(model.history_.epochs) == 2
    model.save(tmp_path / "m.rnn")
    assert rnnkit.load(tmp_path / "m.rnn").predict(TEXTS).shape == (24,)


def test_training_that_explodes_says_what_to_try():
    X = [np.full((5, 1), 1e30), np.full((5, 1), -1e30)] * 4
    with pytest.raises(TrainingError, match="lower lr"):
        classifier(scale="none", lr=1e9, cell="none", clip_norm=None).fit(X, [0, 1] * 4)


def test_the_best_validated_epoch_is_kept_and_early_stopping_stops():
    model = classifier(max_epochs=60, patience=3, lr=0.05).fit(
        TEXTS, LABELS, validation=(["good one", "bad one"], ["+", "-"])
    )
    history = model.history_
    assert history.stopped == "patience"
    accuracies = history.values("valid_accuracy")
    assert history.best["valid_accuracy"] == max(accuracies)
    first_best = accuracies.index(max(accuracies)) + 1
    assert len(history.epochs) == first_best + 3


def test_a_validation_label_never_seen_in_training_is_named():
    with pytest.raises(InputError, match="'\\?' was never seen"):
        classifier().fit(TEXTS, LABELS, validation=(["good"], ["?"]))


def test_the_vocabulary_never_sees_validation_texts():
    texts = [f"word{i}" for i in range(100)]
    model = classifier(validation_fraction=0.5).fit(texts, [0, 1] * 50)
    assert len(model.vectorizer_.tokenizer.word_index) == 50 + 1


def test_a_label_that_is_only_in_the_held_out_share_is_known():
    X, y = [["a", "b"]] * 9 + [["oh", "b"]], [["N", "V"]] * 9 + [["INTJ", "V"]]
    for seed in range(12):
        model = tagger(validation_fraction=0.2, max_epochs=1, random_state=seed).fit(X, y)
        assert model.classes_.tolist() == ["INTJ", "N", "V"]


# -- tagger -------------------------------------------------------------------------------------


def test_unequal_numbers_of_steps_and_labels_are_named():
    with pytest.raises(InputError, match=r"X\[1\] has 2 steps but y\[1\] has 1 labels"):
        tagger().fit([["a"], ["b", "c"]], [["N"], ["V"]])
    with pytest.raises(InputError, match=r"X\[0\] is empty"):
        tagger().fit([[], ["b"]], [[], ["V"]])
    with pytest.raises(InputError, match="a list of labels for each sequence"):
        tagger().fit([["a"], ["b"]], ["N", "V"])
    with pytest.raises(InputError, match="one class only"):
        tagger().fit([["a"], ["b"]], [["N"], ["N"]])


def test_strings_are_split_at_white_space():
    model = tagger().fit(["dogs bark", "cats sleep"] * 4, [["N", "V"]] * 8)
    assert model.predict(["dogs  sleep"]) == model.predict([["dogs", "sleep"]])


def test_characters_tell_unknown_words_apart():
    X = [[stem + ending] for stem in ("walk", "talk", "jump", "bak") for ending in ("ing", "ers")]
    y = [["VERB" if word.endswith("ing") else "NOUN"] for (word,) in X]
    model = tagger(max_epochs=40, affixes=0, character_hidden_size=16).fit(X * 3, y * 3)
    assert model.predict([["hiking"], ["hikers"]]) == [["VERB"], ["NOUN"]]
    blind = tagger(max_epochs=3, affixes=0, character_size=0).fit(X * 3, y * 3)
    first, second = blind.predict_proba([["hiking"], ["hikers"]])
    assert np.allclose(first, second)


def test_a_tagger_learns_from_a_real_treebank(corpora):
    folder = corpora / "pos" / "en_ewt"
    dev = read_conllu(folder / "en_ewt-ud-dev.conllu.gz")
    test = read_conllu(folder / "en_ewt-ud-test.conllu.gz")
    model = SequenceTagger(
        hidden_size=48, num_layers=1, max_epochs=3, lr=0.01, random_state=0, validation_fraction=0
    ).fit(dev.tokens, dev.tags)
    assert model.score(test.tokens[:400], test.tags[:400]) > 0.82


def test_a_tagger_takes_labels_that_come_later():
    model = tagger().partial_fit([["a", "b"]], [["N", "V"]], classes=["N", "V", "ADV"])
    assert model.partial_fit([["c"]], [["ADV"]]).classes_.tolist() == ["ADV", "N", "V"]
    with pytest.raises(InputError, match="'X', which is not among classes"):
        tagger().partial_fit([["a"]], [["X"]], classes=["N", "V"])


# -- translator ---------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def numbers():
    words = ["one", "two", "three", "four"]
    X = [f"{a} {b}" for a in words for b in words]
    korean = dict(zip(words, ["하나", "둘", "셋", "넷"], strict=True))
    y = [" ".join(korean[word] for word in x.split()) for x in X]
    return X, y, translator(hidden_size=24, embedding_size=24, max_epochs=60, dropout=0).fit(X, y)


def test_n_best_translations_are_distinct_and_sorted_with_their_probabilities(numbers):
    X, y, model = numbers
    for several, expected in zip(model.translate(X, n_best=3), y, strict=True):
        assert several[0].text == expected
        assert len({one.text for one in several}) == 3
        assert [one.score for one in several] == sorted((o.score for o in several), reverse=True)
        assert 0 < sum(one.probability for one in several) <= 1 + 1e-6
    with pytest.raises(OptionError, match="n_best=9"):
        model.translate(X, n_best=9)


def test_the_probability_of_a_translation_is_the_product_of_its_softmaxes(numbers):
    X, _, model = numbers
    for text, rows in zip(X[:5], model.predict_proba(X[:5]), strict=True):
        (best,) = model.translate([text])[0]
        ids = [*model.codec_.encode_targets([best.text])[0], 0]
        product = float(np.prod([row[i] for row, i in zip(rows, ids, strict=True)]))
        assert best.probability == pytest.approx(product, rel=1e-4)


def test_sampling_is_seeded_and_cold_sampling_is_greedy(numbers):
    X, _, model = numbers
    hot = [model.sample(X, temperature=5.0, random_state=seed) for seed in (1, 1, 2)]
    assert hot[0] == hot[1] != hot[2]
    cold = [one.text for one in model.sample(X, temperature=1e-4)]
    assert cold == [one[0].text for one in model.translate(X, beam_size=1)]


def test_short_sources_with_long_targets_are_learnt():
    X, y = ["hi", "yo"], ["안녕하세요 여러분", "반가워요 여러분"]
    options = {"hidden_size": 32, "embedding_size": 32, "dropout": 0, "input_feeding": False}
    model = translator(max_epochs=60, batch_size=4, **options).fit(X * 4, y * 4)
    assert model.predict(X) == y


def test_words_are_the_same_composed_and_decomposed():
    X = ["caf\u00e9 one", "two"] * 4
    model = translator(source_level="word").fit(X, ["하나", "둘"] * 4)
    (composed,), (decomposed,) = (model.translate([text]) for text in (X[0], "cafe\u0301 one"))
    assert composed == decomposed


def test_a_wrong_target_is_called_y():
    with pytest.raises(InputError, match=r"y\[1\] is None"):
        translator().fit(["a", "b"], ["가", None])


def test_an_unknown_target_token_is_never_produced(numbers):
    X, _, model = numbers
    assert all("<oov>" not in one.text for one in model.sample(X, temperature=50.0))


@pytest.mark.parametrize(
    "options",
    [
        {"source_level": "word", "target_level": "word", "attention": "multiplicative"},
        {"source_level": "jamo", "target_level": "jamo", "input_feeding": False, "tied": False},
        {
            "source_level": "char",
            "source_words": False,
            "source_ngrams": 1,
            "lower": True,
            "num_layers": 2,
            "cell": "gru",
        },
        {"target_num_words": 5, "min_count": 2, "max_length": 3},
        {"length_penalty": 0.0, "label_smoothing": 0.0, "beam_size": 1, "normalize": None},
    ],
)
def test_translators_options_work_and_survive_the_file(options, numbers, tmp_path):
    X, y, _ = numbers
    model = translator(**options).fit(X, y)
    model.save(tmp_path / "m.rnn")
    loaded = rnnkit.load(tmp_path / "m.rnn")
    assert loaded.get_params() == model.get_params()
    assert loaded.predict(X) == model.predict(X)


def test_one_file_holds_one_copy_of_tied_weights(numbers, tmp_path):
    _, _, model = numbers
    model.save(tmp_path / "m.rnn")
    _, tensors = rnnkit.archive.read(tmp_path / "m.rnn")
    assert "decoder.embedding.weight" in tensors
    assert "decoder.output.weight" not in tensors
    loaded = rnnkit.load(tmp_path / "m.rnn")
    assert loaded.module_.decoder.output.weight is loaded.module_.decoder.embedding.weight


def test_a_model_of_an_unknown_estimator_says_to_upgrade(tmp_path):
    rnnkit.archive.write(tmp_path / "m.rnn", {"estimator": "Oracle"}, {"w": np.ones(1)})
    with pytest.raises(ArchiveError, match=r"'Oracle'.*Upgrade"):
        rnnkit.load(tmp_path / "m.rnn")


def test_history_says_how_training_went_after_loading(numbers, tmp_path):
    _, _, model = numbers
    model.save(tmp_path / "m.rnn")
    history = rnnkit.load(tmp_path / "m.rnn").history_
    assert len(history.epochs) == 60
    assert history.stopped == "max_epochs"


def test_a_step_without_a_label_is_read_but_teaches_nothing_and_is_not_scored():
    generator = np.random.default_rng(0)
    X = [generator.normal(size=(12, 1)) for _ in range(30)]
    y = [(np.cumsum(x) > 0).astype(int).tolist() for x in X]
    some = [[None if step % 3 == 0 else label for step, label in enumerate(row)] for row in y]
    options = {"max_epochs": 30, "lr": 0.02, "hidden_size": 16, "num_layers": 1, "random_state": 0}
    model = SequenceTagger(**options).fit(X, some)
    assert model.classes_.tolist() == [0, 1]
    assert all(label in (0, 1) for row in model.predict(X) for label in row)
    assert model.score(X, y) > 0.85
    assert model.score(X, some) > 0.85
    with pytest.raises(InputError, match="whole paths, but some labels are None"):
        SequenceTagger(**options, crf=True).fit(X, some)
    with pytest.raises(InputError, match="no sequence has one with a label"):
        model.score(X, [[None] * 12] * 30)


def test_a_tagger_of_long_series_carries_its_state_from_window_to_window():
    # The first value alone says the label of every step.
    generator = np.random.default_rng(0)
    X = [generator.normal(size=(60, 1)) for _ in range(40)]
    y = [[int(x[0, 0] > 0)] * 60 for x in X]
    for x, row in zip(X, y, strict=True):
        x[0] = 3.0 if row[0] else -3.0
    options = {"max_epochs": 15, "lr": 0.02, "hidden_size": 16, "num_layers": 1, "random_state": 0}
    model = SequenceTagger(
        **options, bidirectional=False, update_every=10, dropout=0.0, validation_fraction=0
    ).fit(X, y)
    assert model.history_.epochs[0]["steps"] == 12  # two batches of six windows
    assert model.score(X, y) > 0.95
    with pytest.raises(OptionError, match="bidirectional=False and crf=False"):
        SequenceTagger(update_every=10).fit(X, y)
