"""Part-of-speech tagging."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from benchmarks.quality.result import Result, corpora
from rnnkit import SequenceTagger
from rnnkit.data import read_conllu

# One tagger for every treebank.
SETTINGS: dict[str, Any] = {
    "character_size": 64,
    "character_hidden_size": 128,
    "hidden_size": 256,
    "batch_size": 16,
    "max_epochs": 20,
    "lr": 2e-3,
    "schedule": "constant",
    "ema_decay": 0.999,
    "label_smoothing": 0.1,
}
LEAST = 10  # words of a finer label in training
JOINT = "|"


def tag_ewt(seed: int) -> Result:
    """UPOS of UD English EWT: official split, gold tokens, no pretrained vectors."""
    return _tag("en_ewt", seed)


def tag_ko_gsd(seed: int) -> Result:
    """UPOS of UD Korean GSD, whose words are eojeol: a third of the test's are unseen."""
    return _tag("ko_gsd", seed)


def _tag(treebank: str, seed: int) -> Result:
    """The settings are the same for every treebank, and were chosen on the dev parts alone."""
    train, dev, test = (_part(treebank, part) for part in ("train", "dev", "test"))
    known = {word for words in train.tokens for word in words}
    models: dict[str, dict[str, Any]] = {
        "rnnkit": {},
        "UPOS alone": {"finer": False},
        "feed-forward": {"cell": "none"},
    }
    figures: dict[str, dict[str, Any]] = {}
    for name, options in models.items():
        tagger = FinerTagger(**{**SETTINGS, **options, "random_state": seed, "verbose": 1})
        began = time.perf_counter()
        tagger.fit(train, dev)
        minutes = (time.perf_counter() - began) / 60
        figures[name] = {
            **accuracies(tagger.predict(test.tokens), test, known),
            "dev accuracy": accuracies(tagger.predict(dev.tokens), dev, known)["test accuracy"],
            "training minutes": minutes,
            "parameters": tagger.model.num_parameters_,
        }
    figures["most frequent tag"] = {
        "test accuracy": 100 * most_frequent_tag(train.tokens, train.tags, test.tokens, test.tags)
    }
    return Result(
        figures.pop("rnnkit"), figures, {**SETTINGS, "least": LEAST, "random_state": seed}
    )


class Treebank(NamedTuple):
    """Words, their UPOS, and the tags of the language's own."""

    tokens: list[list[str]]
    tags: list[list[str]]
    own: list[list[str]]


class FinerTagger:
    """A tagger that learns more than it is asked: UPOS with the treebank's own tags (XPOS).

    Both stand in the training part. A label is the two together where training has it so often that
    it can be learnt, else UPOS alone; p(UPOS) is the sum over its labels.
    """

    def __init__(self, *, finer: bool = True, **options: Any) -> None:
        self.finer, self.model = finer, SequenceTagger(**options)

    def fit(self, train: Treebank, dev: Treebank) -> None:
        """Learn from one part, and keep the epoch that is best on another."""
        counts = Counter(
            pair
            for rows in zip(train.tags, train.own, strict=True)
            for pair in zip(*rows, strict=True)
        )
        self.often = {pair for pair, count in counts.items() if count >= LEAST and self.finer}
        labels = self._labels(train)
        seen = {label for row in labels for label in row}
        # What training never showed cannot be right: such a step of dev is not looked at.
        watched = [[label if label in seen else None for label in row] for row in self._labels(dev)]
        self.model.fit(train.tokens, labels, validation=(dev.tokens, watched))

    def predict(self, tokens: list[list[str]]) -> list[list[str]]:
        """UPOS of each word."""
        coarse = [label.split(JOINT)[0] for label in self.model.classes_]
        tags = sorted(set(coarse))
        belongs = np.array([[one == tag for tag in tags] for one in coarse], dtype=float)
        return [
            [tags[best] for best in (rows @ belongs).argmax(axis=1)]
            for rows in self.model.predict_proba(tokens)
        ]

    def _labels(self, part: Treebank) -> list[list[str]]:
        return [
            [
                JOINT.join(pair) if pair in self.often else pair[0]
                for pair in zip(*rows, strict=True)
            ]
            for rows in zip(part.tags, part.own, strict=True)
        ]


def _part(treebank: str, name: str) -> Treebank:
    path = corpora() / "pos" / treebank / f"{treebank}-ud-{name}.conllu.gz"
    upos, own = read_conllu(path), read_conllu(path, tag="xpos")
    return Treebank(upos.tokens, upos.tags, own.tags)


def accuracies(
    guesses: Sequence[Sequence[str]], test: Treebank, known: set[str]
) -> dict[str, float]:
    """Percent of all words, and of those that training did not show, with the right tag."""
    right = [
        (word in known, guess == tag)
        for words, row, tags in zip(test.tokens, guesses, test.tags, strict=True)
        for word, guess, tag in zip(words, row, tags, strict=True)
    ]
    unseen = [good for seen, good in right if not seen]
    return {
        "test accuracy": 100 * sum(good for _, good in right) / len(right),
        "test accuracy, unseen words": 100 * sum(unseen) / max(1, len(unseen)),
    }


def most_frequent_tag(
    tokens: Sequence[Sequence[str]],
    tags: Sequence[Sequence[str]],
    test_tokens: Sequence[Sequence[str]],
    test_tags: Sequence[Sequence[str]],
) -> float:
    """Each word its most frequent tag in training, an unknown word NOUN."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for words, labels in zip(tokens, tags, strict=True):
        for word, tag in zip(words, labels, strict=True):
            counts[word][tag] += 1
    best = {word: tally.most_common(1)[0][0] for word, tally in counts.items()}
    right = [
        best.get(word, "NOUN") == tag
        for words, labels in zip(test_tokens, test_tags, strict=True)
        for word, tag in zip(words, labels, strict=True)
    ]
    return sum(right) / len(right)
