"""Splitting sentence pairs so that nothing like a test source is seen in training."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator

from rnnkit.data.samples import Sample
from rnnkit.errors import OptionError

__all__ = ["source_key", "split_english_korean"]

_PLACEHOLDER = re.compile(
    r"%\(\w+\)[#0 +-]*[\d.]*[a-z]|%[#0 +-]*\d*\.?\d*[sdrifgxc]\b|%\d+|\{\w*\}|&\w+;", re.IGNORECASE
)
_SKIN_TONE = re.compile(r"\b(medium-light|medium-dark|light|medium|dark) skin tone\b")
_FACING = re.compile(r"\bfacing (left|right)\b")
_WORD = re.compile(r"[^\W\d_]+")
_DROPPED = frozenset({"a", "an", "and", "flag", "in", "of", "the", "to", "with"})
_PEOPLE = frozenset(
    {"man", "men", "woman", "women", "person", "people", "boy", "boys", "girl", "girls"}
    | {"child", "children", "adult", "adults", "he", "she", "they", "him", "her", "his"}
)
_FEWEST_WORDS = 5  # from here on, keys that differ by one word are near-duplicates
_RUN = 8  # keys with so many words in a row in common are near-duplicates


def source_key(text: str) -> str:
    """What an English text says, without what near-duplicates of it differ in.

    Left out: case, punctuation, digits, placeholders, small words ('the', 'of', 'flag'), plural
    endings, skin tones, the side that an emoji faces, and who does something: a man, a woman or a
    person running are one key. A text with nothing left (such as 'woman') has a key all the same.

    >>> source_key("women running: medium-dark skin tone"), source_key("Person running")
    ('running', 'running')
    >>> source_key("Delete the selected %(objects_name)s?"), source_key("100 %")
    ('delete selected', '100 %')
    """
    plain = _PLACEHOLDER.sub(" ", text).casefold().replace("’", "'").replace("'s ", " ")
    words = _WORD.findall(_FACING.sub(" ", _SKIN_TONE.sub(" ", plain)))
    telling = [word for word in words if word not in _DROPPED and word not in _PEOPLE]
    if not telling and any(word in _PEOPLE for word in words):
        return "person"
    return " ".join(map(_singular, telling or words)) or text.casefold()


def split_english_korean(
    sample: Sample,
    *,
    test_fraction: float = 0.1,
    valid_fraction: float = 0.05,
    seed: int = 0,
) -> tuple[Sample, Sample, Sample]:
    """Split pairs into train, valid and test, with near-duplicates on one side.

    Sources are in one group if they have the same `source_key`, or if their keys differ by one
    word of five or more, have a run of eight words in common, or share at least half of the words
    and the translation. A group goes to one side as a whole, by a hash of its key and the seed:
    the split depends on nothing else, and hardly moves when a package adds texts.

    test_fraction, valid_fraction: the expected share of the groups, and so roughly of the pairs.
    Returns (train, valid, test), each in the sample's order.
    Raises OptionError if the fractions do not leave anything for training.

    >>> train, valid, test = split_english_korean(
    ...     Sample(["Save", "Save!", "dog"], ["저장", "저장!", "개"], ["django"] * 3))
    >>> len(train) + len(valid) + len(test)
    3
    """
    if test_fraction < 0 or valid_fraction < 0 or test_fraction + valid_fraction >= 1:
        raise OptionError(
            f"test_fraction={test_fraction} and valid_fraction={valid_fraction} must not be "
            f"negative, and their sum must be below 1."
        )
    sides: tuple[list[int], list[int], list[int]] = ([], [], [])
    for row, group in enumerate(_groups(sample)):
        share = _share(group, seed)
        side = 2 if share < test_fraction else 1 if share < test_fraction + valid_fraction else 0
        sides[side].append(row)
    train, valid, test = (sample.select(rows) for rows in sides)
    return train, valid, test


def _groups(sample: Sample) -> list[str]:
    """The name of each pair's group: the first of its keys in the alphabet."""
    keys = [source_key(source) for source in sample.sources]
    parent = {key: key for key in keys}

    def root(key: str) -> str:
        while parent[key] != key:
            parent[key] = parent[parent[key]]
            key = parent[key]
        return key

    for one, other in _links(keys, sample.targets):
        first, last = sorted((root(one), root(other)))
        parent[last] = first
    return [root(key) for key in keys]


def _links(keys: list[str], targets: list[str]) -> Iterator[tuple[str, str]]:
    """Pairs of keys that belong together."""
    first_with: dict[str, str] = {}
    for key in dict.fromkeys(keys):
        for form in _forms(key):
            yield key, first_with.setdefault(form, key)
    translated = defaultdict(list)
    for key, target in dict.fromkeys(zip(keys, targets, strict=True)):
        translated[source_key(target).replace(" ", "")].append(key)
    for alike in translated.values():
        for i, one in enumerate(alike):
            yield from ((one, other) for other in alike[:i] if _overlap(one, other) >= 0.5)


def _forms(key: str) -> Iterator[str]:
    """What near-duplicates have in common: the letters, all words but one, long runs of words."""
    words = key.split()
    yield "".join(words)
    if len(words) >= _FEWEST_WORDS:
        for i in range(len(words)):
            yield "".join(words[:i] + words[i + 1 :])
    for i in range(len(words) - _RUN + 1):
        yield "".join(words[i : i + _RUN])


def _overlap(one: str, other: str) -> float:
    """Jaccard's index of the words."""
    left, right = set(one.split()), set(other.split())
    return len(left & right) / max(1, len(left | right))


def _singular(word: str) -> str:
    if len(word) > 4 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        return word[:-1]
    return word


def _share(group: str, seed: int) -> float:
    """A number in [0, 1) that depends on the text and the seed alone (`hash` differs by run)."""
    digest = hashlib.blake2b(f"{seed}\n{group}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64
