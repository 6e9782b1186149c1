"""What a gradient costs at growing lengths: memory and time, each way in a process of its own."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

__all__ = ["Measured", "forget_peak", "held", "in_a_process", "measure", "measure_all", "peak"]

MOST_BYTES = 12 * 2**30
RUNS, LEAST_SECONDS = 3, 1.0


@dataclass(frozen=True)
class Measured:
    """What one way needs at one length."""

    way: str
    steps: int
    bytes: int
    seconds: float


def measure(
    name: str, steps: int, *, warm_up: Callable[[], Any], run: Callable[[], Any]
) -> Measured:
    """In this process, which must have done nothing else: peak of one run, median time of a few."""
    warm_up()
    before = forget_peak()
    run()
    needed = peak() - before
    seconds: list[float] = []
    while len(seconds) < RUNS or sum(seconds) < LEAST_SECONDS:
        begin = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - begin)
    return Measured(name, steps, needed, median(seconds))


def measure_all(
    ways: Iterable[str], lengths: Sequence[int], measured: Callable[[str, int], Measured]
) -> Iterator[Measured | str]:
    """Every way at every length, shortest first, or a word on why it is left out."""
    last: dict[str, Measured] = {}
    for steps in sorted(lengths):
        for name in ways:
            before = last.get(name)
            expected = before.bytes * steps / before.steps if before else 0  # linear at most
            if expected > MOST_BYTES:
                yield f"{name} left out: it would need about {expected / 2**30:.0f} GiB"
                continue
            last[name] = measured(name, steps)
            yield last[name]


def in_a_process(module: str, arguments: Sequence[str]) -> dict[str, Any]:
    """What a benchmark prints, as JSON, when it is run anew with these arguments."""
    command = [sys.executable, "-m", module, *arguments]
    root = Path(__file__).parents[1]
    ran = subprocess.run(command, cwd=root, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(ran.stdout)
    return found


def forget_peak() -> int:
    """Set the record of the peak back to what is held now, and return that, in bytes."""
    with suppress(OSError):  # not allowed: what follows has to pass the peak so far to be seen
        Path("/proc/self/clear_refs").write_text("5")
    return peak()


def peak() -> int:
    """The most bytes that this process has held."""
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def held() -> int:
    """The bytes that this process holds now, without the pages of files that it has mapped."""
    return _status("RssAnon") or peak()


def _status(name: str) -> int | None:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return None
    return int(status.split(f"{name}:")[1].split()[0]) * 1024
