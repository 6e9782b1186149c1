from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

import rnnkit
from rnnkit.cli import demo
from rnnkit.data import Sample
from rnnkit.errors import MissingDependencyError

TENS = ["twenty", "thirty", "forty", "fifty"]
UNITS = {"one": "일", "two": "이", "three": "삼", "four": "사"}
KOREAN = dict(zip(TENS, ["이십", "삼십", "사십", "오십"], strict=True))


def a_sample() -> Sample:
    pairs = [(f"{ten} {unit}", f"{KOREAN[ten]} {UNITS[unit]}") for ten in TENS for unit in UNITS]
    sources, targets = zip(*pairs * 3, strict=True)
    return Sample(list(sources), list(targets), (["django", "emoji"] * len(sources))[:48])


@pytest.fixture
def small(monkeypatch):
    """The demo with a few pairs and a network of a few units."""
    sample = a_sample()
    sides = (sample.select(range(30)), sample.select(range(30, 36)), sample.select(range(36, 48)))
    monkeypatch.setattr(demo, "load_english_korean", lambda **_: sample)
    monkeypatch.setattr(demo, "split_english_korean", lambda _: sides)
    settings = {"hidden_size": 16, "embedding_size": 16, "buckets": 64, "max_epochs": 2}
    monkeypatch.setattr(demo, "SETTINGS", {**settings, "random_state": 0})
    return sides


@pytest.mark.usefixtures("small")
def test_the_demo_trains_saves_and_shows_scores_and_translations(run, tmp_path):
    out = tmp_path / "demo.rnn"
    result = run("demo", "--out", out)
    assert result.code == 0, result.err
    assert "48 English-Korean pairs" in result.err
    assert "30 to train, 6 to validate, 12 to test" in result.err
    assert "from django 24, emoji 24" in result.err
    assert "epoch 2/2" in result.err
    rows = [line.split() for line in result.out.splitlines()]
    assert [row[:2] for row in rows[2:5]] == [["django", "6"], ["emoji", "6"], ["all", "12"]]
    assert result.out.count("  reference: ") == 2 * demo.SHOWN
    assert f"rnnkit predict {out}" in result.out
    assert rnnkit.load(out).max_epochs == 2


def test_the_demo_in_json_compares_with_the_nearest_pair(run, small, tmp_path):
    result = run("demo", "--out", tmp_path / "demo.rnn", "--epochs", 1, "--json", "--quiet")
    assert result.err == ""
    report = json.loads(result.out)
    # Every test source is among the training pairs of this toy, so copying is always right.
    assert report["scores"]["nearest pair"]["all"]["exact"] == 100.0
    assert report["scores"]["rnnkit"]["emoji"]["count"] == 6
    assert "tok:char" in report["scores"]["rnnkit"]["all"]["bleu_signature"]
    shown = report["examples"]
    assert [one["origin"] for one in shown] == ["django"] * demo.SHOWN + ["emoji"] * demo.SHOWN
    assert all(one["source"] in small[2].sources for one in shown)


def test_the_demo_says_how_to_get_the_missing_pairs(run, tmp_path, monkeypatch):
    def missing(**_: object) -> Sample:
        raise MissingDependencyError("emoji is not installed. Run: pip install 'rnnkit[samples]'")

    monkeypatch.setattr(demo, "load_english_korean", missing)
    result = run("demo", "--out", tmp_path / "demo.rnn")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "pip install 'rnnkit[samples]'" in result.err


@pytest.mark.usefixtures("small")
def test_ctrl_c_in_the_demo_keeps_the_best_model_so_far(run, tmp_path, monkeypatch):
    out = tmp_path / "demo.rnn"

    def interrupted(*_, **__):
        raise KeyboardInterrupt

    # The progress bar is told of every step: the interrupt comes in the middle of training.
    from rnnkit.learn import ProgressBar

    monkeypatch.setattr(ProgressBar, "on_epoch_end", interrupted)
    result = run("demo", "--out", out)
    assert result.code == 1
    assert result.err.splitlines()[-1].endswith(f"the best model so far is in {out}.")
    assert "Traceback" not in result.err
    assert rnnkit.load(out).history_.stopped == "interrupted"


def test_shown_examples_are_few_where_an_origin_has_few():
    found = [SimpleNamespace(text="x", probability=1.0)]
    shown = demo._examples(found, Sample(["a"], ["가"], ["babel"]))
    assert [one.source for one in shown] == ["a"]
