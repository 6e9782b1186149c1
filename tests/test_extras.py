"""The base install: what works without torch, and what is said where the extra is missing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest

from rnnkit import archive
from rnnkit.extras import EXTRAS, TRAIN

ROOT = Path(__file__).parents[1]

# As if what only the extra `train` brings were not installed.
WITHOUT_TRAIN = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "sklearn", "scipy", "sacrebleu"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
"""
COMMAND_LINE = "from rnnkit.cli import main; main()"


def run(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", WITHOUT_TRAIN + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.rnn"
    header = {"estimator": "E", "state": {}, "params": {}, "history": None, "versions": {}}
    archive.write(path, header, {"weight": np.ones((2, 3))})
    return path


@pytest.mark.parametrize("arguments", ["--help", "--version", "train --help", "doctor"])
def test_the_base_install_has_a_command_line(arguments: str) -> None:
    result = run(COMMAND_LINE, *arguments.split())
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def test_the_base_install_says_what_is_in_a_model(model: Path) -> None:
    result = run(COMMAND_LINE, "info", model)
    assert result.returncode == 0, result.stderr
    assert "parameters: 6" in result.stdout


@pytest.mark.parametrize("command", ["train", "predict", "evaluate", "diagnose", "compare"])
def test_a_command_that_needs_torch_says_what_to_install(
    command: str, model: Path, tmp_path: Path
) -> None:
    table = tmp_path / "reviews.csv"
    table.write_text("text,label\ngood,1\nbad,0\n")
    arguments: dict[str, list[object]] = {
        "train": ["train", "classify", table, "--out", tmp_path / "new.rnn"],
        "compare": ["compare", "classify", table],
        "predict": ["predict", model, "good"],
    }
    result = run(COMMAND_LINE, *arguments.get(command, [command, model, table]))
    assert result.returncode == 1
    assert result.stdout == ""
    assert re.fullmatch(r"rnnkit: error: .*\n", result.stderr)
    assert TRAIN in result.stderr


@pytest.mark.parametrize(
    "code",
    [
        "from rnnkit import SequenceClassifier",
        "import rnnkit.tasks",
        "import rnnkit.cells",
        "from rnnkit.networks import RecurrentEncoder",
        "import rnnkit; rnnkit.load",
        "from rnnkit.learn import Trainer",
    ],
)
def test_what_needs_torch_says_so_when_it_is_imported(code: str) -> None:
    result = run(code)
    assert result.returncode == 1
    said = "MissingDependencyError: rnnkit's networks and estimators need what is not installed"
    assert said in result.stderr
    assert TRAIN in result.stderr


def test_what_needs_no_torch_works_without_it() -> None:
    code = """
import rnnkit
from rnnkit.vectorize import ImageVectorizer, Tokenizer
import numpy as np
tokenizer = Tokenizer()
tokenizer.fit_on_texts(["one two"])
images = ImageVectorizer(image_size=2).fit([np.ones((5, 4), np.uint8)])
print(tokenizer.texts_to_sequences(["two"]), images.transform([np.zeros((3, 3))])[0].shape)
print(rnnkit.data.read_table.__name__)
"""
    result = run(code)
    assert result.stdout.splitlines() == ["[[2]] (3, 2, 2)", "read_table"], result.stderr


def test_python_can_run_the_package_itself() -> None:
    command = [sys.executable, "-m", "rnnkit", "--version"]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.startswith("rnnkit ")


def test_the_extras_are_those_of_the_package_and_the_advice_has_the_same_torch() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["optional-dependencies"]
    found = {
        name: tuple(re.match(r"[\w.-]+", package)[0] for package in packages)  # type: ignore[index]
        for name, packages in declared.items()
        if name != "dev"
    }
    assert found == {name: extra.packages for name, extra in EXTRAS.items()}
    (torch,) = [package for package in declared["train"] if package.startswith("torch")]
    for text in (TRAIN, *((ROOT / f).read_text("utf-8") for f in ("README.md", "README.ko.md"))):
        assert f"'{torch}' --index-url https://download.pytorch.org/whl/cpu" in text
        assert "uv pip install --torch-backend cpu" in text
