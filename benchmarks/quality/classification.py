"""Sentiment."""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from joblib import cpu_count
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils.parallel import Parallel, delayed

from benchmarks.quality.result import Result, corpora
from benchmarks.quality.together import said_together
from rnnkit import LanguageModel, SequenceClassifier
from rnnkit.data import read_table
from rnnkit.vectorize import SubwordVectorizer

NSMC_ALL = {
    "bidirectional": False,
    "dropout": 0.4,
    "buckets": 2**18,
    "batch_size": 128,
    "max_epochs": 2,
    "validation_fraction": 0.03,
    "label_smoothing": 0.1,
}

NSMC_LANGUAGE = {
    "min_count": 3,
    "embedding_size": 128,
    "hidden_size": 384,
    "num_layers": 1,
    "dropout": 0.1,
    "batch_size": 64,
    "max_epochs": 3,
    "validation_fraction": 0.01,
}

# Three that err in different places; that which trains longest comes first.
NSMC = [
    {
        **NSMC_ALL,
        "way": -1,
        "level": "char",
        "ngrams": 3,
        "embedding_size": 128,
        "hidden_size": 384,
        "language": {**NSMC_LANGUAGE, "level": "char"},
    },
    {
        **NSMC_ALL,
        "subwords": 6000,
        "ngrams": 2,
        "embedding_size": 128,
        "hidden_size": 384,
        "language": NSMC_LANGUAGE,
    },
    {**NSMC_ALL, "level": "jamo", "ngrams": 6, "min_count": 3, "hidden_size": 128},
]

IMDB = {
    "ngrams": 2,
    "min_count": 2,
    "buckets": 2**18,
    "embedding_size": 64,
    "hidden_size": 64,
    "dropout": 0.3,
    "max_length": 400,
    "max_epochs": 3,
}

# As many words as a softmax has time for; read forward, as the language model reads.
IMDB_STARTED = {
    **IMDB,
    "embedding_size": 128,
    "hidden_size": 128,
    "bidirectional": False,
    "language": {
        "num_words": 10_000,
        "embedding_size": 128,
        "hidden_size": 128,
        "num_layers": 1,
        "dropout": 0.1,
        "batch_size": 64,
        "max_epochs": 2,
        "validation_fraction": 0.01,
    },
}

# Words and their spelling, hashed: a sixth of the words were seen fewer than five times, or never.
SST2 = [
    {
        "level": "char",
        "whole_words": True,
        "ngrams": 5,
        "buckets": 2**17,
        "dropout": 0.5,
        "ema_decay": 0.998,
        "max_epochs": 5,
        "seed": place,
    }
    for place in range(5)
]

# A word, or one mark: what is loud in a review has its own place in it.
TOKEN = re.compile(r"\w+(?:'\w+)?|[^\w\s]")


class Corpus(NamedTuple):
    """Texts, or lists of tokens, and what each of them says."""

    X: Sequence[Any]
    y: Sequence[Any]


def classify_nsmc(seed: int) -> Result:
    """Naver movie reviews, official split: 150,000 to train, 50,000 to test."""
    folder = corpora() / "sentiment" / "nsmc"
    train, test = (
        _corpus(folder / f"ratings_{part}.txt.gz", "document") for part in ("train", "test")
    )
    linear = TfidfVectorizer(analyzer="char", ngram_range=(1, 3), min_df=3, sublinear_tf=True)
    return _classify({"rnnkit": NSMC}, train, test, linear, seed)


def classify_imdb(seed: int) -> Result:
    """Reviews of films (Maas et al. 2011): 25,000 to train, 25,000 to test."""
    folder = corpora() / "sentiment" / "imdb"
    train, test = (
        _tokens(_corpus(folder / f"{part}.tsv.gz", "text")) for part in ("train", "test")
    )
    linear = TfidfVectorizer(analyzer=_pairs, min_df=2, sublinear_tf=True)
    models = {"rnnkit": [IMDB], "from a language model": [IMDB_STARTED]}
    return _classify(models, train, test, linear, seed)


def classify_sst2(seed: int) -> Result:
    """Sentences of film reviews (Socher et al. 2013), without their phrases."""
    folder = corpora() / "sentiment" / "sst2"
    train, valid, test = (_sentences(folder / f"{part}.tsv") for part in ("train", "dev", "test"))
    linear = TfidfVectorizer(ngram_range=(1, 2), token_pattern=r"\S+", sublinear_tf=True)
    return _classify({"rnnkit": SST2}, train, test, linear, seed, valid=valid)


def _classify(
    models: dict[str, list[dict[str, Any]]],
    train: Corpus,
    test: Corpus,
    linear: TfidfVectorizer,
    seed: int,
    *,
    valid: Corpus | None = None,
) -> Result:
    """What each model reaches on the test texts; beside them the first one without memory, and a
    logistic regression on what `linear` makes of the texts.

    models: by name, the parameters of the classifiers of whose answers the mean is taken. Beside
        those of the estimator: "seed", added to that of the benchmark; "language", the parameters
        of the language model that it starts with; and those of `Reading`.
    """
    first = next(iter(models))
    # Without recurrent layers there are none to start with.
    contrast = [{**own, "cell": "none", "language": None} for own in models[first]]
    figures: dict[str, dict[str, Any]] = {}
    for name, members in {**models, "feed-forward": contrast}.items():
        began = time.perf_counter()
        # Side by side, a core each: networks of this size gain less from a second core.
        several = Parallel(n_jobs=min(len(members), cpu_count()))(
            delayed(_fitted)(own, train, valid, seed) for own in members
        )
        minutes = (time.perf_counter() - began) / 60
        figures[name] = {
            "test accuracy": 100 * float(accuracy_score(test.y, said_together(several, test.X))),
            "training minutes": minutes,
            "parameters": sum(model[-1].num_parameters_ for model in several),
        }
    counted = make_pipeline(linear, LogisticRegression(C=3.0, max_iter=200)).fit(*train)
    figures["tf-idf logistic regression"] = {"test accuracy": 100 * counted.score(*test)}
    return Result(figures.pop(first), figures, {**models, "random_state": seed})


def _fitted(parameters: dict[str, Any], train: Corpus, valid: Corpus | None, seed: int) -> Pipeline:
    """A classifier, which begins with a language model of the same texts if there is to be one."""
    own = dict(parameters)
    language, seed = own.pop("language", None), seed + own.pop("seed", 0)
    reading = Reading(own.pop("way", 1), own.pop("subwords", None)).fit(train.X)
    train, valid = (part and Corpus(reading.transform(part.X), part.y) for part in (train, valid))
    with tempfile.TemporaryDirectory() as folder:
        if language is not None:
            own["language_model"] = Path(folder) / "language.rnn"
            reader = LanguageModel(**language, random_state=seed, verbose=1)
            reader.fit([text for text in train.X if len(text)]).save(own["language_model"])
        model = SequenceClassifier(**own, random_state=seed, verbose=1)
        return make_pipeline(reading, model.fit(*train, validation=valid))


class Reading(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """How texts are read.

    way: from the front (1) or from the end (-1).
    subwords: cut into tokens of a vocabulary of that size, learnt from the training texts.
    """

    def __init__(self, way: int = 1, subwords: int | None = None) -> None:
        self.way = way
        self.subwords = subwords

    def fit(self, X: Sequence[Any], y: Any = None) -> Reading:  # noqa: ARG002 - as pipelines call it
        """Learn the subwords."""
        if self.subwords is not None:
            self.vectorizer_ = SubwordVectorizer(size=self.subwords).fit(X)
        return self

    def transform(self, X: Sequence[Any]) -> list[Any]:
        """The texts, or lists of tokens, as they are read."""
        if self.subwords is not None:
            rows = self.vectorizer_.transform(X)
            X = [self.vectorizer_.tokens(ids[:, 0]) for ids in rows]
        return [text[:: self.way] for text in X]


def _corpus(path: Path, text: str) -> Corpus:
    table = read_table(path, columns=[text, "label"])
    return Corpus(table[text], table["label"])


def _tokens(corpus: Corpus) -> Corpus:
    """Lists of lowered words and marks, without the line breaks of the page."""
    return Corpus(
        [TOKEN.findall(text.lower().replace("<br />", " ")) for text in corpus.X], corpus.y
    )


def _sentences(path: Path) -> Corpus:
    """A sentence and its label a line, without a header; spaces stand between words and marks."""
    with path.open(encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    return Corpus([text for text, _ in rows], [label for _, label in rows])


def _pairs(tokens: list[str]) -> list[str]:
    """Words and pairs of words, for those who count."""
    return tokens + [f"{one} {two}" for one, two in pairwise(tokens)]
