"""Texts to sequences of word indices: Keras' legacy `Tokenizer`, to the letter, and faster."""

from __future__ import annotations

import json
import warnings
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np

from rnnkit.errors import InputError, OptionError, check_option
from rnnkit.vectorize.factorize import Words, chunks, factorize
from rnnkit.vectorize.text import (
    FILTERS,
    FORMS,
    from_jamo,
    prepare,
    text_to_word_sequence,
    translation,
)

__all__ = ["Tokenizer", "tokenizer_from_json"]

MODES = ("binary", "count", "tfidf", "freq")
COUNTED = ("word_counts", "word_docs", "index_docs", "index_word", "word_index")
Text: TypeAlias = str | Sequence[str]
Value = TypeVar("Value")

LEFT_OUT: Any = object()  # stands for a word that gets no index
FEW = 2**16  # characters; fewer are faster word by word


class Tokenizer:
    """Give every word (or character) an index, and turn texts into sequences of indices.

    Indices, their order and every quirk are those of Keras' legacy text module, so that models
    and JSON files go from one to the other:

    - Index 0 is reserved. The most frequent word has index 1 (2 with an `oov_token`, which has
      1); words that are equally frequent stand in the order in which they were first seen.
    - `num_words` = N keeps the indices below N, which is N - 1 words. `word_index` holds all words
      even so. A word beyond becomes the `oov_token`, or is left out where there is none.
    - An `oov_token` that the texts contain as a word has that word's index.
    - Texts that are lists are taken as words already: lowered if `lower`, never filtered.
    - `char_level` ignores `filters`, `split` and `analyzer`.

    `vocabulary_size` is the size that an embedding really needs. There is one fix: a tokenizer
    read from JSON can be fitted further, where Keras raises KeyError.

    num_words: None, or one more than the largest index to keep.
    filters, lower, split: as in `text_to_word_sequence`.
    oov_token: stands for any word that is not known; None leaves those out.
    analyzer: a callable from text to words, instead of filters, lower and split. Not in JSON.
    normalize: None, or the Unicode form ("NFC", "NFD", "NFKC", "NFKD") that texts are brought into
        before anything else. Not in Keras.
    jamo: with `char_level`, take Hangul syllables apart to jamo (see `to_jamo`), which
        `sequences_to_texts` puts together again. Not in Keras.

    Attributes, as in Keras: `word_counts` (in the order first seen), `word_docs` (texts that hold
    each word), `index_docs`, `word_index`, `index_word`, `document_count`.

    >>> tokenizer = Tokenizer(oov_token="<oov>")
    >>> tokenizer.fit_on_texts(["The cat sat.", "The dog sat; the end!"])
    >>> tokenizer.word_index
    {'<oov>': 1, 'the': 2, 'sat': 3, 'cat': 4, 'dog': 5, 'end': 6}
    >>> tokenizer.texts_to_sequences(["The bird sat"])
    [[2, 1, 3]]
    >>> tokenizer.sequences_to_texts([[2, 1, 3]]), tokenizer.vocabulary_size
    (['the <oov> sat'], 7)
    """

    def __init__(
        self,
        num_words: int | None = None,
        filters: Iterable[str] = FILTERS,
        lower: bool = True,
        split: str = " ",
        char_level: bool = False,
        oov_token: str | None = None,
        document_count: int = 0,
        analyzer: Callable[[str], Iterable[str]] | None = None,
        *,
        normalize: str | None = None,
        jamo: bool = False,
        nb_words: int | None = None,
    ) -> None:
        if nb_words is not None:
            warnings.warn("`nb_words` of `Tokenizer` is now `num_words`.", stacklevel=2)
            num_words = nb_words
        check_option("normalize", normalize, [None, *FORMS])
        if jamo and not char_level:
            raise OptionError("jamo=True makes each jamo a token: give char_level=True with it.")
        self.num_words, self.oov_token = num_words, oov_token
        self.filters, self.lower, self.split = filters, lower, split
        self.char_level, self.analyzer = char_level, analyzer
        self.normalize, self.jamo = normalize, jamo
        self.document_count = document_count
        self.word_counts: OrderedDict[str, int] = OrderedDict()
        self.word_docs: defaultdict[str, int] = defaultdict(int)
        self.index_docs: defaultdict[int, int] = defaultdict(int)
        self.word_index: dict[str, int] = {}
        self.index_word: dict[int, str] = {}

    @property
    def vocabulary_size(self) -> int:
        """One more than the largest index that `texts_to_sequences` can give.

        It covers what `num_words` hides: fewer words than `num_words`, and an `oov_token` whose
        index is not below `num_words`, and is given all the same.
        """
        limit, oov = self.num_words, self._oov_index()
        given = {i for i in self.word_index.values() if not limit or i < limit}
        if oov is not None:
            given.add(oov)
        return 1 + max(given, default=0)

    def fit_on_texts(self, texts: Iterable[Text]) -> None:
        """Count the words of the texts on top of all earlier ones, and number them anew.

        texts: strings, or lists of words; any iterable.
        """
        counts, docs = Counter(self.word_counts), Counter(self.word_docs)
        for chunk in chunks(texts):
            self.document_count += len(chunk)
            words = self._factorized(chunk)
            if words is not None:
                counts.update(words.counts())
                docs.update(words.text_counts())
            else:
                tokens = list(map(self._tokens, chunk))
                counts.update(chain.from_iterable(tokens))
                docs.update(chain.from_iterable(map(set, tokens)))
        self.word_counts, self.word_docs = OrderedDict(counts), defaultdict(int, docs)
        # A stable sort: equal counts stay in the order first seen.
        falling = -np.fromiter(counts.values(), dtype=np.int64, count=len(counts))
        ranked = list(map(list(counts).__getitem__, np.argsort(falling, kind="stable").tolist()))
        if self.oov_token is not None:
            ranked.insert(0, self.oov_token)
        index = self.word_index = dict(zip(ranked, range(1, len(ranked) + 1), strict=True))
        self.index_word = dict(zip(index.values(), index, strict=True))
        self.index_docs.update(zip(map(index.__getitem__, docs), docs.values(), strict=True))

    def fit_on_sequences(self, sequences: Sequence[Iterable[int]]) -> None:
        """Count in how many sequences each index is, for the "tfidf" of `sequences_to_matrix`."""
        self.document_count += len(sequences)
        for index in chain.from_iterable(map(set, sequences)):
            self.index_docs[index] += 1

    def texts_to_sequences(self, texts: Iterable[Text]) -> list[list[int]]:
        """The indices of each text's words, as far as they are known and below `num_words`."""
        rows: list[list[int]] = []
        for chunk in chunks(texts):
            words = self._factorized(chunk)
            if words is not None:
                rows += words.replaced(self._indices(words.distinct), LEFT_OUT)
            else:
                rows += self.texts_to_sequences_generator(chunk)
        return rows

    def texts_to_sequences_generator(self, texts: Iterable[Text]) -> Iterator[list[int]]:
        """`texts_to_sequences`, one text at a time."""
        for tokens in map(self._tokens, texts):
            yield [index for index in self._indices(tokens) if index is not LEFT_OUT]

    def sequences_to_texts(
        self, sequences: Iterable[Iterable[int]], *, separator: str | None = None
    ) -> list[str]:
        """The words of each sequence, joined by `separator`.

        Indices that are not below `num_words` or not known become the `oov_token`, or are left
        out where there is none.

        separator: None is Keras' space, also between characters; with jamo=True it is nothing,
            and jamo become syllables.
        """
        return list(self.sequences_to_texts_generator(sequences, separator=separator))

    def sequences_to_texts_generator(
        self, sequences: Iterable[Iterable[int]], *, separator: str | None = None
    ) -> Iterator[str]:
        """`sequences_to_texts`, one sequence at a time."""
        if separator is None:
            separator = "" if self.jamo else " "
        for sequence in sequences:
            text = separator.join(self._words(sequence))
            yield from_jamo(text) if self.jamo else text

    def texts_to_matrix(self, texts: Iterable[Text], mode: str = "binary") -> np.ndarray:
        """`sequences_to_matrix` of the texts' sequences."""
        return self.sequences_to_matrix(self.texts_to_sequences(texts), mode=mode)

    def sequences_to_matrix(
        self, sequences: Sequence[Sequence[int]], mode: str = "binary"
    ) -> np.ndarray:
        """One row a sequence and one column an index: the bag of words.

        mode: "binary" (1 if it occurs), "count", "freq" (count / length) or "tfidf", which is
            (1 + log count) * log(1 + document_count / (1 + documents with the index)).
        Returns (B, num_words), or (B, len(word_index) + 1) without `num_words`; indices beyond
        are not counted.

        >>> Tokenizer(num_words=4).sequences_to_matrix([[1, 3, 1]], mode="count").tolist()
        [[0.0, 2.0, 0.0, 1.0]]
        """
        width = self.num_words or (len(self.word_index) + 1 if self.word_index else 0)
        if not width:
            raise InputError("give `num_words`, or fit on some texts first: no index is known yet.")
        if mode == "tfidf" and not self.document_count:
            raise InputError("fit on some texts or sequences before using mode='tfidf'.")
        matrix = np.zeros((len(sequences), width))
        for row, sequence in zip(matrix, sequences, strict=True):
            counts = Counter(index for index in sequence if index < width)
            if counts:
                check_option("mode", mode, MODES)
                row[list(counts)] = self._weights(counts, len(sequence), mode)
        return matrix

    def get_config(self) -> dict[str, object]:
        """All options and counts, in Keras' form; what Keras lacks is there only if it is set."""
        config: dict[str, object] = {
            "num_words": self.num_words,
            "filters": self.filters,
            "lower": self.lower,
            "split": self.split,
            "char_level": self.char_level,
            "oov_token": self.oov_token,
            "document_count": self.document_count,
            **{name: json.dumps(getattr(self, name)) for name in COUNTED},
        }
        beyond_keras = {"normalize": self.normalize, "jamo": self.jamo}
        return config | {name: value for name, value in beyond_keras.items() if value}

    def to_json(self, **kwargs: Any) -> str:
        """`get_config` as JSON, which `tokenizer_from_json` reads, Keras' as well as ours.

        kwargs: for `json.dumps`.
        """
        described = {"class_name": type(self).__name__, "config": self.get_config()}
        return json.dumps(described, **kwargs)

    def _tokens(self, text: Text) -> Iterable[str]:
        """What is counted in one text: its words, or its characters."""
        if isinstance(text, list):
            return self._prepared(text)
        text = cast("str", text)  # anything else is refused below
        if self.char_level:
            return prepare(text, self.normalize, self.lower, self.jamo)
        if self.normalize is not None:
            text = prepare(text, self.normalize, False, False)
        if self.analyzer is not None:
            return self.analyzer(text)
        return text_to_word_sequence(text, self.filters, self.lower, self.split)

    def _prepared(self, strings: list[str]) -> list[str]:
        if self.normalize is None and not self.jamo:
            return [string.lower() for string in strings] if self.lower else strings
        return [prepare(string, self.normalize, self.lower, self.jamo) for string in strings]

    def _factorized(self, texts: list[Text]) -> Words | None:
        """The words of all texts at once, where that is possible and pays."""
        if self.char_level or self.analyzer is not None:
            return None
        if not all(isinstance(text, str) for text in texts) or sum(map(len, texts)) < FEW:
            return None
        table = translation(self.filters, self.split)
        if not isinstance(table, bytes):
            return None
        return factorize(self._prepared(cast("list[str]", texts)), table, self.split.encode())

    def _oov_index(self) -> int | None:
        return None if self.oov_token is None else self.word_index.get(self.oov_token)

    def _indices(self, words: Iterable[str]) -> list[Any]:
        """The index of each word, or LEFT_OUT."""
        limit, oov = self.num_words, self._oov_index()
        # None, as in Keras, where an oov_token is set but nothing was fitted.
        unknown = LEFT_OUT if self.oov_token is None else oov
        beyond = LEFT_OUT if oov is None else oov
        found = map(self.word_index.get, words)
        if not limit:
            return [unknown if i is None else i for i in found]
        return [unknown if i is None else i if i < limit else beyond for i in found]

    def _words(self, sequence: Iterable[int]) -> Iterator[str]:
        limit, oov = self.num_words, self._oov_index()
        for index in sequence:
            word = self.index_word.get(index)
            if word is None:
                if self.oov_token is not None:
                    yield self.index_word[oov]  # type: ignore[index]  # KeyError, as in Keras
            elif not limit or index < limit:
                yield word
            elif oov is not None:
                yield self.index_word[oov]

    def _weights(self, counts: Counter[int], length: int, mode: str) -> np.ndarray:
        values = np.fromiter(counts.values(), dtype=np.float64, count=len(counts))
        if mode == "binary":
            return np.ones_like(values)
        if mode == "freq":
            return values / length
        if mode == "tfidf":
            docs = np.array([self.index_docs.get(index, 0) for index in counts])
            return (1 + np.log(values)) * np.log(1 + self.document_count / (1 + docs))
        return values


def tokenizer_from_json(json_string: str) -> Tokenizer:
    """The tokenizer that `to_json` described, ours or Keras'. It can be fitted further.

    >>> tokenizer = Tokenizer()
    >>> tokenizer.fit_on_texts(["one two", "two"])
    >>> again = tokenizer_from_json(tokenizer.to_json())
    >>> again.fit_on_texts(["three three three"])
    >>> again.word_index
    {'three': 1, 'two': 2, 'one': 3}
    """
    described = json.loads(json_string)
    if not isinstance(described, dict) or not isinstance(described.get("config"), dict):
        raise InputError(
            "this JSON is no tokenizer's: it has no 'config'. Give what to_json wrote."
        )
    config = described["config"]
    counted = {name: json.loads(config.pop(name)) for name in COUNTED}
    tokenizer = Tokenizer(**config)
    tokenizer.word_counts = OrderedDict(counted["word_counts"])
    tokenizer.word_docs = defaultdict(int, counted["word_docs"])
    tokenizer.index_docs = defaultdict(int, _integer_keys(counted["index_docs"]))
    tokenizer.index_word = _integer_keys(counted["index_word"])
    tokenizer.word_index = counted["word_index"]
    return tokenizer


def _integer_keys(saved: dict[str, Value]) -> dict[int, Value]:
    return {int(key): value for key, value in saved.items()}
