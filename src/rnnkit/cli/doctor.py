"""`rnnkit doctor`: what is installed, which kernel runs, and what to do for what is missing."""

from __future__ import annotations

import locale
import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from typing import Any, TypeAlias

from rnnkit.cli.output import print_json, print_line
from rnnkit.errors import OptionError
from rnnkit.extras import EXTRAS, TRAIN
from rnnkit.native import library
from rnnkit.recurrence import cell_modes

__all__ = ["doctor", "examine"]

Found: TypeAlias = dict[str, Any]
"""Facts by name, as plain JSON."""

REQUIRED = ("numpy", "safetensors", "typer", "rich")

# What brings the native library back, whether it was never built or cannot be loaded.
_REBUILD = (
    "for native kernels install a C++17 compiler (Debian: apt install g++; "
    "macOS: xcode-select --install), then, in rnnkit's sources, "
    "pip install --force-reinstall --no-deps ."
)


def doctor(*, as_json: bool) -> None:
    """Print what was found, and advice."""
    found = examine()
    if as_json:
        print_json(found)
        return
    for name, value in found.items():
        if isinstance(value, dict):
            for key, one in value.items():
                print_line(f"{name} {key}: {'missing' if one is None else one}")
        elif name != "advice":
            print_line(f"{name}: {value}")
    for line in found["advice"] or ["nothing is missing"]:
        print_line(f"advice: {line}")


def examine() -> Found:
    """The state of this installation, as plain JSON."""
    packages = {name: _version(name) for name in REQUIRED}
    optional = {name: _version(name) for extra in EXTRAS.values() for name in extra.packages}
    native = _native()
    return {
        "rnnkit": _version("rnnkit"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cpus": os.cpu_count(),
        **_torch(),
        "native": native,
        "terminal encoding": getattr(sys.stdout, "encoding", None),
        "locale encoding": locale.getpreferredencoding(False),
        "package": packages,
        "optional": optional,
        "advice": _advice(packages, optional, native),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _torch() -> Found:
    """What only torch can tell; the reason where it cannot be imported."""
    if _version("torch") is None:
        return {}
    try:
        import torch
    except (ImportError, OSError) as error:
        return {"torch error": str(error).splitlines()[0]}
    from rnnkit.kernels import available, kernel_for

    found: Found = {
        "cpu capability": torch.backends.cpu.get_cpu_capability(),
        "threads": torch.get_num_threads(),
    }
    try:
        found["kernels available"] = ", ".join(available())
        found["kernel"] = {mode: kernel_for(mode) for mode in cell_modes()}
    except OptionError as error:
        found["kernel"] = {"error": str(error)}
    return found


def _native() -> Found:
    """The native library: where it is and what it runs on, or why it does not run."""
    path = library.find()
    found: Found = {"library": None if path is None else str(path)}
    try:
        problem = library.problem()
    except OptionError as error:  # RNNKIT_ISA
        problem = str(error)
    if problem is not None:
        return {**found, "problem": problem}
    return {
        **found,
        "instruction set": library.isa(),
        "instruction sets available": ", ".join(library.isas()),
        "threads": library.has_threads(),
    }


def _advice(
    packages: dict[str, str | None], optional: dict[str, str | None], native: Found
) -> list[str]:
    missing = [name for name, found in packages.items() if found is None]
    advice = [f"pip install {' '.join(missing)}: rnnkit does not run without"] if missing else []
    if "problem" in native:
        chosen = any(os.environ.get(name) for name in ("RNNKIT_LIBRARY", "RNNKIT_ISA"))
        advice.append(native["problem"] if chosen else _REBUILD)
    advice += _advice_of_extras(optional)
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    if encoding != "utf8":
        advice.append("export PYTHONUTF8=1, or Hangul is printed as escapes such as \\uac00")
    return advice


def _advice_of_extras(optional: dict[str, str | None]) -> Iterator[str]:
    for name, extra in EXTRAS.items():
        missing = [package for package in extra.packages if optional[package] is None]
        if missing:
            how = TRAIN if "torch" in missing else f"pip install 'rnnkit[{name}]'."
            yield f"for {extra.purpose} (missing: {', '.join(missing)}): {how}"
