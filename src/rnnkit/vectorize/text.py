"""Texts to words, words to hashed indices, and the Unicode forms of a text.

`text_to_word_sequence`, `one_hot` and `hashing_trick` give what Keras' legacy text module gives.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import md5
from typing import Literal, cast

from rnnkit.errors import InputError, OptionError, check_option

__all__ = [
    "FILTERS",
    "FORMS",
    "from_jamo",
    "hashing_trick",
    "normalize_text",
    "one_hot",
    "text_to_word_sequence",
    "to_jamo",
]

FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
"""Keras' default filters: ASCII punctuation without the apostrophe, tab and line feed."""

FORMS = ("NFC", "NFD", "NFKC", "NFKD")

_SYLLABLES = re.compile("[\uac00-\ud7a3]+")
_HANGUL = re.compile("[\u1100-\u11ff\uac00-\ud7a3]+")


class _NotTextError(InputError, TypeError, AttributeError):
    """Keras raises AttributeError, or TypeError for bytes: code that catches those goes on."""


def text_to_word_sequence(
    text: str, filters: Iterable[str] = FILTERS, lower: bool = True, split: str = " "
) -> list[str]:
    """The words of a text: lower it, turn each filtered character into `split`, and split there.

    The result is Keras' in every case. In particular `split` may have several characters, of
    which a filtered one becomes all; white space other than `split` stays in the words (a
    no-break or an ideographic space does not end a word), and so does an apostrophe.

    filters: characters, as a string or as a list.
    Raises InputError (also a TypeError and an AttributeError) if `text` is not a string.

    >>> text_to_word_sequence("Don't panic, it's   only TEXT!")
    ["don't", 'panic', "it's", 'only', 'text']
    >>> text_to_word_sequence("a, b", split=", ")
    ['a', ' b']
    """
    if not isinstance(text, str):
        raise _NotTextError(
            f"a text must be a string, or in a Tokenizer a list of words, but this is "
            f"{type(text).__name__}: {text!r:.60}. Convert it, or leave missing texts out."
        )
    if split == "":
        raise OptionError("split='' splits nowhere: use Tokenizer(char_level=True) for characters.")
    if lower:
        text = text.lower()
    table = translation(filters, split)
    if isinstance(table, bytes):
        raw = text.encode("utf-8", "surrogatepass").translate(table)
        text = raw.decode("utf-8", "surrogatepass")
    else:
        text = text.translate(table)
    return list(filter(None, text.split(split)))


def translation(filters: Iterable[str], split: str) -> bytes | dict[int, str]:
    """What turns filtered characters into `split`.

    256 bytes for `bytes.translate` if they are ASCII and `split` is one ASCII character, else a
    table for `str.translate`. Every byte of a character beyond ASCII is above 127 in UTF-8, so
    that translating the bytes changes none of them, and it is much the faster of the two.
    """
    return _table(filters if isinstance(filters, str) else tuple(filters), split)


@lru_cache(maxsize=64)
def _table(filters: str | tuple[str, ...], split: str) -> bytes | dict[int, str]:
    table = str.maketrans(dict.fromkeys(filters, split))
    ascii_only = all(code < 128 for code in table)
    if not (ascii_only and isinstance(split, str) and len(split) == 1 and split.isascii()):
        return table
    return bytes(ord(split) if code in table else code for code in range(256))


def one_hot(
    text: str,
    n: int,
    filters: Iterable[str] = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """`hashing_trick` with Python's `hash`: stable within one process only.

    >>> one, again = one_hot("again again", 50)
    >>> one == again, 1 <= one < 50
    (True, True)
    """
    return hashing_trick(text, n, hash, filters, lower, split, analyzer)


def hashing_trick(
    text: str,
    n: int,
    hash_function: Callable[[str], int] | str | None = None,
    filters: Iterable[str] = FILTERS,
    lower: bool = True,
    split: str = " ",
    analyzer: Callable[[str], Iterable[str]] | None = None,
) -> list[int]:
    """The index hash(word) mod (n - 1) + 1 of each word: 1 to n - 1, with 0 reserved.

    Different words can share an index (Weinberger et al. 2009).

    n: size of the hashed space, at least 2.
    hash_function: None is Python's `hash`, which differs from process to process; "md5" is the
        same everywhere; or a callable from str to int.
    analyzer: a callable from text to words, instead of filters, lower and split.

    >>> hashing_trick("The cat, the dog", 100, "md5")
    [51, 3, 51, 33]
    """
    words = (
        text_to_word_sequence(text, filters, lower, split) if analyzer is None else analyzer(text)
    )
    hashed = _hash_function(hash_function)
    return [hashed(word) % (n - 1) + 1 for word in words]


def _hash_function(given: Callable[[str], int] | str | None) -> Callable[[str], int]:
    if given is None:
        return hash
    if isinstance(given, str):
        check_option("hash_function", given, ["md5"])
        return _md5
    return given


def _md5(word: str) -> int:
    return int(md5(word.encode(), usedforsecurity=False).hexdigest(), 16)


def normalize_text(text: str, form: str | None) -> str:
    """A text in one of Unicode's normalization forms; None leaves it as it is.

    The same Korean word is one code point a syllable in NFC and up to three in NFD (file names
    of macOS), and a vocabulary that does not normalize counts them as two words.

    >>> len(normalize_text("한글", "NFD")), len(normalize_text("한글", "NFC"))
    (6, 2)
    """
    if form is None:
        return text
    check_option("normalize", form, FORMS)
    return unicodedata.normalize(cast("Literal['NFC', 'NFD', 'NFKC', 'NFKD']", form), text)


def to_jamo(text: str) -> str:
    """Every Hangul syllable as its two or three conjoining jamo; all else stays as it is.

    Conjoining jamo (U+1100 to U+11FF) tell an initial from a final consonant, which the
    compatibility jamo of a keyboard do not: so `from_jamo` can always put syllables together
    again. For a text in NFC, `from_jamo(to_jamo(text)) == text`; any other text comes back
    canonically equivalent, with jamo that were already apart put together.

    >>> [f"{ord(jamo):04X}" for jamo in to_jamo("각")]
    ['1100', '1161', '11A8']
    """
    return _SYLLABLES.sub(lambda run: unicodedata.normalize("NFD", run[0]), text)


def from_jamo(text: str) -> str:
    """Conjoining jamo put together to syllables wherever they form one; the inverse of `to_jamo`.

    >>> from_jamo(to_jamo("한국어 text"))
    '한국어 text'
    """
    return _HANGUL.sub(lambda run: unicodedata.normalize("NFC", run[0]), text)


def prepare(text: str, form: str | None, lower: bool, jamo: bool) -> str:
    """Normalize, lower and take apart, in this order, as far as each is asked for."""
    if form is not None:
        text = normalize_text(text, form)
    if lower:
        text = text.lower()
    return to_jamo(text) if jamo else text
