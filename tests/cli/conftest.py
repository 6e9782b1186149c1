"""Tiny data, tiny models, and a way to run the command line inside the test's process."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from rnnkit.cli import main

SMALL = (
    *("--hidden-size", "16", "--embedding-size", "16", "--batch-size", "8"),
    *("--lr", "0.02", "--dropout", "0", "--quiet"),
)
NUMERALS = {"one": "하나", "two": "둘", "three": "셋", "four": "넷"}


@dataclass(frozen=True)
class Result:
    """How a run ended, and what it printed."""

    code: int
    out: str
    err: str


def run_inside(*arguments: object, stdin: bytes = b"") -> Result:
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    before, sys.stdin = sys.stdin, io.TextIOWrapper(io.BytesIO(stdin), "utf-8")
    try:
        with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
            main([str(one) for one in arguments])
    finally:
        sys.stdin = before
    out.flush()
    code = ended.value.code
    return Result(
        int(code or 0), out.buffer.getvalue().decode("utf-8").replace("\r\n", "\n"), err.getvalue()
    )


@pytest.fixture
def run() -> Callable[..., Result]:
    return run_inside


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """reviews.tsv, tags.conllu, pairs.tsv (with a header), pairs.en and pairs.ko."""
    folder = tmp_path_factory.mktemp("data")
    words = ["good", "fine", "lovely", "bad", "poor", "dull"]
    reviews = [
        f"a {word} film{' indeed' * i}\t{'pos' if words.index(word) < 3 else 'neg'}"
        for i in range(5)
        for word in words
    ]
    (folder / "reviews.tsv").write_text("\n".join(["text\tlabel", *reviews, "\tpos", ""]))
    rest = "\t_\t_\t0\t_\t_\t_"
    sentences = [
        f"1\t{noun}\t_\tNOUN{rest}\n2\t{verb}\t_\tVERB{rest}\n"
        for noun in ("dogs", "cats", "birds")
        for verb in ("bark", "sing", "sleep")
    ]
    (folder / "tags.conllu").write_text("\n".join(sentences * 3))
    pairs = [(f"{a} {b}", f"{NUMERALS[a]} {NUMERALS[b]}") for a in NUMERALS for b in NUMERALS]
    write = {
        "pairs.tsv": ["en\tko", *map("\t".join, pairs)],
        "pairs.en": [english for english, _ in pairs],
        "pairs.ko": [korean for _, korean in pairs],
    }
    for name, lines in write.items():
        (folder / name).write_text("\n".join([*lines, ""]), encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def models(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A trained model of each task."""
    folder = tmp_path_factory.mktemp("models")
    calls = {
        "classify": (data / "reviews.tsv", "--epochs", 8, "--set", "validation_fraction=0"),
        "tag": (data / "tags.conllu", "--epochs", 6, "--layers", 1, "--set", "character_size=0"),
        "translate": (
            *(data / "pairs.tsv", "--source", "en", "--target", "ko", "--epochs", 40),
            *("--set", "buckets=256", "--set", "beam_size=2"),
        ),
    }
    for task, arguments in calls.items():
        result = run_inside("train", task, *arguments, "--out", folder / task, *SMALL)
        assert result.code == 0, result.err
    return {task: folder / task for task in calls}
