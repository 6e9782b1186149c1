"""Series from tables and .ts files through the commands, as a user runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rnnkit
from rnnkit import SequenceClassifier, SequenceRegressor

SMALL = ("--hidden-size", "8", "--batch-size", "8", "--lr", "0.02", "--quiet")
COLUMNS = ("--id", "firm", "--time", "year")


def firms(path, count=24, seed=0):
    """Firms whose sales fall have failed; of a few a year's sales are missing."""
    generator = np.random.default_rng(seed)
    lines = ["firm,year,sales,debt,failed"]
    for firm in range(count):
        failed = firm % 2
        sales = 100 + np.cumsum(generator.normal(-5 if failed else 5, 1.0, size=4))
        for year in range(4):
            shown = "" if (firm + year) % 7 == 0 else f"{sales[year]:.3f}"
            lines.append(f"F{firm},{2000 + year},{shown},{generator.normal():.3f},{failed}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    return firms(tmp_path_factory.mktemp("series") / "firms.csv")


@pytest.fixture
def ts_file(tmp_path):
    generator = np.random.default_rng(0)
    lines = ["@classLabel true down up", "@data"]
    for case in range(24):
        steps = np.cumsum(generator.normal(1 if case % 2 else -1, 0.3, size=5 + case % 3))
        lines.append(",".join(f"{x:.3f}" for x in steps) + f":{'up' if case % 2 else 'down'}")
    path = tmp_path / "tiny.ts"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_firms_that_fail_are_told_by_their_rows(run, table, tmp_path):
    out = tmp_path / "firms.rnn"
    trained = run(
        *("train", "series", table, *COLUMNS, "--label", "failed", "-o", out, "--json"),
        *("--epochs", "10", "--set", "scale=signed-log", *SMALL),
    )
    assert trained.code == 0
    assert json.loads(trained.out)["examples"] == 24
    model = rnnkit.load(out)
    assert isinstance(model, SequenceClassifier)
    assert model.scale == "signed-log"
    # The label and the time are no features; sales have a column that tells where they lack.
    assert model.vectorizer_.num_features == 3
    others = firms(tmp_path / "others.csv", seed=1)
    scored = run("evaluate", out, others, *COLUMNS, "--label", "failed", "--json")
    scores = json.loads(scored.out)
    assert scores["accuracy"] >= 0.9
    assert scores["roc_auc"] >= 0.95
    assert scores["average_precision"] >= 0.95
    assert scores["mcc"] >= 0.8
    shown = run("predict", out, others, *COLUMNS, "--ignore", "failed").out.splitlines()
    assert len(shown) == 24
    assert shown[0].split("\t")[::2] == ["0", "F0"]
    (first, *_) = run(
        "predict", out, others, *COLUMNS, "--ignore", "failed", "--json", "--proba"
    ).out.splitlines()
    assert json.loads(first)["id"] == "F0"
    assert set(json.loads(first)["probabilities"]) == {"0", "1"}


def test_a_ts_file_needs_no_columns(run, ts_file, tmp_path):
    out = tmp_path / "tiny.rnn"
    trained = run("train", "series", ts_file, "-o", out, "--epochs", "10", *SMALL)
    assert trained.code == 0
    report = run("evaluate", out, ts_file).out
    assert "ROC-AUC: 1.0000" in report
    assert "MCC: 1.0000" in report
    assert run("predict", out, ts_file).out.splitlines()[0].split("\t")[0] == "down"


def test_forecasts_are_held_against_nothing_changing(run, tmp_path):
    path = tmp_path / "waves.csv"
    rows = [f"{who},{step},{np.sin(step / 3 + who):.5f}" for who in range(4) for step in range(60)]
    path.write_text("wave,step,x\n" + "\n".join(rows) + "\n")
    columns = ("--id", "wave", "--time", "step")
    out = tmp_path / "waves.rnn"
    trained = run(
        *("train", "forecast", path, *columns, "-o", out, "--epochs", "60"),
        *("--update-every", "15", *SMALL),
    )
    assert trained.code == 0
    model = rnnkit.load(out)
    assert isinstance(model, SequenceRegressor)
    assert (model.output, model.update_every) == ("step", 15)
    scores = json.loads(run("evaluate", out, path, *columns, "--json").out)
    assert scores["steps"] == 4 * 59
    assert scores["mae"] < scores["naive_mae"] / 2
    assert "MAE: " in run("evaluate", out, path, *columns).out
    name, value = run("predict", out, path, *columns).out.splitlines()[1].split("\t")
    assert name == "1"
    assert float(value) == pytest.approx(np.sin(60 / 3 + 1), abs=0.2)
    page = tmp_path / "page.html"
    assert run("diagnose", out, path, *columns, "-o", page, "--bptt", "truncated(5)").code == 0


def test_compare_shows_what_memory_buys(run, ts_file):
    call = ("compare", "series", ts_file, "--epochs", "3", *SMALL)
    lines = run(*call).out.splitlines()
    assert lines[0].split() == ["cell", "accuracy", "parameters", "seconds", "epochs"]
    assert [line.split()[0] for line in lines[1:5]] == ["none", "rnn", "gru", "lstm"]
    assert lines[5] == "on 4 series that no model has seen"
    told = json.loads(run(*call, "--cell", "gru", "--cell", "none", "--json").out)
    assert [row["cell"] for row in told["rows"]] == ["gru", "none"]
    assert (told["score"], told["train"], told["test"]) == ("accuracy", 20, 4)
    assert all(row["epochs"] == 3 and row["parameters"] > 0 for row in told["rows"])
    on_itself = run(*call, "--test", ts_file, "--cell", "gru", "--json")
    assert json.loads(on_itself.out)["test"] == 24


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--time", "year", "--label", "failed"), "--id is needed"),
        ((*COLUMNS, "--label", "faild"), "Did you mean 'failed'"),
        ((*COLUMNS, "--label", "debt"), "a series has one label"),
        (("--id", "firm", "--label", "failed", "--feature", "rank"), "'rank'"),
        ((*COLUMNS, "--label", "failed", "--cell", "lstn"), "Did you mean 'lstm'"),
    ],
)
def test_what_cannot_be_read_is_told_in_one_line(run, table, tmp_path, arguments, words):
    result = run("train", "series", table, "-o", tmp_path / "x.rnn", *arguments, "--quiet")
    assert result.code in (1, 2)
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "x.rnn").exists()


def test_options_of_series_do_not_fit_a_model_of_texts(run, models, data, table):
    result = run("predict", models["classify"], data / "reviews.tsv", "--id", "text")
    assert (result.code, "--id is for models of series" in result.err) == (2, True)
    result = run("evaluate", models["classify"], table, "--id", "firm")
    assert "--id does not fit a SequenceClassifier of `train classify`" in result.err


def test_compare_counts_the_seconds_of_training_alone(run, ts_file, monkeypatch):
    fit, fitted = rnnkit.SequenceClassifier.fit, []
    monkeypatch.setattr(
        rnnkit.SequenceClassifier, "fit", lambda *given: fitted.append(fit(*given)) or fitted[-1]
    )
    cells = ("--cell", "gru", "--cell", "none")
    told = json.loads(run("compare", "series", ts_file, *cells, *SMALL, "--json").out)
    trained = [sum(epoch["seconds"] for epoch in one.history_.epochs) for one in fitted]
    assert [row["seconds"] for row in told["rows"]] == [round(one, 3) for one in trained]
