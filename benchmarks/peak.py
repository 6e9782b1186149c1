"""The most memory that a process has held."""

from __future__ import annotations

import resource
from contextlib import suppress
from pathlib import Path

__all__ = ["forget_peak", "held", "peak"]


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
