"""Options said once: what derives from a field, and what a value out of its domain is told."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest
from sklearn.base import clone

import rnnkit
from rnnkit import bptt, cells, learn, networks
from rnnkit.errors import OptionError
from rnnkit.learn import optimizers, schedules
from rnnkit.networks import attention, pooling
from rnnkit.options import ESTIMATORS, Whole, check, names, option, options, options_of, parse
from rnnkit.options.page import page, parameters
from rnnkit.options.table import NETWORK

PAGE = Path(__file__).parents[2] / "docs" / "options.md"


@options
class Sizes:
    hidden_size: int = option(64, "units of a layer", Whole(1))
    window: int | None = option(None, "steps seen", Whole(1))


@options
class Large(Sizes):
    hidden_size: int = 512


@options
class Voting(rnnkit.SequenceClassifier):
    """A classifier with an option and a default of its own."""

    votes: int = option(3, "models that vote", Whole(1), group=NETWORK)
    hidden_size: int = 8


class Small(rnnkit.SequenceClassifier):
    """A classifier with few parameters, as scikit-learn has its estimators written."""

    def __init__(self, hidden_size=8, *, epochs=2):
        super().__init__(hidden_size=hidden_size, embedding_size=8, max_epochs=epochs, cell="gru")
        self.epochs = epochs


TEXTS, LABELS = ["good film", "bad film", "so good", "so bad"] * 4, ["+", "-"] * 8


@pytest.mark.parametrize("name", ESTIMATORS)
def test_an_estimators_constructor_is_its_table(name):
    estimator = getattr(rnnkit, name)
    signature = inspect.signature(estimator).parameters
    table = options_of(estimator)
    assert set(signature) == set(table)
    assert all(signature[key].default == one.default for key, one in table.items())
    assert all(signature[key].kind is inspect.Parameter.KEYWORD_ONLY for key in table)
    assert estimator().get_params() == {key: one.default for key, one in table.items()}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_every_default_is_in_its_own_domain(name):
    check(getattr(rnnkit, name)())


def test_a_subclass_changes_a_default_and_keeps_what_is_said():
    ours, theirs = options_of(Large)["hidden_size"], options_of(Sizes)["hidden_size"]
    assert (ours.default, theirs.default) == (512, 64)
    assert (ours.meaning, ours.domain) == (theirs.meaning, theirs.domain)


def test_a_field_that_nobody_described_is_refused():
    @options
    class Deep(Sizes):
        depth: int = 3

    with pytest.raises(TypeError, match="depth has a default and no meaning"):
        options_of(Deep)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("batch_size", 0, "batch_size=0, but a whole number above 0 is expected"),
        ("batch_size", 2.5, "whole number"),
        ("batch_size", True, "whole number"),
        ("lr", 0.0, "lr=0.0, but a number above 0 is expected"),
        ("lr", "fast", "lr='fast'"),
        ("lr", float("nan"), "lr=nan"),
        ("weight_decay", -1, "a number from 0 on"),
        ("forget_bias", float("inf"), "forget_bias=inf"),
        ("validation_fraction", 1.0, r"a share in \[0, 1\)"),
        ("dropout", -0.1, "dropout=-0.1"),
        ("patience", 0, "patience=0"),
        ("clip_norm", 0, "clip_norm=0, but a number above 0 is expected"),
        ("bidirectional", "yes", "bidirectional='yes', but True or False is expected"),
        ("cell", "lstn", "Did you mean 'lstm'"),
        ("schedule", "one-cycel", "Did you mean 'one-cycle'"),
        ("optimizer", "adamax", "optimizer='adamax' is not known"),
        ("normalize", "NFX", "normalize='NFX'"),
        ("monitor", "perplexity", "Known: 'loss', 'accuracy'"),
        ("class_weight", "even", "'balanced' or a dict is expected"),
        ("language_model", 3, "the name of a file is expected"),
    ],
)
def test_a_value_out_of_its_domain_is_refused_before_anything_is_read(name, value, words):
    model = rnnkit.SequenceClassifier(**{name: value})
    with pytest.raises(OptionError, match=words):
        model.fit(["a", "b"] * 9, [0, 1] * 9)
    assert not hasattr(model, "classes_")


def test_numbers_of_numpy_are_numbers():
    sizes = {"hidden_size": np.int64(4), "lr": np.float32(0.01), "bidirectional": np.bool_(False)}
    check(rnnkit.SequenceClassifier(**sizes))


@pytest.mark.parametrize(
    ("text", "value"), [("32", 32), ("null", None)], ids=["a whole number", "nothing"]
)
def test_a_text_means_json(text, value):
    assert parse(options_of(Sizes)["window"], text) == value


def test_a_text_that_means_another_type_is_refused_in_words():
    with pytest.raises(OptionError, match=r"hidden_size=2\.5: a whole number is expected"):
        parse(options_of(Sizes)["hidden_size"], "2.5")


def test_a_class_of_options_can_be_cloned_with_its_values():
    model = clone(rnnkit.Translator(hidden_size=12, beam_size=2))
    assert (model.hidden_size, model.beam_size, repr(model)) == (
        12,
        2,
        "Translator(beam_size=2, hidden_size=12)",
    )


def test_names_to_choose_from_are_those_that_are_made():
    assert tuple(schedules._CLASSES) == names.SCHEDULES
    assert set(names.POOLINGS) == set(pooling.POOLINGS)
    assert set(names.ATTENTIONS) == set(attention.ATTENTIONS)
    assert names.SCHEMES == cells.SCHEMES
    for optimizer in names.OPTIMIZERS:
        optimizers.build_optimizer(cells.LSTM(1, 1), optimizer, lr=0.1)
    for cell in options_of(rnnkit.Translator)["cell"].domain.names:
        networks.build_encoder(
            cell,
            1,
            1,
            num_layers=1,
            bidirectional=False,
            dropout=0.0,
            recurrent_dropout=0.0,
            window=0,
        )
    assert learn.Trainer
    assert bptt.policy_of(None)


def test_the_page_of_options_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == page(), "python -m rnnkit.options.page > docs/..."


@pytest.mark.parametrize("name", ESTIMATORS)
def test_help_on_an_estimator_tells_its_options(name):
    estimator = getattr(rnnkit, name)
    assert parameters(estimator) in estimator.__doc__


def test_an_array_is_no_name_of_a_table():
    with pytest.raises(OptionError, match="but 'balanced' or a dict is expected"):
        check(rnnkit.SequenceClassifier(class_weight=np.ones(2)))


def test_verbose_may_be_true():
    check(rnnkit.SequenceClassifier(verbose=True))
    with pytest.raises(OptionError, match=r"verbose='1', but a whole number .* True or False"):
        check(rnnkit.SequenceClassifier(verbose="1"))


def test_what_splits_texts_is_a_function():
    with pytest.raises(OptionError, match="analyzer='words', but a function is expected"):
        check(rnnkit.SequenceClassifier(analyzer="words"))


# -- estimators of the user's own ---------------------------------------------------------------


def test_an_option_can_be_added_to_an_estimator():
    model = Voting(votes=5, lr=0.01)
    assert (model.votes, model.lr, model.hidden_size) == (5, 0.01, 8)
    assert model.get_params() == {**rnnkit.SequenceClassifier().get_params(), **vars(model)}
    assert repr(clone(model)) == repr(model) == "Voting(lr=0.01, votes=5)"
    with pytest.raises(OptionError, match="votes=0, but a whole number above 0 is expected"):
        Voting(votes=0).fit(TEXTS, LABELS)


def test_help_lists_an_option_that_was_added():
    assert "votes : default 3\n    models that vote: a whole number above 0" in Voting.__doc__
    assert "hidden_size : default 8\n" in Voting.__doc__
    assert Voting.__doc__.count("Parameters\n") == 1
    assert "votes" not in rnnkit.SequenceClassifier.__doc__


def test_an_estimator_may_have_a_constructor_of_its_own(tmp_path):
    model = Small(4)
    assert model.get_params() == {"hidden_size": 4, "epochs": 2}
    assert repr(clone(model)) == "Small(hidden_size=4)"
    model.fit(TEXTS, LABELS).save(tmp_path / "small.rnn")
    loaded = rnnkit.load(tmp_path / "small.rnn")
    assert (type(loaded), loaded.hidden_size, loaded.cell) == (Small, 4, "gru")
    assert loaded.predict(TEXTS).tolist() == model.predict(TEXTS).tolist()
    with pytest.raises(OptionError, match="hidden_size=0"):
        model.set_params(hidden_size=0).fit(TEXTS, LABELS)


def test_the_docstring_of_one_with_a_constructor_of_its_own_lists_no_others_options():
    assert inspect.getdoc(Small) == (
        "A classifier with few parameters, as scikit-learn has its estimators written."
    )


@pytest.mark.parametrize("model", [Voting(votes=2), Small(5), rnnkit.Captioner(beam_size=2)])
def test_options_are_pickled(model):
    copied = pickle.loads(pickle.dumps(model))
    assert type(copied) is type(model)
    assert copied.get_params() == model.get_params()


@pytest.mark.parametrize("estimator", [rnnkit.Translator, Voting, Small])
def test_a_name_that_is_no_option_is_refused_with_the_known_ones(estimator):
    with pytest.raises(ValueError, match=r"Invalid parameter 'hiden_size'.*'hidden_size'"):
        estimator().set_params(hiden_size=3)
    with pytest.raises(TypeError, match="hiden_size"):
        estimator(hiden_size=3)
