from __future__ import annotations

import json

import pytest

import rnnkit
import rnnkit.tasks
from rnnkit.archive import read_header
from rnnkit.bptt import Truncated

QUICK = ("--hidden-size", 4, "--embedding-size", 4, "--epochs", 1)


def test_what_was_trained_can_be_described_used_and_scored(run, data, models):
    columns = {"translate": ("--source", "en", "--target", "ko")}
    files = {"classify": "reviews.tsv", "tag": "tags.conllu", "translate": "pairs.tsv"}
    at_least = {
        "classify": ("accuracy", 0.95),
        "tag": ("accuracy", 0.95),
        "translate": ("chrf", 60),
    }
    for task, model in models.items():
        described = json.loads(run("info", model, "--json").out)
        assert described["estimator"] == type(rnnkit.load(model)).__name__
        assert described["parameters"] == rnnkit.load(model).num_parameters_
        result = run("evaluate", model, data / files[task], *columns.get(task, ()), "--json")
        name, bound = at_least[task]
        assert json.loads(result.out)[name] >= bound


def test_the_report_of_train_is_one_line_of_json(run, data, tmp_path):
    out = tmp_path / "m.rnn"
    result = run("train", "classify", data / "reviews.tsv", "-o", out, *QUICK, "--json", "-q")
    report = json.loads(result.out)
    assert (result.code, result.err) == (0, "")
    assert report["examples"] == 30
    assert report["skipped"] == 1
    assert report["epochs"] == report["best_epoch"] == 1
    assert report["stopped"] == "max_epochs"
    assert report["bytes"] == out.stat().st_size
    assert 0 <= report["valid_accuracy"] <= 1


def test_progress_goes_to_standard_error_and_results_to_standard_output(run, data, tmp_path):
    out = tmp_path / "m.rnn"
    result = run("train", "classify", data / "reviews.tsv", "--out", out, *QUICK)
    assert "30 texts (1 left out: empty)" in result.err
    assert "epoch 1/1  loss" in result.err
    assert "valid_accuracy" in result.err
    assert "\x1b" not in result.err + result.out
    lines = dict(line.split(": ", 1) for line in result.out.splitlines())
    assert list(lines) == ["validation", "parameters", "time", "model"]
    assert str(out) in lines["model"]
    assert rnnkit.load(out).verbose == 0


def test_options_and_settings_become_parameters_of_the_estimator(run, data, tmp_path):
    out = tmp_path / "m.rnn"
    result = run(
        *("train", "classify", data / "reviews.tsv", "--out", out, *QUICK, "--cell", "gru"),
        *("--level", "char", "--layers", 2, "--dropout", 0.1, "--max-length", 7, "--lr", 0.5),
        *("--patience", 3, "--seed", 5, "--batch-size", 9, "--set", "pooling=max", "-q"),
        *("--set", "lower=false", "--set", "clip_norm=null", "--set", 'class_weight={"pos": 2}'),
    )
    assert result.code == 0, result.err
    params = rnnkit.load(out).get_params()
    expected = {
        "hidden_size": 4,
        "embedding_size": 4,
        "max_epochs": 1,
        "cell": "gru",
        "level": "char",
        "num_layers": 2,
        "dropout": 0.1,
        "max_length": 7,
        "lr": 0.5,
        "patience": 3,
        "random_state": 5,
        "batch_size": 9,
        "pooling": "max",
        "lower": False,
        "clip_norm": None,
        "class_weight": {"pos": 2},
        "verbose": 0,
    }
    assert {name: params[name] for name in expected} == expected


def test_the_same_seed_gives_the_same_model_and_zero_is_the_default(run, data, tmp_path):
    probabilities = []
    for number, seed in enumerate([(), (), ("--seed", 0), ("--seed", 1)]):
        out = tmp_path / f"{number}.rnn"
        run("train", "classify", data / "reviews.tsv", "--out", out, *QUICK, *seed, "-q")
        probabilities.append(json.loads(run("predict", out, "good", "--json").out)["probability"])
    assert len(set(probabilities[:3])) == 1
    assert probabilities[3] != probabilities[0]


def test_a_validation_file_is_watched_instead_of_a_share(run, tmp_path):
    valid = tmp_path / "valid.csv"
    valid.write_text("review,sentiment\ngood film,pos\nbad film,neg\n")
    train = tmp_path / "train.csv"
    train.write_text("review,sentiment\n" + "good film,pos\nbad film,neg\n" * 4)
    out = tmp_path / "m.rnn"
    columns = ("--text", "review", "--label", "sentiment")
    call = ("train", "classify", train, "--out", out, "--valid", valid, *columns, *QUICK)
    result = run(*call, "--json")
    assert result.code == 0, result.err
    assert "2 texts to validate with" in result.err
    assert json.loads(result.out)["valid_accuracy"] in (0.0, 0.5, 1.0)


def test_labels_that_are_numbers_in_the_file_become_strings(run, tmp_path):
    path, out = tmp_path / "rows.jsonl", tmp_path / "m.rnn"
    rows = [{"text": "good", "label": 1}, {"text": "bad", "label": 0}] * 4
    path.write_text("\n".join(map(json.dumps, rows)))
    assert run("train", "classify", path, "--out", out, *QUICK, "-q").code == 0
    assert json.loads(run("info", out, "--json").out)["labels"] == ["0", "1"]
    scores = json.loads(run("evaluate", out, path, "--json").out)
    assert scores["examples"] == 8


def test_tags_may_be_lists_in_jsonl_or_plain_columns(run, tmp_path):
    lists = tmp_path / "rows.jsonl"
    rows = [{"tokens": ["dogs", "bark"], "tags": ["N", "V"]}] * 4
    lists.write_text("\n".join(map(json.dumps, rows)))
    columns = tmp_path / "rows.tsv"
    columns.write_text("dogs\tx\tN\nbark\tx\tV\n\n" * 4)
    for path in (lists, columns):
        out = tmp_path / f"{path.suffix}.rnn"
        result = run("train", "tag", path, "--out", out, *QUICK, "-q")
        assert result.code == 0, result.err
        assert read_header(out)["codec"]["labels"]["values"] == ["N", "V"]


def test_translations_may_be_in_two_files(run, data, tmp_path):
    out = tmp_path / "m.rnn"
    files = (data / "pairs.en", "--target-file", data / "pairs.ko")
    valid = ("--valid", data / "pairs.en", "--valid-target-file", data / "pairs.ko")
    settings = ("--set", "buckets=64")
    result = run("train", "translate", *files, *valid, "-o", out, *QUICK, *settings, "--json")
    assert result.code == 0, result.err
    report = json.loads(result.out)
    assert report["examples"] == 16
    assert report["valid_loss"] > 0
    scores = run("evaluate", out, *files, "--json")
    assert json.loads(scores.out)["examples"] == 16


@pytest.mark.parametrize("cell", ["rnn", "rnn-relu", "none"])
def test_other_cells_can_be_trained(run, data, tmp_path, cell):
    out = tmp_path / "m.rnn"
    result = run("train", "tag", data / "tags.conllu", "-o", out, *QUICK, "--cell", cell, "-q")
    assert result.code == 0, result.err
    assert run("predict", out, "dogs bark").out.startswith("dogs/")


@pytest.mark.parametrize(
    ("task", "file", "columns"),
    [
        ("classify", "reviews.tsv", ()),
        ("tag", "tags.conllu", ("--set", "character_size=0")),
        ("translate", "pairs.tsv", ("--source", "en", "--target", "ko", "--set", "buckets=64")),
    ],
)
def test_how_far_gradients_go_back_is_an_option(run, data, tmp_path, task, file, columns):
    out = tmp_path / "m.rnn"
    call = ("train", task, data / file, "-o", out, *QUICK, *columns, "-q")
    assert run(*call, "--bptt", "truncated(2, 4)").code == 0
    assert rnnkit.load(out).bptt == "truncated(2, 4)"
    assert "bptt truncated(2, 4)" in run("info", out).out
    result = run(*call, "--bptt", "trunkated(2)")
    assert result.code == 2
    assert "Did you mean 'truncated'" in result.err


def test_a_policy_of_python_is_described_by_its_text(run, tmp_path):
    out = tmp_path / "m.rnn"
    model = rnnkit.SequenceClassifier(bptt=Truncated(2, 4), max_epochs=1, hidden_size=4)
    model.fit(["good", "bad"] * 4, [1, 0] * 4).save(out)
    assert "bptt Truncated(k1=2, k2=4)" in run("info", out).out


def spoil(monkeypatch, *, at):
    """The loss of training step `at`, from 1, is not a number."""
    computed = rnnkit.tasks.SequenceClassifier._batch_loss
    steps = 0

    def loss(self, module, batch):
        nonlocal steps
        steps += 1
        result = computed(self, module, batch)
        return result._replace(loss=result.loss * float("nan")) if steps >= at else result

    monkeypatch.setattr(rnnkit.tasks.SequenceClassifier, "_batch_loss", loss)


def test_an_error_after_an_epoch_saves_the_best_model_so_far(run, data, tmp_path, monkeypatch):
    out = tmp_path / "m.rnn"
    call = ("train", "classify", data / "reviews.tsv", "-o", out, *QUICK, "--epochs", 5, "-q")
    spoil(monkeypatch, at=3)  # one step an epoch
    result = run(*call)
    assert (result.code, result.out) == (1, "")
    assert result.err.count("\n") == 1
    assert "epoch 3, step 1: the loss is nan" in result.err
    assert f"The best model so far is in {out}." in result.err
    history = rnnkit.load(out).history_
    assert (len(history.epochs), history.stopped) == (2, "not finite")
    assert rnnkit.load(out).predict(["good"])[0] in ("pos", "neg")
    assert "stopped not finite" in run("info", out).out


def test_an_error_in_the_first_epoch_saves_nothing(run, data, tmp_path, monkeypatch):
    out = tmp_path / "m.rnn"
    spoil(monkeypatch, at=1)
    result = run("train", "classify", data / "reviews.tsv", "-o", out, *QUICK, "-q")
    assert result.code == 1
    assert "epoch 1, step 1: the loss is nan" in result.err
    assert "best model" not in result.err
    assert not out.exists()


def test_weights_that_are_not_finite_are_not_saved_as_the_best(run, data, tmp_path, monkeypatch):
    out = tmp_path / "m.rnn"
    spoil(monkeypatch, at=2)
    call = ("train", "classify", data / "reviews.tsv", "-o", out, *QUICK, "--epochs", 5, "-q")
    # Nothing is held out, so that the last weights count; the first step throws them far away.
    unwatched = ("--set", "validation_fraction=0", "--set", "schedule=constant", "--lr", 1e39)
    result = run(*call, *unwatched)
    assert result.code == 1
    assert "epoch 2, step 1: the loss is nan. The parameter" in result.err
    assert not out.exists()
