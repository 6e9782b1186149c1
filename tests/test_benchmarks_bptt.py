"""The benchmark of back-propagation through time: its proofs, and what it reads off."""

from __future__ import annotations

import pytest
import torch

from benchmarks import bptt
from benchmarks.bptt import Streamed
from benchmarks.costs import Measured


def test_every_way_is_proved_before_it_is_measured(monkeypatch):
    monkeypatch.setattr(bptt, "PROOF_STEPS", 250)
    bptt.prove()
    wrong = bptt.Way(bptt.WAYS["rnnkit full"].kind, bptt.bptt.Truncated(50))
    monkeypatch.setitem(bptt.WAYS, "rnnkit full", wrong)
    with pytest.raises(SystemExit, match="rnnkit full: a gradient is off"):
        bptt.prove()


def test_a_line_gives_memory_and_the_time_of_a_step():
    line = bptt.line(Measured("rnnkit full", 10_000, 3 * 2**20, 0.25))
    assert " ".join(line.split()) == "10,000 rnnkit full 3.0 MiB 0.250 s 25.00 us a step"
    line = bptt.stream_line(Streamed(1_000_000, 2**19, 2.0))
    assert " ".join(line.split()) == "1,000,000 0.5 MiB 2.00 s 2.000 us a step"


def test_the_judged_figures_are_those_of_the_longest_sequence_that_torch_can_hold():
    rows = [
        Measured("rnnkit full", 100, 50, 2.0),
        Measured("rnnkit checkpointed", 100, 5, 3.0),
        Measured("rnnkit truncated(100, 100)", 100, 1, 2.5),
        Measured("torch.nn full, oneDNN", 100, 100, 9.0),
        Measured("torch.nn full, plain", 100, 80, 9.0),
        Measured("rnnkit checkpointed", 1000, 7, 30.0),
    ]
    cosines = {"RNN": [{"policy": "Truncated(k1=20, k2=20)", "cosine": 0.5}]}
    assert bptt.metrics(rows, [Streamed(10, 2**20, 1.0)], cosines) == {
        "T=100: checkpointed, memory of torch's": 5 / 80,
        "T=100: checkpointed, time of full": 1.5,
        "T=100: truncated(100, 100), memory of torch's": 1 / 80,
        "T=100: truncated(100, 100), time of full": 1.25,
        "stream: largest memory, MiB": 1.0,
        "RNN: cosine of truncated(20, 20)": 0.5,
    }


def test_an_echo_is_the_input_some_steps_ago():
    x, loss = bptt.echo_batch(torch.Generator().manual_seed(0))
    lag = bptt.AUDIT_LAG
    said = torch.cat([torch.zeros(lag, bptt.BATCH, 1), x[:-lag]])
    for window in bptt.bptt.Truncated(30).windows(len(x)):
        assert float(loss(said[window.steps], window)) == 0.0
    assert float(loss(x, bptt.bptt.Window(0, 0, len(x)))) > 0.01


def test_a_stream_is_trained_on_from_its_file():
    found = bptt.stream(2_000)
    assert found.steps == 2_000
    assert found.seconds > 0
