"""The benchmark of memory: what it reads off, and what it leaves out."""

from __future__ import annotations

import pytest

from benchmarks import costs, memory
from benchmarks.costs import Measured
from benchmarks.memory import CHECKPOINTED, PLAIN, TORCH


def test_the_ratios_are_to_the_smaller_of_torch_and_to_our_plain_time():
    found = [
        Measured(PLAIN, 100, bytes=50, seconds=2.0),
        Measured(CHECKPOINTED, 100, bytes=5, seconds=3.0),
        Measured(TORCH[0], 100, bytes=100, seconds=9.0),
        Measured(TORCH[1], 100, bytes=80, seconds=9.0),
    ]
    assert list(memory.ratios(found, 100).values()) == [5 / 80, 1.5]
    assert memory.ratios(found, 200) == {}
    assert memory.ratios(found[:-1], 100) == {}


def test_a_way_that_would_not_fit_is_left_out_with_a_word(monkeypatch):
    monkeypatch.setattr(costs, "MOST_BYTES", 1000)
    measured = lambda name, steps: Measured(name, steps, steps, 1.0)  # noqa: E731
    found = list(costs.measure_all([PLAIN], [10_000, 500], measured))
    assert found[0] == Measured(PLAIN, 500, 500, 1.0)
    assert "left out" in found[1]
    assert memory.line(found[1]).strip() == found[1]


def test_a_line_gives_mebibytes_and_seconds():
    line = memory.line(Measured(PLAIN, 10_000, 3 * 2**20, 0.25))
    assert line.split() == ["10,000", "rnnkit", "3.0", "MiB", "0.250", "s"]


def test_the_gradients_of_torch_are_the_same_with_and_without_onednn():
    with_onednn, without = (
        memory.WAYS[name].gradients(memory.WAYS[name].layer(), memory.make_input(20))
        for name in TORCH
    )
    for one, other in zip(with_onednn, without, strict=True):
        assert (one - other).norm() <= 1e-5 * other.norm()


def test_the_peak_of_memory_starts_anew():
    before = costs.forget_peak()
    block = bytearray(b"1") * (64 * 2**20)
    assert costs.peak() - before == pytest.approx(len(block), rel=0.2)
