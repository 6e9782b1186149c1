from __future__ import annotations

import json
import os

import pytest

import rnnkit
from rnnkit import archive
from rnnkit.cli import doctor
from rnnkit.native import library


def test_info_describes_a_model_without_reading_its_tensors(run, models, monkeypatch):
    def no_reading(*_, **__):
        raise AssertionError("the tensors were read")

    monkeypatch.setattr(archive, "read", no_reading)
    described = json.loads(run("info", models["classify"], "--json").out)
    assert described["estimator"] == "SequenceClassifier"
    assert described["labels"] == ["neg", "pos"]
    assert described["bytes"] == models["classify"].stat().st_size
    assert described["history"]["epochs"] == 8
    assert described["settings"]["hidden_size"] == 16
    assert described["versions"]["rnnkit"] == rnnkit.__version__


def test_info_counts_the_entries_of_every_vocabulary(run, models):
    sizes = {
        task: json.loads(run("info", model, "--json").out)["vocabularies"]
        for task, model in models.items()
    }
    # a, film, indeed and six words; o n e t w h r f u, and a blank; each with the unknown one.
    assert sizes["classify"] == {"tokens": 10}
    assert sizes["tag"] == {"tokens": 7, "characters": 16}
    assert sizes["translate"] == {"source": 11, "target": 7}


def test_info_for_people_has_one_line_a_fact(run, models):
    lines = dict(line.split(": ", 1) for line in run("info", models["tag"]).out.splitlines())
    assert lines["labels"] == "NOUN, VERB"
    assert lines["estimator"] == "SequenceTagger"
    assert lines["history"].startswith("epochs 6, ")
    assert "hidden_size 16" in lines["settings"]


def test_the_parameters_that_info_counts_are_the_networks_own(run, models):
    for model in models.values():
        described = json.loads(run("info", model, "--json").out)
        assert described["parameters"] == rnnkit.load(model).num_parameters_


def test_doctor_finds_this_installation(run):
    found = json.loads(run("doctor", "--json").out)
    assert found["rnnkit"] == rnnkit.__version__
    assert found["kernel"]["LSTM"] in found["kernels available"]
    assert found["threads"] >= 1
    assert found["optional"]["torch"].startswith("2.")
    result = run("doctor")
    assert result.code == 0
    assert f"optional torch: {found['optional']['torch']}\n" in result.out


def test_doctor_says_what_to_do_for_what_is_missing(run, monkeypatch):
    there = doctor._version
    missing = {"pyarrow", "emoji"}
    monkeypatch.setattr(doctor, "_version", lambda name: None if name in missing else there(name))
    result = run("doctor")
    assert result.code == 0
    assert "optional emoji: missing" in result.out
    parquet = "for reading Parquet files (missing: pyarrow): pip install 'rnnkit[parquet]'"
    samples = "for the data of rnnkit demo (missing: emoji): pip install 'rnnkit[samples]'"
    assert f"advice: {parquet}" in result.out
    assert f"advice: {samples}" in result.out


def test_doctor_says_how_to_get_torch_without_cuda(run, monkeypatch):
    there = doctor._version
    monkeypatch.setattr(doctor, "_version", lambda name: None if name == "torch" else there(name))
    found = json.loads(run("doctor", "--json").out)
    assert "kernel" not in found
    (advice,) = [line for line in found["advice"] if "missing: torch" in line]
    assert "--index-url https://download.pytorch.org/whl/cpu" in advice
    assert "--torch-backend cpu" in advice


def test_doctor_finds_the_native_library(run):
    if library.load() is None:
        pytest.skip(f"no native library: {library.problem()}")
    native = json.loads(run("doctor", "--json").out)["native"]
    assert native["library"] == str(library.find())
    assert native["instruction set"] in native["instruction sets available"].split(", ")
    assert native["instruction sets available"].endswith("portable")
    assert native["threads"] is library.has_threads()
    assert f"native instruction set: {library.isa()}\n" in run("doctor").out


@pytest.fixture
def loading_afresh(monkeypatch):
    """Look for the native library anew, in the test and after it."""
    for name in ("RNNKIT_LIBRARY", "RNNKIT_ISA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(library, "_load", library._load.__wrapped__)


def test_doctor_says_how_to_get_a_native_library_that_was_not_built(
    run, monkeypatch, loading_afresh
):
    monkeypatch.setattr(library, "find", lambda: None)
    result = run("doctor")
    assert result.code == 0
    assert "native library: missing\n" in result.out
    assert "native problem: rnnkit was installed without its native library" in result.out
    assert "advice: for native kernels install a C++17 compiler (Debian: apt" in result.out


def test_doctor_says_why_a_native_library_cannot_be_loaded(
    run, monkeypatch, loading_afresh, tmp_path
):
    broken = tmp_path / "librnnkit_native.so"
    broken.write_text("not a library")
    monkeypatch.setattr(library, "find", lambda: broken)
    result = run("doctor")
    assert result.code == 0
    assert f"native library: {broken}\n" in result.out
    assert "cannot be loaded" in result.out
    assert "pip install --force-reinstall --no-deps ." in result.out


def test_doctor_tells_that_the_environment_names_a_library_that_is_not_there(
    run, monkeypatch, loading_afresh, tmp_path
):
    monkeypatch.setenv("RNNKIT_LIBRARY", str(tmp_path / "nowhere.so"))
    result = run("doctor")
    assert result.code == 0
    assert f"advice: RNNKIT_LIBRARY={tmp_path / 'nowhere.so'} is no file" in result.out


def test_doctor_tells_that_the_environment_names_an_unknown_instruction_set(
    run, monkeypatch, loading_afresh
):
    if library.find() is None:
        pytest.skip("no native library")
    monkeypatch.setenv("RNNKIT_ISA", "avx1024")
    result = run("doctor")
    assert result.code == 0
    assert "advice: RNNKIT_ISA='avx1024' is not known" in result.out


@pytest.mark.parametrize("option", ["--version", "--help"])
def test_version_and_help_end_well(run, option):
    result = run(option)
    assert result.code == 0
    assert rnnkit.__version__ in result.out or "Score a saved model" in result.out


def test_a_kernel_that_is_not_known_is_told_by_doctor(run, monkeypatch):
    monkeypatch.setitem(os.environ, "RNNKIT_KERNEL", "fast")
    result = run("doctor")
    assert result.code == 0
    assert "RNNKIT_KERNEL='fast' is not known" in result.out
