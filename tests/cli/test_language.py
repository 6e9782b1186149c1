"""A language model through the commands, as a user runs them."""

from __future__ import annotations

import json

import pytest

import rnnkit
from rnnkit import LanguageModel

SMALL = ("--hidden-size", "16", "--embedding-size", "16", "--lr", "0.03", "--quiet")


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("하나 둘 셋\n" * 80, encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def model(text, tmp_path_factory):
    from tests.cli.conftest import run_inside

    out = tmp_path_factory.mktemp("models") / "text.rnn"
    options = ("--epochs", "12", "--bptt-steps", "8", "--layers", "1", "--dropout", "0")
    result = run_inside("train", "language", text, "-o", out, *options, *SMALL)
    assert result.code == 0, result.err
    assert "validation: perplexity " in result.out
    return out


def test_a_text_file_is_learnt_and_written_on(run, model):
    assert isinstance(rnnkit.load(model), LanguageModel)
    call = ("generate", model, "--prompt", "하나 둘", "--max-length", "4", "--temperature", "0")
    assert run(*call).out.startswith("하나 둘 셋\n하나 둘")
    told = json.loads(run(*call, "--json").out)
    assert told["prompt"] + told["text"] + "\n" == run(*call).out


def test_draws_of_one_seed_are_the_same_and_several_differ(run, model):
    call = ("generate", model, "-n", "3", "--seed", "5", "--temperature", "3", "--json")
    lines = run(*call).out.splitlines()
    assert lines == run(*call).out.splitlines()
    assert len({json.loads(line)["text"] for line in lines}) > 1


def test_perplexity_and_log_probabilities_are_the_models_own(run, model, text):
    told = json.loads(run("evaluate", model, text, "--json").out)
    fitted = rnnkit.load(model)
    assert told["perplexity"] == pytest.approx(fitted.perplexity(text.read_text("utf-8")))
    shown = run("predict", model, "하나 둘 셋").out.split("\t")
    assert float(shown[0]) == pytest.approx(fitted.log_prob(["하나 둘 셋"])[0], abs=1e-3)


def test_the_end_of_a_text_is_kept_for_the_comparison(run, text):
    call = ("compare", "language", text, "--epochs", "1", "--cell", "none", "--cell", "gru")
    told = json.loads(run(*call, *SMALL, "--json").out)
    assert (told["score"], told["train"], told["test"]) == ("log-probability", 64, 16)


def test_a_classifier_begins_with_a_language_model(run, model, tmp_path):
    reviews = tmp_path / "reviews.tsv"
    rows = [f"{word}\t{label}\n" for word, label in (("하나", "odd"), ("둘", "even"))]
    reviews.write_text("text\tlabel\n" + "".join(rows * 8), encoding="utf-8")
    columns, size = ("--text", "text", "--label", "label"), ("--set", "bidirectional=false")
    call = ("train", "classify", reviews, *columns, *SMALL, *size, "--language-model", model)
    assert run(*call, "-o", tmp_path / "odd.rnn").code == 0
    assert "셋" in rnnkit.load(tmp_path / "odd.rnn").vectorizer_.tokenizer.word_index
    told = run(*call, "-o", tmp_path / "odd.rnn", "--hidden-size", "8")
    assert (told.code, "give hidden_size=16" in told.err) == (2, True)


def test_only_a_language_model_writes_on(run, models):
    result = run("generate", models["classify"])
    assert (result.code, "`rnnkit train language`" in result.err) == (1, True)


def test_a_text_file_has_no_columns(run, text, tmp_path):
    result = run("train", "language", text, "--text", "a", "-o", tmp_path / "x.rnn")
    assert (result.code, "--text names a column" in result.err) == (2, True)


def test_gradients_through_the_lines_of_a_text_are_shown(run, model, text, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    call = ("diagnose", model, text, "-o", page, "--examples", "4", "--bptt", "truncated(2)")
    result = run(*call)
    assert result.code == 0, result.err
    content = page.read_text(encoding="utf-8")
    assert "4 of 80 in " in content
    assert "One example, step by step: 하나 둘 셋" in content
