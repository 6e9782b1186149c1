from __future__ import annotations

import json
import sys

import pytest

from rnnkit.cli.diagnosing import _spread
from tests.ship.test_report import Elements, in_browser

COLUMNS = {"translate": ("--source", "en", "--target", "ko")}
FILES = {"classify": "reviews.tsv", "tag": "tags.conllu", "translate": "pairs.tsv"}


@pytest.mark.parametrize("task", FILES)
def test_a_page_is_written_and_opens_in_a_browser(run, models, data, tmp_path, task):
    out = tmp_path / "report.html"
    call = ("diagnose", models[task], data / FILES[task], *COLUMNS.get(task, ()))
    result = run(*call, "--out", out, "--examples", "6")
    assert (result.code, result.err) == (0, "")
    assert "gradient: " in result.out
    assert "Recommended: " in result.out
    assert result.out.splitlines()[-1] == f"report: {out}"

    found, console = in_browser(out, tmp_path / "profile")
    assert console == []
    text = "".join(found.text)
    for title in (
        "How far gradients travel",
        "What truncation would cost",
        "What the states hold",
        "What training was like",
        "Gradient through the recurrence, by lag",
        "Cosine with the full gradient",
    ):
        assert title in text, title
    assert [tag for tag, _ in found.tags].count("svg") > 10


def test_the_numbers_are_the_same_in_the_page_and_as_json(run, models, data, tmp_path):
    out = tmp_path / "report.html"
    result = run(
        *("diagnose", models["classify"], data / "reviews.tsv", "--out", out, "--json"),
        *("--bptt", "truncated(1)", "--bptt", "truncated(2, 3)"),
    )
    found = json.loads(result.out)
    assert found.pop("report") == str(out)
    kept = next(t for t in Elements(out.read_text("utf-8")).text if t.startswith('{"facts"'))
    assert json.loads(kept) == found
    rows = found["truncation_audit"]["rows"]
    assert [row["policy"] for row in rows] == ["Truncated(k1=1, k2=None)", "Truncated(k1=2, k2=3)"]
    assert found["facts"]["examples"].startswith("30 of 30 in ")
    assert len(found["epochs"]) > 0


def test_examples_are_taken_from_all_over_the_file():
    assert _spread(100, 3) == [0, 49, 99]
    assert _spread(2, 32) == [0, 1]
    assert _spread(1, 1) == [0]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("--bptt", "trunkated(5)"), 2, "Did you mean 'truncated'"),
        (("--tag", "x"), 2, "--tag does not fit a SequenceClassifier"),
        (("--out", "/nonexistent/report.html"), 1, "no report could be saved there"),
        (("--text", "form"), 1, "form"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    run, models, data, tmp_path, arguments, code, words
):
    out = () if "--out" in arguments else ("--out", tmp_path / "report.html")
    result = run("diagnose", models["classify"], data / "reviews.tsv", *out, *arguments)
    assert (result.code, result.out) == (code, "")
    assert words in result.err
    assert len(result.err.splitlines()) == 1
    assert not (tmp_path / "report.html").exists()


def test_a_feed_forward_model_has_no_gradient_through_time(run, data, tmp_path):
    model = tmp_path / "model.rnn"
    run("train", "classify", data / "reviews.tsv", "--out", model, "--cell", "none", "--quiet")
    result = run("diagnose", model, data / "reviews.tsv", "--out", tmp_path / "report.html")
    assert result.code == 1
    assert "has no memory" in result.err


def test_without_matplotlib_the_extra_is_named(run, models, data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = run("diagnose", models["tag"], data / "tags.conllu", "--out", tmp_path / "r.html")
    assert result.code == 1
    assert "pip install 'rnnkit[plot]'" in result.err
