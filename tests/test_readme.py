"""The README's examples run, in both languages, and both say the same."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
READMES = ["README.md", "README.ko.md"]


def blocks(name: str, language: str) -> list[str]:
    text = (ROOT / name).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", READMES)
def test_the_examples_train_and_predict_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {}
    for block in blocks(name, "python"):
        exec(compile(block, name, "exec"), scope)
    model, texts, labels = scope["model"], scope["texts"], scope["labels"]
    assert model.predict(texts).tolist() == labels
    promised = re.search(
        r"predict\((\[.*?\])\)\s+# array\((\[.*?\])\)", "".join(blocks(name, "python"))
    )
    assert model.predict(eval(promised[1])).tolist() == eval(promised[2])
    assert (tmp_path / "reviews.rnn").is_file()


@pytest.mark.parametrize("name", READMES)
def test_every_file_that_is_linked_exists(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", text):
        assert (ROOT / target).exists(), target


def test_both_languages_have_the_same_sections_tables_and_code():
    english, korean = ((ROOT / name).read_text(encoding="utf-8") for name in READMES)
    for pattern in (r"^## ", r"^\|", r"^- ", r"^```"):
        counts = [len(re.findall(pattern, text, re.MULTILINE)) for text in (english, korean)]
        assert counts[0] == counts[1], pattern
    for name in ("SequenceClassifier", "SequenceTagger", "Translator", "make demo", "make test"):
        assert english.count(name) == korean.count(name), name


@pytest.mark.parametrize("name", READMES)
def test_every_command_of_the_readme_is_one_of_rnnkits(name):
    commands = re.findall(r"^rnnkit (\w+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    assert {"train", "predict", "evaluate"} <= set(commands)
