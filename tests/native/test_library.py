"""Finding and loading the native library, and what is said where there is none."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rnnkit import native
from rnnkit.errors import MissingDependencyError, OptionError
from rnnkit.native import library
from tests.kernels.cases import needs_native

LOAD = library._load.__wrapped__


def load_anew() -> tuple[object, str | None]:
    """What loading gives now; what it gave before stays as it is for other tests."""
    return LOAD()


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A package without a library."""
    monkeypatch.delenv("RNNKIT_LIBRARY", raising=False)
    monkeypatch.setattr(native, "__path__", [str(tmp_path)])


@pytest.mark.usefixtures("nowhere")
def test_the_library_is_looked_for_in_every_folder_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    assert library.find() is None
    for name in ("librnnkit_native.so", "librnnkit_native.dylib", "rnnkit_native.dll"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / name).touch()
        monkeypatch.setattr(native, "__path__", [str(tmp_path), str(folder)])
        assert library.find() == folder / name


def test_the_environment_names_the_library(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "mine.so"
    monkeypatch.setenv("RNNKIT_LIBRARY", str(file))
    assert library.find() is None
    file.touch()
    assert library.find() == file


WITHOUT = """
import torch
from rnnkit import cells, kernels
from rnnkit.native import library
print(library._load.cache_info().currsize)
layer = cells.GRU(3, 4)
layer(torch.ones(2, 1, 3))[0].sum().backward()
print(kernels.available(), layer.kernel, library.isas(), library.isa())
print(library.problem())
"""


def test_without_a_library_everything_runs_and_the_reason_is_told(tmp_path: Path) -> None:
    environment = {**os.environ, "RNNKIT_LIBRARY": str(tmp_path / "none.so")}
    run = subprocess.run(
        [sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=True, env=environment
    )
    loaded, kernel, reason = run.stdout.splitlines()
    assert loaded == "0"  # importing alone loads nothing
    assert kernel == "('torch', 'reference') torch () None"
    assert reason.endswith("none.so is no file: correct it, or unset it.")


def test_a_file_that_is_no_library_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "broken.so"
    broken.write_bytes(b"no library")
    monkeypatch.setenv("RNNKIT_LIBRARY", str(broken))
    loaded, reason = load_anew()
    assert loaded is None
    assert "cannot be loaded" in str(reason)


def test_a_machine_without_openmps_runtime_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def missing(_path: str) -> None:
        raise OSError("libgomp.so.1: cannot open shared object file")

    (tmp_path / "mine.so").touch()
    monkeypatch.setenv("RNNKIT_LIBRARY", str(tmp_path / "mine.so"))
    monkeypatch.setattr(library.ctypes, "CDLL", missing)
    _, reason = load_anew()
    assert str(reason).endswith("install gcc's OpenMP runtime (Debian: apt install libgomp1).")


@pytest.mark.usefixtures("nowhere")
def test_what_needs_the_library_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "_load", load_anew)
    assert library.load() is None
    assert not library.has_threads()
    with pytest.raises(MissingDependencyError, match=r"a C\+\+17 compiler, or set RNNKIT_LIBRARY"):
        library.peak_flops("float32", 1, 0.01)
    with pytest.raises(MissingDependencyError), library.use_isa("portable"):
        pass


@needs_native
def test_a_library_of_another_interface_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "ABI", 10**6)
    loaded, reason = load_anew()
    assert loaded is None
    assert "but this rnnkit needs 1000000: install rnnkit again" in reason


@needs_native
def test_an_instruction_set_can_be_chosen_and_comes_back() -> None:
    before = library.isa()
    assert before in library.isas()
    for name in library.isas():
        with library.use_isa(name):
            assert library.isa() == name
    assert library.isa() == before
    known = pytest.raises(OptionError, match=r"isa='avx1024' is not known.*'portable'")
    with known, library.use_isa("avx1024"):
        pass


@needs_native
def test_the_environment_chooses_the_instruction_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with library.use_isa(str(library.isa())):
        for name in library.isas():
            monkeypatch.setenv("RNNKIT_ISA", name)
            load_anew()
            assert library.isa() == name
    monkeypatch.setenv("RNNKIT_ISA", "portible")
    with pytest.raises(OptionError, match=r"RNNKIT_ISA='portible' .* Did you mean 'portable'\?"):
        load_anew()


@needs_native
def test_the_machines_limit_is_measured() -> None:
    for dtype in ("float32", "float64"):
        assert library.peak_flops(dtype, 1, 0.02) > 1e8
    with pytest.raises(OptionError, match="bfloat16"):
        library.peak_flops("bfloat16", 1, 0.02)
