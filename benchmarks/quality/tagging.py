"""Part-of-speech tagging."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence

from benchmarks.quality.result import Result, corpora
from rnnkit import SequenceTagger
from rnnkit.data import read_conllu


def tag_ewt(seed: int) -> Result:
    """UPOS of UD English EWT: official split, gold tokens, no pretrained vectors."""
    folder = corpora() / "pos" / "en_ewt"
    train, dev, test = (
        read_conllu(folder / f"en_ewt-ud-{part}.conllu.gz") for part in ("train", "dev", "test")
    )
    metrics, baselines = {}, {}
    for name, cell in (("rnnkit", "lstm"), ("feed-forward", "none")):
        model = SequenceTagger(cell=cell, random_state=seed, verbose=1)
        began = time.perf_counter()
        model.fit(train.tokens, train.tags, validation=(dev.tokens, dev.tags))
        figures = {
            "test accuracy": 100 * model.score(test.tokens, test.tags),
            "dev accuracy": 100 * model.score(dev.tokens, dev.tags),
            "training minutes": (time.perf_counter() - began) / 60,
            "parameters": model.num_parameters_,
        }
        if cell == "none":
            baselines[name] = figures
        else:
            metrics, settings = figures, model.get_params()
    baselines["most frequent tag"] = {
        "test accuracy": 100 * most_frequent_tag(train.tokens, train.tags, test.tokens, test.tags)
    }
    return Result(metrics, baselines, settings)


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
