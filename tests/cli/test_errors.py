"""Mistakes of a user: one line that says what and where, and an exit code; never a traceback."""

from __future__ import annotations

import json

import pytest

import rnnkit.tasks


def assert_told(result, code: int, *words: str) -> None:
    assert result.code == code, result
    assert result.err.count("\n") == 1, result.err
    assert result.err.startswith("rnnkit: error: ")
    assert "Traceback" not in result.err + result.out
    for word in words:
        assert word in result.err


TABLES = {
    "missing column": ("a.csv", b"txt,label\ngood,1\n", ["a.csv", "'text'", "'txt'", "'label'"]),
    "no rows": ("a.csv", b"text,label\n", ["a.csv", "no row"]),
    "empty file": ("a.csv", b"", ["a.csv", "empty"]),
    "not UTF-8": ("a.csv", b"text,label\ngood,1\n\xb1\xb2,0\n", ["a.csv, line 3", "UTF-8"]),
    "ragged": ("a.csv", b"text,label\ngood,1\nbad\n", ["a.csv, line 3", "1 fields"]),
    "one class": ("a.csv", b"text,label\ngood,1\nbad,1\n", ["a.csv", "every label is '1'"]),
    "all empty": ("a.csv", b"text,label\n,1\n,0\n", ["a.csv", "no row has a value"]),
    "bad JSON": ("a.jsonl", b'{"text": "a", "label": 1}\n{"text"\n', ["a.jsonl, line 2", "JSON"]),
    "not a text": (
        *("a.jsonl", b'{"text": "a", "label": 1}\n{"text": 7, "label": 1}\n'),
        ["a.jsonl, line 2, column text", "7 (int)"],
    ),
    "truncated gzip": ("a.csv.gz", b"\x1f\x8b\x08\x00abc", ["a.csv.gz", "gzip"]),
    "unknown extension": ("a.xyz", b"text,label\n", ["a.xyz", "'.xyz' is not known", ".csv"]),
}


@pytest.mark.parametrize("case", TABLES)
def test_a_table_that_cannot_be_used(run, tmp_path, case):
    name, content, words = TABLES[case]
    (tmp_path / name).write_bytes(content)
    out = tmp_path / "m.rnn"
    assert_told(run("train", "classify", tmp_path / name, "--out", out), 1, *words)
    assert not out.exists()


TAGGED = {
    "a tag is missing": ("a.tsv", "dogs\tN\nbark\n", ["a.tsv, line 2", "1 columns here, but 2"]),
    "unequal counts": (
        *("a.jsonl", json.dumps({"tokens": ["dogs", "bark"], "tags": ["N"]})),
        ["a.jsonl, line 1", "2 tokens", "1 tags"],
    ),
    "not ten columns": ("a.conllu", "1\tdogs\tN\n", ["a.conllu, line 1", "10 columns"]),
    "no lists": ("a.jsonl", '{"tokens": "dogs", "tags": "N"}', ["line 1, column tokens", "list"]),
    "one tag": ("a.tsv", "dogs\tN\ncats\tN\n", ["a.tsv", "every label is 'N'"]),
}


@pytest.mark.parametrize("case", TAGGED)
def test_tagged_sentences_that_cannot_be_used(run, tmp_path, case):
    name, content, words = TAGGED[case]
    (tmp_path / name).write_text(content)
    assert_told(run("train", "tag", tmp_path / name, "--out", tmp_path / "m.rnn"), 1, *words)


def test_pairs_that_do_not_fit_together(run, data, tmp_path):
    short = tmp_path / "short.ko"
    short.write_text("하나\n", encoding="utf-8")
    call = ("train", "translate", data / "pairs.en", "--out", tmp_path / "m.rnn")
    assert_told(run(*call, "--target-file", short), 1, "16 lines", "1 in", "short.ko")
    call = ("train", "translate", data / "pairs.tsv", "--out", tmp_path / "m.rnn")
    assert_told(run(*call, "--source", "en"), 2, "--source and --target go together")
    assert_told(run(*call, "--source", "en", "--target", "kr"), 1, "no column 'kr'", "'en', 'ko'")


def test_files_that_are_not_there(run, models, tmp_path):
    missing = tmp_path / "none.csv"
    assert_told(
        run("train", "classify", missing, "--out", tmp_path / "m"), 1, "none.csv", "no such"
    )
    assert_told(run("predict", missing, "text"), 1, "none.csv", "no such file")
    assert_told(run("predict", models["classify"], missing), 1, "none.csv", "no such file")
    assert_told(run("evaluate", models["classify"], missing), 1, "none.csv", "no such file")
    assert_told(run("info", missing), 1, "none.csv", "no such file")
    assert_told(run("predict", models["classify"], tmp_path), 1, str(tmp_path), "folder")


def test_files_that_are_no_models(run, models, tmp_path):
    for name, content in (("text", b"hello"), ("cut", models["tag"].read_bytes()[:-9])):
        path = tmp_path / name
        path.write_bytes(content)
        for command in (("predict", path, "x"), ("info", path)):
            assert_told(run(*command), 1, name, "no whole model file")


def test_an_output_that_cannot_be_written_is_noticed_before_training(
    run, data, tmp_path, monkeypatch
):
    def no_training(*_, **__):
        raise AssertionError("training began")

    monkeypatch.setattr(rnnkit.tasks.SequenceClassifier, "fit", no_training)
    call = ("train", "classify", data / "reviews.tsv", "--out")
    assert_told(run(*call, tmp_path / "no" / "m.rnn"), 1, "m.rnn", "No such file or directory")
    assert_told(run(*call, tmp_path), 2, "is a folder")
    assert_told(run(*call, data / "reviews.tsv"), 2, "is the data itself")
    assert_told(run("demo", "--out", tmp_path / "no" / "m.rnn"), 1, "No such file or directory")


OPTIONS = {
    "unknown cell": (["--cell", "lstn"], ["--cell='lstn'", "Did you mean 'lstm'?"]),
    "unknown level": (["--level", "chars"], ["'chars'", "Did you mean 'char'?"]),
    "unknown setting": (["--set", "pooing=max"], ["'pooing'", "Did you mean 'pooling'?"]),
    "no value": (["--set", "pooling"], ["'pooling'", "NAME=VALUE"]),
    "wrong type": (["--set", "lower=maybe"], ["lower=maybe", "true or false"]),
    "not a number": (["--set", "weight_decay=x"], ["weight_decay=x", "a number is expected"]),
    "a callable": (["--set", "analyzer=str.split"], ["'analyzer'", "not known"]),
    "unknown choice": (["--set", "pooling=maxx"], ["'maxx'", "Did you mean 'max'?"]),
    "out of range": (["--dropout", "1.0"], ["dropout"]),
    "same column": (["--text", "label"], ["--text and --label"]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_an_option_that_cannot_be_used(run, data, tmp_path, case):
    arguments, words = OPTIONS[case]
    call = ("train", "classify", data / "reviews.tsv", "--out", tmp_path / "m.rnn", "--quiet")
    assert_told(run(*call, *arguments), 2, *words)


def test_options_that_do_not_fit_the_model(run, models, data):
    call = ("predict", models["classify"], "text")
    assert_told(run(*call, "--n-best", 2), 2, "--n-best")
    assert_told(run(*call, "--beam-size", 2), 2, "--beam-size")
    assert_told(run("predict", models["translate"], "one", "--proba"), 2, "--proba")
    assert_told(run("predict", models["tag"], "one", "--proba"), 2, "--json")
    call = ("predict", models["translate"], "one", "--n-best", 3, "--beam-size", 2)
    assert_told(run(*call), 2, "n_best=3", "beam_size=2")
    call = ("evaluate", models["tag"], data / "tags.conllu")
    assert_told(run(*call, "--label", "x"), 2, "--label", "--form, --tag")
    assert_told(run(*call, "--beam-size", 2), 2, "--beam-size")
    assert_told(run(*call, "--tag", "uppos"), 2, "'uppos'", "Did you mean 'upos'?")


def test_usage_errors_end_with_2_and_without_a_traceback(run, data):
    for call in (
        *(("train", "classify", data / "reviews.tsv"), ("train", "sing"), ("predict",), ("fly",)),
        *(("train", "tag", "x", "--out", "y", "--epochs", "0"), ("predict", "m", "--n-best", "x")),
    ):
        result = run(*call)
        assert result.code == 2
        assert "Traceback" not in result.err
        assert "Usage" in result.err


def test_a_validation_file_with_an_unknown_label_is_refused_before_training(run, data, tmp_path):
    valid = tmp_path / "valid.tsv"
    valid.write_text("text\tlabel\ngood\tpos\nso so\tmeh\n")
    call = ("train", "classify", data / "reviews.tsv", "--out", tmp_path / "m", "--valid", valid)
    assert_told(run(*call), 1, "valid.tsv, line 3", "'meh' was never seen")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MemoryError(), "not enough memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory: 9 bytes"), "not enough memory"),
        (KeyboardInterrupt(), "interrupted"),
        (OSError(28, "No space left on device", "x.tmp"), "x.tmp: No space left on device"),
    ],
)
def test_what_the_machine_cannot_do_is_told_in_one_line(
    run, data, tmp_path, monkeypatch, error, words
):
    def stop(*_, **__):
        raise error

    monkeypatch.setattr(rnnkit.tasks.SequenceClassifier, "fit", stop)
    call = ("train", "classify", data / "reviews.tsv", "--out", tmp_path / "m", "--quiet")
    assert_told(run(*call), 1, words)


def test_a_bug_keeps_its_traceback(data, tmp_path, monkeypatch):
    def stop(*_, **__):
        raise RuntimeError("a bug")

    from rnnkit.cli import main

    monkeypatch.setattr(rnnkit.tasks.SequenceClassifier, "fit", stop)
    with pytest.raises(RuntimeError, match="a bug"):
        main(["train", "classify", str(data / "reviews.tsv"), "--out", str(tmp_path / "m"), "-q"])
