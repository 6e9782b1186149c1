"""Part-of-speech tagging."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Sequence

from benchmarks.quality.result import Result, corpora
from rnnkit import SequenceTagger
from rnnkit.data import TaggedSentences, read_conllu


def tag_ewt(seed: int) -> Result:
    """UPOS of UD English EWT: official split, gold tokens, no pretrained vectors."""
    return _tag("en_ewt", seed)


def tag_ko_gsd(seed: int) -> Result:
    """UPOS of UD Korean GSD, whose words are eojeol: a third of the test's are unseen."""
    return _tag("ko_gsd", seed)


def _tag(treebank: str, seed: int) -> Result:
    """The settings are the same for every treebank, and were chosen on the dev parts alone."""
    folder = corpora() / "pos" / treebank
    train, dev, test = (
        read_conllu(folder / f"{treebank}-ud-{part}.conllu.gz") for part in ("train", "dev", "test")
    )
    known = {word for words in train.tokens for word in words}
    metrics, baselines = {}, {}
    for name, cell in (("rnnkit", "lstm"), ("feed-forward", "none")):
        model = SequenceTagger(cell=cell, crf=True, random_state=seed, verbose=1)
        began = time.perf_counter()
        model.fit(train.tokens, train.tags, validation=(dev.tokens, dev.tags))
        minutes = (time.perf_counter() - began) / 60
        figures = {
            **accuracies(model.predict(test.tokens), test, known),
            "dev accuracy": 100 * model.score(dev.tokens, dev.tags),
            "training minutes": minutes,
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


def accuracies(
    guesses: Sequence[Sequence[str]], test: TaggedSentences, known: set[str]
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
