"""Many to one: series of numbers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    matthews_corrcoef,
    roc_auc_score,
)
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.quality.result import Result, corpora
from benchmarks.quality.together import mean_chances, said_together
from rnnkit import SequenceClassifier
from rnnkit.data import read_series, read_ts

ARCHIVE = (
    "ItalyPowerDemand",
    "GunPoint",
    "ArrowHead",
    "OSULeaf",
    "BasicMotions",
    "JapaneseVowels",
)
# The sets hold 36 to 270 series to learn from: small batches, many epochs, no part held out.
ARCHIVE_SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 64,
    "num_layers": 2,
    "batch_size": 8,
    "max_epochs": 60,
    "lr": 3e-3,
    "dropout": 0.2,
    "validation_fraction": 0,
}
# A series is read in about so many inputs, of as many of its steps side by side as that takes: few
# where the whole outline tells, many where what happens in it does.
ARCHIVE_INPUTS = (64, 16, 4)
# What is learnt from beside the series: nothing, or copies, until there are about so many of all.
ARCHIVE_COPIES = ("none", "mixed", "mixed and turned")
ARCHIVE_SERIES, ARCHIVE_EPOCHS = 720, 15
# Folds of the training part choose first the one and then the other, for each set; of equally good
# ones the first.
ARCHIVE_FOLDS, ARCHIVE_ROUNDS = 4, 3
# The answer is the mean of so many models, as one of 36 series is a matter of luck.
ARCHIVE_MODELS = 3

BANKRUPTCY_SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "scale": "signed-log",
    "hidden_size": 32,
    "bidirectional": False,
    "pooling": "last",
    "dropout": 0.3,
    "weight_decay": 0.1,
    "class_weight": "balanced",
    "max_epochs": 20,
    "batch_size": 64,
    "monitor": "loss",
}
BANKRUPTCY_SEEDS = 5
# The logistic regression beside it may choose how strongly it is held back, on validation data.
BANKRUPTCY_C = tuple(10.0**power for power in range(-6, 3))

STOCKS_SETTINGS: dict[str, Any] = {
    "cell": "lstm",
    "hidden_size": 32,
    "bidirectional": False,
    "pooling": "last",
    "dropout": 0.2,
    "batch_size": 256,
    "max_epochs": 10,
    "monitor": "loss",
}
STOCKS_STEPS, STOCKS_SEEDS = 5, 5


def series(seed: int) -> Result:
    """Every set of the UCR and UEA archive that is there: accuracy on its test part."""
    folder = corpora() / "series" / "ucr_uea"
    metrics, contrast, nearest, chosen = {}, {}, {}, {}
    for name in ARCHIVE:
        train, test = (read_ts(folder / f"{name}_{part}.ts.gz") for part in ("TRAIN", "TEST"))
        steps, copies = _best_on_folds(train, seed)
        for cell, figures in ((ARCHIVE_SETTINGS["cell"], metrics), ("none", contrast)):
            models = [
                ArchiveReader(steps, copies, cell, seed + place).fit(train.series, train.labels)
                for place in range(ARCHIVE_MODELS)
            ]
            said = said_together(models, test.series)
            figures[name] = 100 * float(accuracy_score(test.labels, said))
        chosen[name] = {"steps an input": steps, "copies": copies}
        nearest[name] = 100 * nearest_neighbor(train, test)
    return Result(
        metrics,
        {"feed-forward": contrast, "1-NN Euclid": nearest},
        {
            **ARCHIVE_SETTINGS,
            "random_state": seed,
            "inputs a series, the best on folds": list(ARCHIVE_INPUTS),
            "copies, the best on folds": list(ARCHIVE_COPIES),
            "series with their copies": ARCHIVE_SERIES,
            "max_epochs with copies": ARCHIVE_EPOCHS,
            "folds": ARCHIVE_FOLDS,
            "rounds of folds": ARCHIVE_ROUNDS,
            "averaged models": ARCHIVE_MODELS,
            "chosen": chosen,
        },
    )


class ArchiveReader(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that reads some steps of a series at a time, and may learn from copies too."""

    def __init__(
        self,
        steps: int = 1,
        copies: str = "none",
        cell: str = ARCHIVE_SETTINGS["cell"],
        random_state: int = 0,
    ) -> None:
        self.steps = steps
        self.copies = copies
        self.cell = cell
        self.random_state = random_state

    def fit(self, X: Sequence[np.ndarray], y: Sequence[str]) -> ArchiveReader:
        """X: series (T, F)."""
        settings = {**ARCHIVE_SETTINGS, "cell": self.cell, "random_state": self.random_state}
        if self.copies != "none":
            rng = np.random.default_rng(self.random_state)
            X, y = with_copies(X, y, rng, turned="turned" in self.copies)
            settings["max_epochs"] = ARCHIVE_EPOCHS
        self.model_ = SequenceClassifier(**settings).fit(side_by_side(X, self.steps), y)
        self.classes_ = self.model_.classes_
        return self

    def predict_proba(self, X: Sequence[np.ndarray]) -> np.ndarray:
        """(n, K)."""
        return self.model_.predict_proba(side_by_side(X, self.steps))

    def predict(self, X: Sequence[np.ndarray]) -> np.ndarray:
        """(n,)."""
        return self.model_.predict(side_by_side(X, self.steps))


def _best_on_folds(train: Any, seed: int) -> tuple[int, str]:
    """In how many steps an input and with which copies the series of a set are best learnt from, by
    one model on folds of what is known.
    """
    folds = RepeatedStratifiedKFold(
        n_splits=ARCHIVE_FOLDS, n_repeats=ARCHIVE_ROUNDS, random_state=seed
    )

    @cache
    def accuracy(steps: int, copies: str) -> float:
        reader = ArchiveReader(steps, copies, random_state=seed)
        scores = cross_val_score(reader, train.series, train.labels, cv=folds, n_jobs=-1)
        return float(scores.mean())

    # A short series comes to the same by several numbers of inputs.
    choices = dict.fromkeys(steps_an_input(train.series, inputs) for inputs in ARCHIVE_INPUTS)
    steps = max(choices, key=lambda each: accuracy(each, ARCHIVE_COPIES[0]))
    return steps, max(ARCHIVE_COPIES, key=lambda each: accuracy(steps, each))


def with_copies(
    series: Sequence[np.ndarray], labels: Sequence[str], rng: np.random.Generator, *, turned: bool
) -> tuple[list[np.ndarray], list[str]]:
    """The series, and as many copies as there is room for: each lies at random between two of a
    class (where the other one ends earlier, its rest stays as it is), and every second one is
    read from its end if they are to be `turned`.
    """
    kept, told = list(series), list(labels)
    alike = {label: np.flatnonzero(np.array(labels) == label) for label in set(labels)}
    for _ in range(ARCHIVE_SERIES // len(series)):
        for one, label in zip(series, labels, strict=True):
            other = series[rng.choice(alike[label])]
            both, share = min(len(one), len(other)), rng.random()
            copy = one.copy()
            copy[:both] += share * (other[:both] - one[:both])
            kept.append(copy[::-1] if turned and rng.random() < 0.5 else copy)
            told.append(label)
    return kept, told


def steps_an_input(series: Sequence[np.ndarray], inputs: int) -> int:
    """How many steps stand side by side, so that the median series has about so many inputs."""
    return max(1, int(np.median([len(one) for one in series])) // inputs)


def side_by_side(series: Iterable[np.ndarray], steps: int) -> list[np.ndarray]:
    """(T, F) -> (ceil(T / steps), steps F); the last step is repeated where some are lacking."""
    return [
        np.pad(one, ((0, -len(one) % steps), (0, 0)), mode="edge").reshape(-1, steps * one.shape[1])
        for one in series
    ]


def nearest_neighbor(train: Any, test: Any) -> float:
    """1-NN by Euclid's distance; shorter series end in zeros, as they must have one length."""
    steps = max(len(one) for one in [*train.series, *test.series])
    known, asked = (_padded(part.series, steps) for part in (train, test))
    model = KNeighborsClassifier(n_neighbors=1).fit(known, train.labels)
    return float(model.score(asked, test.labels))


def _padded(series: Iterable[np.ndarray], steps: int) -> np.ndarray:
    return np.stack([np.pad(one, ((0, steps - len(one)), (0, 0))).ravel() for one in series])


def bankruptcy(seed: int) -> Result:
    """Will this company fail: windows of 3 and of 5 yearly accounts, split by time, no year in."""
    metrics, baselines = {}, {"feed-forward": {}, "logistic regression": {}}
    for years in (3, 5):
        train, valid, test = (_companies(years, part) for part in ("train", "val", "test"))
        for cell, figures in (
            (BANKRUPTCY_SETTINGS["cell"], metrics),
            ("none", baselines["feed-forward"]),
        ):
            models = [
                _fitted_on(train, valid, cell, seed + place) for place in range(BANKRUPTCY_SEEDS)
            ]
            figures |= _ranking(years, test[1], mean_chances(models, test[0])[:, 1])
        linear = _regression(train, valid)
        chances = _chances(linear, test[0])
        baselines["logistic regression"] |= _ranking(years, test[1], chances)
        baselines["logistic regression"][f"{years} years C"] = linear.C
    settings = {
        **BANKRUPTCY_SETTINGS,
        "random_state": seed,
        "averaged models": BANKRUPTCY_SEEDS,
        "C of logistic regression": list(BANKRUPTCY_C),
    }
    return Result(metrics, baselines, settings)


def _companies(years: int, part: str) -> tuple[list[np.ndarray], list[str]]:
    path = corpora() / "series" / "bankruptcy_us" / f"window{years}_{part}.csv.gz"
    table = read_series(path, id="company", time="fyear", label="status")
    return table.series, table.last_labels()


def _fitted_on(train: Any, valid: Any, cell: str, seed: int) -> SequenceClassifier:
    model = SequenceClassifier(**{**BANKRUPTCY_SETTINGS, "cell": cell, "random_state": seed})
    return model.fit(*train, validation=valid)


def _regression(train: Any, valid: Any) -> LogisticRegression:
    """Logistic regression on all years side by side, with the C that is best on `valid`."""
    known, failed = _signed_logs(train[0]), np.array(valid[1]) == "1"
    models = [
        LogisticRegression(C=C, class_weight="balanced", max_iter=10_000).fit(known, train[1])
        for C in BANKRUPTCY_C
    ]
    return max(models, key=lambda model: float(roc_auc_score(failed, _chances(model, valid[0]))))


def _chances(model: LogisticRegression, series: list[np.ndarray]) -> np.ndarray:
    chances: np.ndarray = model.predict_proba(_signed_logs(series))[:, 1]
    return chances


def _signed_logs(series: list[np.ndarray]) -> np.ndarray:
    flat = np.stack([one.ravel() for one in series])
    return np.sign(flat) * np.log1p(np.abs(flat))


def _ranking(years: int, labels: list[str], chances: np.ndarray) -> dict[str, float]:
    failed = np.array(labels) == "1"
    return {
        f"{years} years ROC-AUC": float(roc_auc_score(failed, chances)),
        f"{years} years average precision": float(average_precision_score(failed, chances)),
        f"{years} years MCC": float(matthews_corrcoef(failed, chances > 0.5)),
    }


def stocks(seed: int) -> Result:
    """Up or down tomorrow: 87 stocks, split by date as Feng et al. 2019, 5 seeds."""
    path = corpora() / "series" / "stocks_acl18" / "features.csv.gz"
    table = read_series(path, id="ticker", time="date", label="label", ignore=["adj_close"])
    windows = table.windows(STOCKS_STEPS)
    parts = [
        _moving(windows.between(begin, end))
        for begin, end in (
            ("2014-01-02", "2015-08-03"),
            ("2015-08-03", "2015-10-01"),
            ("2015-10-01", None),
        )
    ]
    train, valid, test = parts
    metrics, contrast = (
        _over_seeds(train, valid, test, cell, seed) for cell in (STOCKS_SETTINGS["cell"], "none")
    )
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    linear.fit([one.ravel() for one in train[0]], train[1])
    said = linear.predict([one.ravel() for one in test[0]])
    return Result(
        metrics,
        {
            "feed-forward": contrast,
            "logistic regression": _movement(test[1], said),
            "always up": _movement(test[1], ["1"] * len(test[1])),
        },
        {**STOCKS_SETTINGS, "steps": STOCKS_STEPS, "seeds": STOCKS_SEEDS, "random_state": seed},
    )


def _moving(windows: Any) -> tuple[list[np.ndarray], list[str]]:
    """Without the days on which a price hardly moved."""
    kept = [place for place, label in enumerate(windows.labels) if label != "0"]
    return [windows.series[i] for i in kept], [windows.labels[i] for i in kept]


def _over_seeds(train: Any, valid: Any, test: Any, cell: str, seed: int) -> dict[str, float]:
    """Mean and standard deviation over seeds."""
    runs = []
    for place in range(STOCKS_SEEDS):
        model = SequenceClassifier(
            **{**STOCKS_SETTINGS, "cell": cell, "random_state": seed + place}
        )
        began = time.perf_counter()
        model.fit(*train, validation=valid)
        seconds = time.perf_counter() - began
        runs.append({**_movement(test[1], model.predict(test[0])), "training seconds": seconds})
    return {
        name: value
        for key in runs[0]
        for name, value in (
            (key, float(np.mean([run[key] for run in runs]))),
            (f"{key} (spread)", float(np.std([run[key] for run in runs]))),
        )
    }


def _movement(labels: list[str], said: Any) -> dict[str, float]:
    return {
        "accuracy": 100 * float(accuracy_score(labels, said)),
        "MCC": float(matthews_corrcoef(labels, said)),
    }
