"""How a translator reads its source and spells its target: by characters, jamo, words, subwords."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from rnnkit.errors import check_option
from rnnkit.vectorize import (
    LEVELS,
    SubwordVectorizer,
    TextVectorizer,
    WordVectorizer,
    normalize_text,
)

__all__ = [
    "SUBWORD",
    "SourceVectorizer",
    "TargetVectorizer",
    "load_vectorizer",
    "source_vectorizer",
    "split_words",
    "target_vectorizer",
]

SUBWORD = "subword"

SourceVectorizer = WordVectorizer | TextVectorizer | SubwordVectorizer
TargetVectorizer = TextVectorizer | SubwordVectorizer

# A word or number, or one punctuation mark.
WORDS = re.compile(r"\w+|[^\w\s]")


def source_vectorizer(
    level: str,
    *,
    subwords: int,
    lower: bool,
    normalize: str | None,
    min_count: int,
    ngrams: int,
    words: bool,
    buckets: int,
) -> SourceVectorizer:
    """What reads the source; the options that do not concern its level are left aside."""
    check_option("source_level", level, (*LEVELS, SUBWORD))
    if level == SUBWORD:
        return SubwordVectorizer(size=subwords, lower=lower, normalize=normalize)
    if level == "word":
        return WordVectorizer(lower=lower, normalize=normalize, min_count=min_count)
    characters = level == "char"
    return TextVectorizer(
        level=level,
        lower=lower,
        normalize=normalize,
        min_count=min_count,
        ngrams=ngrams if characters else 1,
        words=words and characters,
        buckets=buckets,
    )


def target_vectorizer(
    level: str, *, subwords: int, num_words: int | None, min_count: int
) -> TargetVectorizer:
    """What spells the target, which keeps its case and its punctuation, and is brought to NFC."""
    check_option("target_level", level, (*LEVELS, SUBWORD))
    if level == SUBWORD:
        return SubwordVectorizer(size=subwords)
    return TextVectorizer(
        level=level,
        lower=False,
        filters="",
        normalize="NFC",
        num_words=num_words,
        min_count=min_count,
    )


def load_vectorizer(
    level: str, config: Any, *, words: type[WordVectorizer] | type[TextVectorizer]
) -> Any:
    """The vectorizer that a file describes. words: what level="word" has on this side."""
    kinds = {"word": words, SUBWORD: SubwordVectorizer}
    return kinds.get(level, TextVectorizer).from_config(config)


def split_words(X: Sequence[Any], normalize: str | None) -> list[Any]:
    """Strings as their words, numbers and punctuation marks; lists of tokens stay as they are.

    >>> split_words(["It's 3!", ["as", "given"], ""], None)
    [['It', "'", 's', '3', '!'], ['as', 'given'], ['']]
    """
    split = [
        WORDS.findall(normalize_text(text, normalize)) if isinstance(text, str) else text
        for text in X
    ]
    return [words or [""] for words in split]
