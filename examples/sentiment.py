"""Sentiment from few labels: a classifier from scratch, and one that begins with a language model.

`python examples/sentiment.py` makes up reviews in which what is praised is bought again and what is
not is sent back. Only reviews of four adjectives are labelled; those of twelve others are read by
the language model alone, and asked of the classifiers in the end. It takes seconds.
"""

from __future__ import annotations

import itertools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from rnnkit import LanguageModel, SequenceClassifier

THINGS = ("the film", "this book", "her lamp", "that soup", "the tent", "his song", "the new phone")
ADVERBS = ("", "really ", "so ", "just ")
ADJECTIVES = {
    "+": ("good", "fine", "lovely", "bright", "solid", "sweet", "clever", "warm"),
    "-": ("bad", "poor", "dull", "dim", "flimsy", "bitter", "clumsy", "cold"),
}
ENDINGS = {"+": ("i would buy it again", "so we kept it"), "-": ("i sent it back", "what a waste")}
LABELLED = 2  # adjectives of each sort whose reviews have labels

# What the language model and the classifiers have in common.
ALIKE: dict[str, Any] = {
    "embedding_size": 64,
    "hidden_size": 64,
    "num_layers": 1,
    "random_state": 0,
}

Reviews = tuple[list[str], list[str]]


def reviews(words: slice) -> Reviews:
    """Every review that can be made of these adjectives, without what came of it; their labels."""
    made = [
        (f"{thing} is {adverb}{word}", label)
        for label, adjectives in ADJECTIVES.items()
        for thing, adverb, word in itertools.product(THINGS, ADVERBS, adjectives[words])
    ]
    return [text for text, _ in made], [label for _, label in made]


def stories(seed: int) -> list[str]:
    """Reviews of all adjectives with what came of it, and no labels."""
    texts, labels = reviews(slice(None))
    generator = np.random.default_rng(seed)
    order = generator.permutation(len(texts))
    return [f"{texts[i]} , {generator.choice(ENDINGS[labels[i]])}" for i in order]


def train(start: Path | None) -> SequenceClassifier:
    """A classifier of the labelled reviews, read forward as a language model reads."""
    model = SequenceClassifier(
        **ALIKE,
        language_model=start,
        bidirectional=False,
        pooling="last",
        max_epochs=10,
        batch_size=8,
    )
    return model.fit(*reviews(slice(LABELLED)))


def main() -> None:
    unseen = reviews(slice(LABELLED, None))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "language.rnn"
        LanguageModel(**ALIKE, bptt_steps=16, max_epochs=30).fit(stories(seed=0)).save(path)
        for name, start in (("from scratch", None), ("from the language model", path)):
            score = train(start).score(*unseen)
            print(f"{name}: {score:.0%} of reviews whose adjectives had no label")


if __name__ == "__main__":
    main()
