"""Language modeling."""

from __future__ import annotations

import gzip
import math
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.quality.ngrams import KneserNey
from benchmarks.quality.result import Result, corpora
from rnnkit import LanguageModel

# The small network of Zaremba, Sutskever & Vinyals 2014 (2 x 200, no dropout; lr and clip_norm are
# theirs, 1 and 5, for a loss that is a mean over steps and not a sum over 20), but with one matrix
# for both embeddings as Press & Wolf 2017 have it, and without the last epochs of tiny steps.
PTB_PLAIN = {
    "embedding_size": 200,
    "hidden_size": 200,
    "num_layers": 2,
    "dropout": 0.0,
    "optimizer": "sgd",
    "lr": 20.0,
    "clip_norm": 0.25,
    "weight_decay": 0.0,
    "schedule": "step",
    "batch_size": 20,
    "bptt_steps": 20,
    "max_epochs": 10,
}
PTB = {
    "embedding_size": 200,
    "hidden_size": 200,
    "num_layers": 2,
    "dropout": 0.2,
    "lr": 3e-3,
    "batch_size": 20,
    "bptt_steps": 35,
    "max_epochs": 10,
}
SHAKESPEARE = {
    "level": "char",
    "embedding_size": 64,
    "hidden_size": 320,
    "num_layers": 2,
    "dropout": 0.2,
    "lr": 3e-3,
    "batch_size": 32,
    "bptt_steps": 80,
    "max_epochs": 9,
}
FEED_FORWARD = {"cell": "none", "num_layers": 1, "max_epochs": 4}


def lm_ptb(seed: int) -> Result:
    """Words of the Penn Treebank as Mikolov et al. 2010 prepared it, official split; every line
    ends with a mark, which counts as a token.
    """
    folder = corpora() / "lm" / "ptb"
    parts = [_text(folder / f"ptb.{part}.txt.gz") for part in ("train", "valid", "test")]
    models = {
        "rnnkit": PTB,
        "no dropout": PTB_PLAIN,
        "feed-forward": {**PTB, **FEED_FORWARD},
    }
    figures: dict[str, dict[str, Any]] = {}
    for name, options in models.items():
        model, minutes = _fit(options, parts[0], parts[1], seed)
        figures[name] = {
            "test perplexity": model.perplexity(parts[2]),
            "valid perplexity": model.perplexity(parts[1]),
            "training minutes": minutes,
            "parameters": model.num_parameters_,
        }
        if name == "rnnkit":
            settings = model.get_params()
    ids = _streams(model, parts)
    for name, order in (("Kneser-Ney trigram", 3), ("unigram", 1)):
        counted = KneserNey(order, model.vectorizer_.size).fit(ids[0])
        figures[name] = {"test perplexity": counted.perplexity(ids[2])}
    return Result(figures.pop("rnnkit"), figures, settings)


def lm_shakespeare(seed: int) -> Result:
    """Characters of tiny Shakespeare: the first 90 % to train, the rest to watch and to score."""
    text = _text(corpora() / "lm" / "tinyshakespeare" / "input.txt.gz")
    cut = int(0.9 * len(text))
    train, valid = text[:cut], text[cut:]
    figures: dict[str, dict[str, Any]] = {}
    for name, options in (("rnnkit", {}), ("feed-forward", {**FEED_FORWARD, "window": 8})):
        model, minutes = _fit({**SHAKESPEARE, **options}, train, valid, seed)
        figures[name] = {
            "valid nats a character": -model.score(valid),
            "training minutes": minutes,
            "parameters": model.num_parameters_,
        }
        if name == "rnnkit":
            settings = model.get_params()
    ids = _streams(model, [train, valid])
    for name, order in (("Kneser-Ney 6-gram", 6), ("Kneser-Ney trigram", 3), ("unigram", 1)):
        counted = KneserNey(order, model.vectorizer_.size).fit(ids[0])
        figures[name] = {"valid nats a character": math.log(counted.perplexity(ids[1]))}
    return Result(figures.pop("rnnkit"), figures, settings)


def _fit(options: dict[str, Any], train: str, valid: str, seed: int) -> tuple[LanguageModel, float]:
    """A model, and the minutes that it took."""
    model = LanguageModel(**options, random_state=seed, verbose=1)
    began = time.perf_counter()
    model.fit(train, validation=valid)
    return model, (time.perf_counter() - began) / 60


def _streams(model: LanguageModel, parts: list[str]) -> list[list[int]]:
    """The ids that the model reads, for those who count."""
    return [np.asarray(ids).tolist() for ids in model.vectorizer_.transform(parts)]


def _text(path: Path) -> str:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read()
