"""Texts to subwords, which sentencepiece learns; it is imported when something is fitted or read.

No text is unknown: a character that training never saw is spelled by its UTF-8 bytes.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from types import ModuleType
from typing import Protocol, TypedDict

import numpy as np

from rnnkit.errors import MissingDependencyError, OptionError
from rnnkit.vectorize.text import prepare

__all__ = ["SubwordVectorizer"]

RESERVED, BYTES = 2, 256  # indices 0 and 1, as in every vocabulary, and one for each byte

LONGEST = 2**30  # bytes of a text that is learnt from; sentencepiece would leave out those of 4192


class Config(TypedDict):
    """What a model file holds of a `SubwordVectorizer`; sentencepiece's model as base64."""

    size: int
    lower: bool
    normalize: str | None
    model: str


class _Processor(Protocol):
    """What is used of sentencepiece's."""

    def vocab_size(self) -> int: ...

    def encode(self, texts: list[str], *, num_threads: int) -> list[list[int]]: ...

    def decode(self, ids: list[int]) -> str: ...

    def id_to_piece(self, index: int) -> str: ...


class SubwordVectorizer:
    """Texts to integer arrays (T, 1) of subwords: words that are frequent, and parts of the others.

    The vocabulary grows from single characters by joining, again and again, the two neighbors that
    stand side by side most often, within words (byte-pair encoding). Characters so rare that all
    of them together make up 0.05 % of the training texts, and those that it does not show, are
    spelled by the bytes of their UTF-8. `inverse(transform(text))` is the text in its normal form;
    only the sign U+2581, which stands for a space inside, comes back as one.
    Index 0 is reserved, index 1 (unknown) is never used. A text without any character becomes one
    step of zeros, so that a network can answer it.
    Sources: Sennrich, Haddow & Birch 2016, "Neural Machine Translation of Rare Words with Subword
    Units"; Kudo & Richardson 2018, "SentencePiece".

    size: indices at most, of which 258 are taken by the bytes and the two reserved ones; there are
        fewer where the texts have no more pairs to join.
    Raises OptionError where `size` is too small for the characters of the texts, and
    MissingDependencyError where sentencepiece is not installed.

    >>> vectorizer = SubwordVectorizer(size=280).fit(["a dog and a dog", "dogs and dogs"])
    >>> ids = vectorizer.transform(["a dog 🐕"])[0][:, 0]
    >>> vectorizer.tokens(ids)[:2], vectorizer.inverse(ids)
    (['▁a', '▁dog'], 'a dog 🐕')
    """

    def __init__(self, *, size: int = 8000, lower: bool = False, normalize: str | None = "NFC"):
        if not isinstance(size, int) or size <= RESERVED + BYTES:
            raise OptionError(
                f"subwords={size!r}, but a vocabulary of subwords is a whole number above "
                f"{RESERVED + BYTES}: each byte has its own index."
            )
        self.size, self.lower, self.normalize = size, lower, normalize

    def fit(self, texts: Iterable[str | Sequence[str]]) -> SubwordVectorizer:
        """Learn the vocabulary; the same texts always give the same one."""
        # One space where there is no character at all: it cannot learn from nothing.
        known = [text for text in map(self._prepared, texts) if text] or [" "]
        model = io.BytesIO()
        try:
            _sentencepiece().SentencePieceTrainer.train(
                sentence_iterator=iter(known),
                model_writer=model,
                model_type="bpe",
                vocab_size=self.size,
                hard_vocab_limit=False,
                byte_fallback=True,
                normalization_rule_name="identity",
                remove_extra_whitespaces=False,
                max_sentence_length=LONGEST,
                pad_id=0,
                unk_id=1,
                bos_id=-1,
                eos_id=-1,
                num_threads=1,
                minloglevel=2,
            )
        except RuntimeError as error:
            if "smaller than required_chars" not in str(error):
                raise
            raise OptionError(
                f"subwords={self.size} is too small: {RESERVED + BYTES} are taken by bytes and "
                f"reserved indices, and the training texts have more different characters than "
                f"are left. Raise it to some thousands."
            ) from None
        self._read(model.getvalue())
        return self

    @property
    def sizes(self) -> list[int]:
        """Indices of the one column: the size of its embedding."""
        return [self._processor.vocab_size()]

    def rare(self) -> list[int]:
        """None: no subword is unknown, so that nothing need be read as unknown in training."""
        return []

    def transform(self, texts: Sequence[str | Sequence[str]]) -> list[np.ndarray]:
        """(T, 1) int64 ids for each text."""
        rows = self._processor.encode([self._prepared(text) for text in texts], num_threads=1)
        return [np.asarray(row or [0], dtype=np.int64)[:, None] for row in rows]

    def inverse(self, ids: Sequence[int]) -> str:
        """The text of the subwords. Bytes that are no UTF-8 become U+FFFD."""
        return self._processor.decode([int(index) for index in ids if index >= RESERVED])

    def tokens(self, ids: Iterable[int]) -> list[str]:
        """What each index stands for, with "▁" for a space; "?" where it stands for nothing."""
        return [
            str(self._processor.id_to_piece(int(index))) if index >= RESERVED else "?"
            for index in ids
        ]

    def get_config(self) -> Config:
        """Plain JSON from which `from_config` makes the same vectorizer."""
        return {
            "size": self.size,
            "lower": self.lower,
            "normalize": self.normalize,
            "model": base64.b64encode(self._model).decode("ascii"),
        }

    @classmethod
    def from_config(cls, config: Config) -> SubwordVectorizer:
        """The vectorizer that `get_config` described."""
        vectorizer = cls(size=config["size"], lower=config["lower"], normalize=config["normalize"])
        vectorizer._read(base64.b64decode(config["model"]))
        return vectorizer

    def _read(self, model: bytes) -> None:
        self._model = model
        self._processor: _Processor = _sentencepiece().SentencePieceProcessor(model_proto=model)

    def _prepared(self, text: str | Sequence[str]) -> str:
        joined = text if isinstance(text, str) else " ".join(text)
        prepared = prepare(joined, self.normalize, self.lower, jamo=False)
        # A lone surrogate has no UTF-8.
        return prepared.encode("utf-8", "replace").decode("utf-8")


def _sentencepiece() -> ModuleType:
    try:
        import sentencepiece
    except ImportError as error:
        raise MissingDependencyError(
            "subwords need sentencepiece, which is not installed: pip install 'rnnkit[subword]'."
        ) from error
    return sentencepiece
