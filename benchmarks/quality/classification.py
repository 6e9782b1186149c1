"""Sentiment."""

from __future__ import annotations

import time

from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from benchmarks.quality.result import Result, corpora
from rnnkit import SequenceClassifier
from rnnkit.data import read_table

SETTINGS = {
    "level": "char",
    "ngrams": 2,
    "min_count": 3,
    "buckets": 2**17,
    "embedding_size": 96,
    "hidden_size": 160,
    "dropout": 0.3,
    "batch_size": 128,
    "max_epochs": 4,
    "lr": 2e-3,
    "validation_fraction": 0.03,
}


def classify_nsmc(seed: int) -> Result:
    """Naver movie reviews, official split: 150,000 to train, 50,000 to test."""
    folder = corpora() / "sentiment" / "nsmc"
    train, test = (
        read_table(folder / f"ratings_{part}.txt.gz", columns=["document", "label"])
        for part in ("train", "test")
    )
    metrics, baselines = {}, {}
    for name, cell in (("rnnkit", "lstm"), ("feed-forward", "none")):
        model = SequenceClassifier(cell=cell, **SETTINGS, random_state=seed, verbose=1)
        began = time.perf_counter()
        model.fit(train["document"], train["label"])
        minutes = (time.perf_counter() - began) / 60
        figures = {
            "test accuracy": 100 * model.score(test["document"], test["label"]),
            "training minutes": minutes,
            "parameters": model.num_parameters_,
        }
        if cell == "none":
            baselines[name] = figures
        else:
            metrics, settings = figures, model.get_params()
    linear = make_pipeline(
        TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=3, sublinear_tf=True),
        LogisticRegression(C=3.0, max_iter=200),
    )
    linear.fit(train["document"], train["label"])
    baselines["tf-idf logistic regression"] = {
        "test accuracy": 100 * linear.score(test["document"], test["label"])
    }
    return Result(metrics, baselines, settings)
