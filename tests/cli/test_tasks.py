"""Tasks as the commands see them: what they recognize, their columns, and one more of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from rnnkit import LanguageModel, SequenceClassifier, SequenceRegressor, SequenceTagger
from rnnkit.cli import options as opt
from rnnkit.cli import training
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.parameters import estimator_parameters
from rnnkit.cli.tasks import (
    TASKS,
    Answer,
    Asked,
    Report,
    Task,
    columns_of,
    registry,
    task_of,
)
from rnnkit.errors import InputError

QUICK = {"hidden_size": 4, "max_epochs": 1, "validation_fraction": 0.0, "random_state": 0}
SERIES = [np.zeros(4), np.ones(4)] * 4


def test_a_fitted_model_says_which_task_it_was_trained_for():
    texts, labels = ["good", "bad"] * 4, ["p", "n"] * 4
    of_texts = SequenceClassifier(**QUICK).fit(texts, labels)
    of_series = SequenceClassifier(**QUICK).fit(SERIES, labels)
    forecaster = SequenceRegressor(output="step", **QUICK).fit(SERIES)
    writer = LanguageModel(**QUICK).fit("good bad " * 30)
    models = [of_texts, of_series, forecaster, writer]
    assert [task_of(one).name for one in models] == ["classify", "series", "forecast", "language"]


def test_a_model_of_what_no_command_reads_is_left_to_python():
    numbers = SequenceRegressor(**QUICK).fit(SERIES, [0.0, 1.0] * 4)
    steps = SequenceTagger(**QUICK).fit(SERIES, [["a", "b", "a", "b"]] * 8)
    for model in (numbers, steps):
        with pytest.raises(InputError, match=rf"{type(model).__name__} .* from Python"):
            task_of(model)


def test_the_columns_of_a_task_are_the_keywords_of_its_methods():
    classify, *_ = TASKS
    assert columns_of(classify.read) == {"text": opt.Text, "label": opt.Label}
    assert columns_of(classify.predict) == {"text": opt.Texts}


class Capitals(Task["SequenceClassifier", str, str]):
    """A ninth task: whether a word of a file of lines begins with a capital letter."""

    name = "capitals"
    help = "Whether words begin with a capital letter."
    estimator = "SequenceClassifier"
    noun = "words"
    options = ("level",)
    fixed = {"level": "char", "lower": False}

    def read(self, path: Path) -> Dataset[str, str]:
        words = path.read_text().split()
        labels = ["capital" if word.istitle() else "small" for word in words]
        return Dataset(words, labels, range(1, len(words) + 1), path)

    def recognizes(self, model) -> bool:
        return getattr(model, "lower", True) is False

    def labels(self, target: str) -> Sequence[str]:
        return (target,)

    def predict(self, model, inputs: Sequence[str], asked: Asked) -> Iterator[Answer]:
        for word, label in zip(inputs, model.predict(inputs).tolist(), strict=True):
            yield Answer([[word, label]], {"word": word, "label": label, "proba": asked.proba})

    def evaluate(self, model, dataset: Dataset[str, str]) -> Report:
        right = float(np.mean(model.predict(dataset.X) == dataset.y))
        return Report({"right": right}, [f"right: {right:.2f}"])


def test_a_ninth_task_is_one_class(run, tmp_path, monkeypatch, capsys):
    task = Capitals()
    monkeypatch.setattr(registry, "TASKS", (task, *TASKS))
    path, out = tmp_path / "words.txt", tmp_path / "m.rnn"
    path.write_text("One two Three four Five six Seven eight " * 5)
    given = {"epochs": 30, "hidden_size": 16, "lr": 0.02, "batch_size": 8, "dropout": 0.0}
    parameters = estimator_parameters(task, given, ["validation_fraction=0"])
    training.train(task, parameters, task.read(path), None, out=out, quiet=True, as_json=True)
    report = json.loads(capsys.readouterr().out)
    assert (report["examples"], report["estimator"]) == (40, "SequenceClassifier")
    assert run("predict", out, "One", "six").out == "One\tcapital\nsix\tsmall\n"
    told = json.loads(run("predict", out, "One", "--proba", "--json").out)
    assert told == {"word": "One", "label": "capital", "proba": True}
    assert run("evaluate", out, path).out == "examples: 40\nright: 1.00\n"
    assert json.loads(run("evaluate", out, path, "--json").out)["right"] == 1.0
    path.write_text("one two")
    refused = run("evaluate", out, path, "--text", "x")
    assert "--text does not fit a SequenceClassifier of `train capitals`" in refused.err
