"""The one shape in which every benchmark writes what it measured."""

from __future__ import annotations

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch


def figure(value: Any) -> str:
    """A figure as it is shown: of shares and correlations four digits, of others two.

    >>> figure(0.00021), figure(98.765), figure(1_000_000)
    ('0.0002', '98.77', '1,000,000')
    """
    if not isinstance(value, float):
        return f"{value:,}" if isinstance(value, int) else str(value)
    return f"{value:.4f}" if abs(value) <= 1 else f"{value:,.2f}"


def versions(*packages: str) -> dict[str, str]:
    """The machine and the versions that a figure depends on."""
    found = {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": str(len(os.sched_getaffinity(0))),
        "threads": str(torch.get_num_threads()),
    }
    for package in ("rnnkit", "torch", "numpy", *packages):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "not installed"
    return found


def processor() -> str:
    """The processor's name, with its family and model where the name says little."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    return (
        f"{facts.get('model name', '?')} "
        f"(family {facts.get('cpu family', '?')}, model {facts.get('model', '?')})"
    )


def write(
    path: str | None,
    *,
    name: str,
    metrics: Mapping[str, Any],
    baselines: Mapping[str, Any],
    seconds: float,
    settings: Mapping[str, Any],
    packages: tuple[str, ...] = (),
    rows: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Write one result as JSON to `path` ('-' is standard output, None writes nothing).

    rows: the single measurements from which `metrics` follow, where a benchmark has many.
    """
    if path is None:
        return
    result = {
        "name": name,
        "metrics": dict(metrics),
        "baselines": dict(baselines),
        "seconds": round(seconds, 1),
        "settings": dict(settings),
        "versions": versions(*packages),
    }
    if rows:
        result["rows"] = [dict(row) for row in rows]
    text = json.dumps(result, ensure_ascii=False, indent=2) + "\n"
    if path == "-":
        sys.stdout.write(text)
    else:
        Path(path).write_text(text, encoding="utf-8")
