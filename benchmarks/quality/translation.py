"""Translation."""

from __future__ import annotations

import random
import time
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.quality.result import Result, corpora
from rnnkit import Translator
from rnnkit.baselines import NearestTranslation
from rnnkit.cli.demo import MAX_LENGTH
from rnnkit.data import load_english_korean, read_pairs, split_english_korean
from rnnkit.metrics import TranslationScores, score_by_group

# More steps than the demo has time for.
SAMPLES = {"batch_size": 16, "max_epochs": 56, "lr": 2e-3, "dropout": 0.3}

SUBWORDS = {"source_level": "subword", "target_level": "subword"}

# A step is bound by matrix products, of which the softmax over the vocabulary is a third: a small
# vocabulary of subwords buys epochs. Input feeding makes a step a third longer and is worth it: two
# epochs reach 23.6 BLEU on the validation pairs (greedy) with it, 13.0 without.
MULTI30K = {
    **SUBWORDS,
    "subwords": 4000,
    "embedding_size": 256,
    "hidden_size": 256,
    "dropout": 0.3,
    "batch_size": 64,
    "max_epochs": 12,
    "lr": 2e-3,
}

# Half as many pairs as Multi30k: fewer subwords, smaller batches, more dropout and more epochs.
ENGLISH_KOREAN = {
    **SUBWORDS,
    "subwords": 2000,
    "embedding_size": 256,
    "hidden_size": 256,
    "dropout": 0.4,
    "ema_decay": 0.999,
    "batch_size": 32,
    "max_epochs": 24,
    "lr": 2e-3,
}
# Most of what it has to say is new to it: what many draws agree on may be better than what is most
# probable, which stands beside it.
ENGLISH_KOREAN_CONSENSUS = {"draws": 32, "temperature": 0.7}

HELD_OUT = 0.05  # of the English sentences of Tatoeba, each with all of its translations


class Corpus(NamedTuple):
    """Sentences, their translations, and where each pair comes from."""

    sources: list[str]
    targets: list[str]
    origins: list[str]

    def where(self, keep: list[bool]) -> Corpus:
        """The pairs that are to be kept."""
        return Corpus(*([x for x, kept in zip(part, keep, strict=True) if kept] for part in self))

    def plus(self, *others: Corpus) -> Corpus:
        """These pairs and the others, one after the other."""
        return Corpus(*(list(chain(*parts)) for parts in zip(self, *others, strict=True)))


def translate_samples(seed: int) -> Result:
    """English to Korean, on the data of `rnnkit demo` and trained for longer."""
    parts = split_english_korean(load_english_korean(max_length=MAX_LENGTH))
    return _translate(SAMPLES, *(Corpus(p.sources, p.targets, p.origins) for p in parts), seed=seed)


def translate_multi30k(seed: int) -> Result:
    """English to German captions of pictures, official split, scored on the Flickr test of 2016."""
    folder = corpora() / "translation" / "multi30k_en_de"
    parts = [
        _corpus("multi30k", folder / f"{name}.en.gz", folder / f"{name}.de.gz")
        for name in ("train", "val", "test_2016_flickr")
    ]
    return _translate(MULTI30K, *parts, seed=seed)


def translate_en_ko(seed: int) -> Result:
    """English to Korean: everyday sentences, textbooks and captions, scored on each of them."""
    folder = corpora() / "translation" / "en_ko"
    train, valid, test = english_korean(folder)
    return _translate(
        ENGLISH_KOREAN, train, valid, test, seed=seed, consensus=ENGLISH_KOREAN_CONSENSUS
    )


def english_korean(folder: Path) -> tuple[Corpus, Corpus, Corpus]:
    """Train, valid and test. No English sentence of valid or test is in train."""
    tatoeba = _columns("tatoeba", folder / "tatoeba.tsv.gz")
    sentences = sorted(set(tatoeba.sources))
    held_out = set(random.Random(0).sample(sentences, int(HELD_OUT * len(sentences))))
    valid = _columns("stsb", folder / "stsb_korsts.dev.tsv.gz")
    test = _columns("jhe", folder / "jhe.eval.tsv.gz").plus(
        _columns("stsb", folder / "stsb_korsts.test.tsv.gz"),
        tatoeba.where([source in held_out for source in tatoeba.sources]),
    )
    train = tatoeba.plus(
        _columns("jhe", folder / "jhe.dev.tsv.gz"),
        _columns("stsb", folder / "stsb_korsts.train.tsv.gz"),
    )
    elsewhere = {*valid.sources, *test.sources}
    return train.where([source not in elsewhere for source in train.sources]), valid, test


def _translate(
    settings: dict[str, Any],
    train: Corpus,
    valid: Corpus,
    test: Corpus,
    *,
    seed: int,
    consensus: dict[str, Any] | None = None,
) -> Result:
    """What a translator reaches on the test pairs of each origin, and copying the nearest pair.

    consensus: of its draws, which then answer; beam search stands beside it.
    """
    model = Translator(**{**settings, "random_state": seed, "verbose": 1})
    began = time.perf_counter()
    model.fit(train.sources, train.targets, validation=(valid.sources, valid.targets))
    minutes = (time.perf_counter() - began) / 60
    nearest = NearestTranslation().fit(train.sources, train.targets)
    answers = {
        "rnnkit": model.predict(test.sources),
        "nearest training pair": nearest.predict(test.sources),
    }
    if consensus is not None:
        answers["beam search"] = answers["rnnkit"]
        answers["rnnkit"] = [one.text for one in model.consensus(test.sources, **consensus)]
    scores = {
        name: score_by_group(texts, test.targets, test.origins) for name, texts in answers.items()
    }
    metrics = scores.pop("rnnkit")
    return Result(
        {**_figures(metrics), "training minutes": minutes, "parameters": model.num_parameters_},
        {name: _figures(found) for name, found in scores.items()},
        {
            **model.get_params(),
            "consensus": consensus,
            "signatures": _signatures(metrics["all"]),
        },
    )


def _corpus(origin: str, sources: Path, targets: Path) -> Corpus:
    pairs = read_pairs(sources, targets)
    return Corpus(pairs.sources, pairs.targets, [origin] * len(pairs))


def _columns(origin: str, path: Path) -> Corpus:
    pairs = read_pairs(path, source="en", target="ko")
    return Corpus(pairs.sources, pairs.targets, [origin] * len(pairs))


def _figures(scores: dict[str, TranslationScores]) -> dict[str, float]:
    groups = scores if len(scores) > 2 else {"test": scores["all"]}  # one origin is all there is
    return {
        f"{group} {name}": value
        for group, score in groups.items()
        for name, value in (("chrF", score.chrf), ("BLEU", score.bleu), ("exact", score.exact))
    }


def _signatures(score: TranslationScores) -> list[str]:
    return [score.chrf_signature, score.bleu_signature]
