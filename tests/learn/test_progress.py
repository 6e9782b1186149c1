from __future__ import annotations

import io
import itertools
import re
from types import SimpleNamespace

import pytest
from rich.console import Console

from rnnkit.learn import ProgressBar, Trainer


def fit(line, console, **options):
    module, batches, loss = line
    callbacks = [ProgressBar(console)]
    trainer = Trainer(module, loss, callbacks=callbacks, **({"max_epochs": 2} | options))
    return trainer.fit(lambda _: batches, lambda: {"accuracy": 0.5, "valid_loss": 1.0})


def test_a_log_gets_one_plain_line_for_each_epoch(line):
    log = io.StringIO()
    history = fit(line, Console(file=log, width=20))
    lines = log.getvalue().splitlines()
    assert len(lines) == 2
    assert "\x1b" not in log.getvalue()
    for number, (text, record) in enumerate(zip(lines, history.epochs, strict=True), start=1):
        expected = (
            f"epoch {number}/2  loss {record['loss']:.4f}  accuracy 0.5000  valid_loss 1.0000"
        )
        assert re.fullmatch(re.escape(expected) + r"  \d+\.\d s", text)


def test_a_terminal_shows_a_live_line_and_keeps_the_finished_ones(line):
    screen = io.StringIO()
    fit(line, Console(file=screen, force_terminal=True, width=120))
    text = screen.getvalue()
    assert "\x1b" in text
    assert "epoch 1/2  loss" in text
    assert "epoch 2/2  loss" in text


def test_the_live_line_tells_loss_metrics_speed_and_time_left(line, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "rich.progress.Progress.update",
        lambda *_, status, **_options: seen.append(status),
    )
    # A clock that moves on by a second whenever it is read.
    clock = SimpleNamespace(perf_counter=itertools.count().__next__)
    monkeypatch.setattr("rnnkit.learn.progress.time", clock)
    fit(line, Console(file=io.StringIO(), force_terminal=True, width=120))
    assert len(seen) == 6
    # One step of six is done after two seconds, and its epoch has read 16 tokens in one.
    assert re.fullmatch(r"loss \d\.\d{4}  16 tokens/s  10\.0 s left", seen[0])
    assert "accuracy 0.5000  valid_loss 1.0000" in seen[-1]
    assert seen[-1].endswith("0.0 s left")


def test_progress_goes_to_standard_error(line, capsys):
    fit(line, None)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("epoch") == 2


def test_the_live_line_is_gone_after_an_error(line):
    module, _, loss = line
    bar = ProgressBar(Console(file=io.StringIO(), force_terminal=True))
    with pytest.raises(TypeError):
        Trainer(module, loss, callbacks=[bar]).fit(lambda _: [None])
    assert bar._progress is None
