"""What only a process of its own can show: signals, full disks, closed pipes, encodings."""

from __future__ import annotations

import ast
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import rnnkit
import rnnkit.cli

# Ctrl-C works even where the tests were started with it switched off, as in the background.
INTERRUPTIBLE = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler);"
NO_ROOM = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000));"
# As a user has it, whatever the tests were started with.
BUFFERED = {**os.environ, "PYTHONUNBUFFERED": ""}
SMALL = ("--hidden-size", "8", "--embedding-size", "8")


def command(*arguments: object, before: str = "") -> list[str]:
    program = "from rnnkit.cli import main; main()"
    return [sys.executable, "-c", before + program, *map(str, arguments)]


def run_outside(*arguments: object, before: str = "", **options) -> subprocess.CompletedProcess:
    environment = {**BUFFERED, "PYTHONDONTWRITEBYTECODE": "1", **options.pop("env", {})}
    return subprocess.run(
        command(*arguments, before=before),
        env=environment,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120, **options},
    )


def test_the_installed_command_trains_and_predicts(data, tmp_path):
    program = Path(sys.executable).with_name("rnnkit")
    if not program.exists():
        pytest.skip("the rnnkit command is not installed beside this Python")
    out = tmp_path / "m.rnn"
    train = ["train", "classify", data / "reviews.tsv", "--out", out, "--epochs", "1", *SMALL]
    subprocess.run([program, *train], check=True, capture_output=True, timeout=120)
    result = subprocess.run(
        [program, "predict", out, "-"], input=b"good\nbad\n", check=True, capture_output=True
    )
    assert result.stdout.count(b"\n") == 2
    assert result.stderr == b""


def test_ctrl_c_keeps_the_best_model_so_far(data, tmp_path):
    out = tmp_path / "m.rnn"
    train = ("train", "classify", data / "reviews.tsv", "--out", out, "--epochs", 100_000, *SMALL)
    process = subprocess.Popen(
        command(*train, before=INTERRUPTIBLE),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for line in process.stderr:
            if line.startswith("epoch 3/"):
                break
        process.send_signal(signal.SIGINT)
        printed, told = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 1
    assert told.splitlines()[-1] == (
        f"rnnkit: error: interrupted: the best model so far is in {out}."
    )
    assert "Traceback" not in told
    assert "Warning" not in told
    assert str(out) in printed
    model = rnnkit.load(out)
    assert model.history_.stopped == "interrupted"
    assert len(model.history_.epochs) >= 3


def test_a_full_disk_leaves_the_older_model_as_it_was(data, models, tmp_path):
    out = tmp_path / "m.rnn"
    out.write_bytes(models["classify"].read_bytes())
    train = ("train", "classify", data / "reviews.tsv", "--out", out, "--epochs", 1, "--quiet")
    result = run_outside(*train, before=NO_ROOM, text=True)
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith(f"rnnkit: error: {out}: the model could not be written")
    assert out.read_bytes() == models["classify"].read_bytes()
    assert list(tmp_path.iterdir()) == [out]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_results_that_cannot_be_written_are_told(models):
    with Path("/dev/full").open("wb") as full:
        result = run_outside("info", models["tag"], stdout=full)
    assert result.returncode == 1
    assert result.stderr == b"rnnkit: error: No space left on device.\n"


def test_a_reader_that_goes_away_ends_it_quietly(models):
    process = subprocess.Popen(
        command("predict", models["classify"], "-"),
        env=BUFFERED,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    told = process.communicate(b"a good film\n" * 2000, timeout=60)[1]
    assert process.returncode == 1
    assert told == b""


def test_output_that_is_not_utf8_is_escaped_and_json_stays_json(models):
    ascii_only = {"PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    plain = run_outside("predict", models["translate"], "two two", env=ascii_only)
    assert plain.stdout.startswith(rb"\ub458 \ub458")
    result = run_outside("predict", models["translate"], "two two 🚚", "--json", env=ascii_only)
    assert json.loads(result.stdout)["text"] == "two two 🚚"
    assert result.stderr == b""


def test_nothing_heavy_is_imported_before_a_command_runs():
    """`rnnkit --help` must not wait for torch: only commands import what needs it."""
    light = {"options", "guard", "app", "signature", "specs", "task_commands", "__init__"}
    folder = Path(rnnkit.cli.__file__).parent
    for name in light:
        tree = ast.parse((folder / f"{name}.py").read_text(encoding="utf-8"))
        imported = {
            alias.name if isinstance(node, ast.Import) else f"{node.module}.{alias.name}"
            for node in tree.body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        ours = {module for module in imported if module.startswith("rnnkit")}
        allowed = {f"rnnkit.cli.{one}" for one in light} | {"rnnkit.errors", "rnnkit.recurrence"}
        assert {module.rsplit(".", 1)[0] for module in ours} <= allowed | {"rnnkit.cli"}
        others = {module.split(".")[0] for module in imported - ours}
        assert others <= set(sys.stdlib_module_names) | {"typer"}
