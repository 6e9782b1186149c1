"""The estimators' options as the command line shows and checks them."""

from __future__ import annotations

import json

import pytest

import rnnkit
from rnnkit.cli.parameters import COMMON, defaults, estimator_parameters, named_options
from rnnkit.cli.tasks import TASKS
from rnnkit.cli.tasks.series import Series
from rnnkit.cli.tasks.translate import Translate
from rnnkit.errors import OptionError
from rnnkit.options import ESTIMATORS, options_of


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_every_default_is_the_estimators_own_and_shown(run, task, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = " ".join(run("train", task.name, "--help").out.replace("│", " ").split())
    table = options_of(ESTIMATORS[task.estimator])
    assert set(COMMON) | set(task.options) == set(named_options(task))
    assert defaults(task)["hidden_size"] == table["hidden_size"].default
    for name, default in defaults(task).items():
        rest = told.split(f" --{name.replace('_', '-')} ")[1].split(" --")[0]
        assert (f"[default: {default}]" in rest) == (default is not None), rest


def test_names_stand_for_the_estimators_parameters():
    given = {"level": "jamo", "layers": 2, "epochs": 3, "seed": 4, "source": "a column"}
    assert estimator_parameters(Translate(), given, ["beam_size=2"]) == {
        "source_level": "jamo",
        "target_level": "jamo",
        "num_layers": 2,
        "max_epochs": 3,
        "random_state": 4,
        "beam_size": 2,
    }


def test_what_a_task_fixes_is_set_whatever_is_given():
    assert estimator_parameters(Series(), {}, [])["inputs"] == "series"


@pytest.mark.parametrize(
    ("given", "settings", "words"),
    [
        ({"level": "chars"}, [], "--level='chars' is not known. Did you mean 'char'?"),
        ({"dropout": 1.0}, [], "--dropout=1.0, but a share in [0, 1) is expected"),
        ({"batch_size": 0}, [], "--batch-size=0, but a whole number above 0"),
        ({}, ["beam_size=0"], "--set beam_size=0, but a whole number above 0"),
        ({}, ["beam_size=wide"], "--set beam_size=wide: a whole number is expected"),
        ({}, ["random_state=-1"], "--set random_state=-1, but a whole number from 0 on"),
        ({}, ["beem_size=2"], "Did you mean 'beam_size'?"),
    ],
)
def test_values_are_checked_before_anything_is_read(given, settings, words):
    with pytest.raises(OptionError) as told:
        estimator_parameters(Translate(), given, settings)
    assert words in str(told.value)


def test_compare_offers_no_option_of_one_cell(run):
    told = run("compare", "classify", "--help").out
    assert "--language-model" not in told
    assert "may be repeated (default: none, rnn, gru, lstm)" in " ".join(
        told.replace("│", " ").split()
    )


def test_a_level_of_both_sides_is_set_for_both(run, data, tmp_path):
    out = tmp_path / "m.rnn"
    columns = ("--source", "en", "--target", "ko", "--level", "word")
    sizes = ("--hidden-size", 4, "--embedding-size", 4, "--epochs", 1, "--set", "buckets=64")
    call = ("train", "translate", data / "pairs.tsv", *columns, *sizes, "-o", out, "-q", "--json")
    assert json.loads(run(*call).out)["epochs"] == 1
    model = rnnkit.load(out)
    assert (model.source_level, model.target_level, model.random_state) == ("word", "word", 0)
