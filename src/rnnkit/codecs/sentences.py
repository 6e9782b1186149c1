"""What estimators share that answer in sentences: the target's tokens, and how it is read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from rnnkit.codecs.reading import Text
from rnnkit.options import TranslatorOptions
from rnnkit.options.estimators import SUBWORD
from rnnkit.reserved import RESERVED
from rnnkit.vectorize import SubwordVectorizer, TextVectorizer, WordVectorizer, normalize_text

__all__ = [
    "BOUNDARY",
    "SourceVectorizer",
    "TargetVectorizer",
    "load_source",
    "load_target",
    "one_sentence",
    "source_vectorizer",
    "split_words",
    "target_ids",
    "target_vectorizer",
]

# The reserved index of the target's vocabulary both begins and ends a sentence.
BOUNDARY = RESERVED

SourceVectorizer = WordVectorizer | TextVectorizer | SubwordVectorizer
TargetVectorizer = TextVectorizer | SubwordVectorizer

# A word or number, or one punctuation mark.
WORDS = re.compile(r"\w+|[^\w\s]")


def source_vectorizer(options: TranslatorOptions) -> SourceVectorizer:
    """What reads the source; the options that do not concern its level are left aside."""
    level, lower, normalize = options.source_level, options.lower, options.normalize
    if level == SUBWORD:
        return SubwordVectorizer(size=options.subwords, lower=lower, normalize=normalize)
    if level == "word":
        return WordVectorizer(lower=lower, normalize=normalize, min_count=options.min_count)
    characters = level == "char"
    return TextVectorizer(
        level=level,
        lower=lower,
        normalize=normalize,
        min_count=options.min_count,
        ngrams=options.source_ngrams if characters else 1,
        words=options.source_words and characters,
        buckets=options.buckets,
    )


def target_vectorizer(
    level: str, *, subwords: int, lower: bool, num_words: int | None, min_count: int
) -> TargetVectorizer:
    """What spells the target, which keeps its punctuation, and is brought to NFC."""
    if level == SUBWORD:
        return SubwordVectorizer(size=subwords)
    return TextVectorizer(
        level=level,
        lower=lower,
        filters="",
        normalize="NFC",
        num_words=num_words,
        min_count=min_count,
    )


def load_source(level: str, config: Any) -> SourceVectorizer:
    """The source's vectorizer of a file."""
    return WordVectorizer.from_config(config) if level == "word" else load_target(level, config)


def load_target(level: str, config: Any) -> TargetVectorizer:
    """The target's vectorizer of a file."""
    if level == SUBWORD:
        return SubwordVectorizer.from_config(config)
    return TextVectorizer.from_config(config)


def target_ids(vectorizer: TargetVectorizer, texts: Sequence[Text]) -> list[np.ndarray]:
    """(U,) ids of each target without the boundary; an empty text has none."""
    return [row[row[:, 0] != BOUNDARY, 0] for row in vectorizer.transform(texts)]


def split_words(X: Iterable[Text], normalize: str | None) -> list[Text]:
    """Strings as their words, numbers and punctuation marks; lists of tokens stay as they are.

    >>> split_words(["It's 3!", ["as", "given"], ""], None)
    [['It', "'", 's', '3', '!'], ['as', 'given'], ['']]
    """
    split = [
        WORDS.findall(normalize_text(text, normalize)) if isinstance(text, str) else text
        for text in X
    ]
    return [words or [""] for words in split]


def one_sentence(tokens: Text) -> str:
    """A text as it is, and tokens joined by spaces."""
    return tokens if isinstance(tokens, str) else " ".join(tokens)
