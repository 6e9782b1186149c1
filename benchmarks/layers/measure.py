"""Times of several libraries in turns, and the machine's limit among them."""

from __future__ import annotations

import gc
import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from statistics import median
from typing import Any

from rnnkit.native import library

ROUNDS = 5  # at least
LONGEST_BLOCK = 100  # calls
PAUSE = 0.01  # seconds: gcc's OpenMP threads spin for about 3 ms, the others' for less
LIMIT_SECONDS = 0.05


@dataclass(frozen=True)
class Entry:
    """A call to be timed, and what stands around a block of them."""

    call: Callable[[], Any]
    within: Callable[[], AbstractContextManager[Any]] = nullcontext


@dataclass(frozen=True)
class Measured:
    """Median seconds of each entry, and the machine's floating-point operations a second."""

    seconds: dict[str, float]
    limit: float | None


def measure(entries: Mapping[str, Entry], *, seconds: float, threads: int) -> Measured:
    """Take turns for so many seconds, and for `ROUNDS` rounds at least."""
    budget = seconds / (ROUNDS * len(entries))
    counts = {name: block_length(entry, budget) for name, entry in entries.items()}
    times: dict[str, list[int]] = {name: [] for name in entries}
    limits, order, turns = [], list(entries), random.Random(0)
    end, rounds = time.perf_counter() + seconds, 0
    with _no_collection():
        while rounds < ROUNDS or time.perf_counter() < end:
            turns.shuffle(order)
            for name in order:
                times[name] += block(entries[name], counts[name])
            limits.append(limit(threads))
            rounds += 1
    found = [flops for flops in limits if flops is not None]
    medians = {name: median(spent) / 1e9 for name, spent in times.items()}
    return Measured(medians, median(found) if found else None)


def block_length(entry: Entry, budget: float) -> int:
    """How many calls fill a block's share of the time, by the faster of two calls."""
    fastest = min(block(entry, 1)[0] for _ in range(2)) / 1e9
    return max(1, min(LONGEST_BLOCK, int(budget / fastest)))


def block(entry: Entry, count: int) -> list[int]:
    """Nanoseconds of `count` calls one after the other, once the other libraries sleep."""
    time.sleep(PAUSE)
    spent = []
    with entry.within():
        if count > 1:  # to wake the threads, which is nothing in a call so long as to stand alone
            entry.call()
        for _ in range(count):
            begin = time.perf_counter_ns()
            entry.call()
            spent.append(time.perf_counter_ns() - begin)
    return spent


def limit(threads: int) -> float | None:
    """float32 operations a second that these cores can do at best; None without our library."""
    if library.load() is None:
        return None
    time.sleep(PAUSE)
    return library.peak_flops("float32", threads, LIMIT_SECONDS)


@contextmanager
def _no_collection() -> Iterator[None]:
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
