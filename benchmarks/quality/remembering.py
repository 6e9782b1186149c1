"""What only memory can tell: the adding problem, and pictures read pixel by pixel."""

from __future__ import annotations

import gzip
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.result import Result, corpora
from rnnkit import SequenceClassifier, SequenceRegressor

ADDING_STEPS = 400
ADDING_SETTINGS: dict[str, Any] = {
    "cell": "lstm",
    "hidden_size": 64,
    "bidirectional": False,
    "pooling": "last",
    "init": "chrono",
    "scale": "none",
    "batch_size": 50,
    "max_epochs": 12,
    "lr": 5e-3,
    "clip_norm": 1.0,
}
ADDING_EXAMPLES = 10_000

SMNIST_SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 128,
    "bidirectional": False,
    "pooling": "last",
    "init": "chrono",
    "dropout": 0.0,
    "batch_size": 100,
    "max_epochs": 12,
    "lr": 3e-3,
    "clip_norm": 1.0,
    "validation_fraction": 0.02,
}


def adding(seed: int) -> Result:
    """The sum of two marked numbers among 400 (Hochreiter & Schmidhuber 1997, experiment 4)."""
    train, test = (_sums(ADDING_EXAMPLES // part, seed + part) for part in (1, 5))
    found = {}
    for name, cell, init in (
        ("rnnkit", ADDING_SETTINGS["cell"], ADDING_SETTINGS["init"]),
        ("SimpleRNN", "rnn", "orthogonal"),
        ("feed-forward", "none", "orthogonal"),
    ):
        model = SequenceRegressor(
            **{**ADDING_SETTINGS, "cell": cell, "init": init, "random_state": seed, "verbose": 1}
        )
        began = time.perf_counter()
        model.fit(*train)
        minutes = (time.perf_counter() - began) / 60
        error = float(np.mean((model.predict(test[0]) - test[1]) ** 2))
        found[name] = {
            "test MSE": round(error, 5),
            "training minutes": minutes,
            "parameters": model.num_parameters_,
        }
    mean = float(np.mean((test[1] - train[1].mean()) ** 2))
    return Result(
        found.pop("rnnkit"),
        {**found, "always the mean": {"test MSE": round(mean, 5)}},
        {**ADDING_SETTINGS, "random_state": seed, "steps": ADDING_STEPS},
    )


def _sums(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """(count, T, 2) numbers and marks, of which one is in each half; (count,) sums."""
    generator = np.random.default_rng(seed)
    x = np.zeros((count, ADDING_STEPS, 2))
    x[..., 0] = generator.random((count, ADDING_STEPS))
    half = ADDING_STEPS // 2
    rows, places = np.arange(count), generator.integers(0, half, size=(2, count))
    x[rows, places[0], 1] = x[rows, half + places[1], 1] = 1.0
    return x, x[rows, places[0], 0] + x[rows, half + places[1], 0]


def smnist(seed: int) -> Result:
    """Handwritten digits, one pixel a step, 784 steps (Le, Jaitly & Hinton 2015)."""
    folder = corpora() / "mnist"
    train, test = (
        (
            _idx(folder / f"{part}-images-idx3-ubyte.gz").reshape(-1, 784) / 255.0,
            _idx(folder / f"{part}-labels-idx1-ubyte.gz"),
        )
        for part in ("train", "t10k")
    )
    found = {}
    for name, cell, init in (
        ("rnnkit", SMNIST_SETTINGS["cell"], SMNIST_SETTINGS["init"]),
        ("SimpleRNN", "rnn", "orthogonal"),
        ("feed-forward", "none", "orthogonal"),
    ):
        epochs = SMNIST_SETTINGS["max_epochs"] if name == "rnnkit" else 3
        model = SequenceClassifier(
            **{
                **SMNIST_SETTINGS,
                "cell": cell,
                "init": init,
                "max_epochs": epochs,
                "random_state": seed,
                "verbose": 1,
            }
        )
        began = time.perf_counter()
        model.fit(*train)
        found[name] = {
            "test accuracy": 100 * model.score(*test),
            "training minutes": (time.perf_counter() - began) / 60,
            "epochs": epochs,
            "parameters": model.num_parameters_,
        }
    return Result(found.pop("rnnkit"), found, {**SMNIST_SETTINGS, "random_state": seed})


def _idx(path: Path) -> np.ndarray:
    """An IDX file of bytes: a big-endian header, then the numbers."""
    raw = gzip.decompress(path.read_bytes())
    shape = np.frombuffer(raw, dtype=">u4", count=raw[3], offset=4)
    return np.frombuffer(raw, dtype=np.uint8, offset=4 + 4 * raw[3]).reshape(shape)
