"""What a language model reads: texts, as ids of words, characters or jamo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np

from rnnkit.codecs.codec import Codec, Examples, Given, Json, Sequences
from rnnkit.codecs.reading import Text, read_texts
from rnnkit.options import LanguageModelOptions
from rnnkit.vectorize import DocumentVectorizer

__all__ = ["EOS", "LanguageCodec", "shifted"]

EOS = DocumentVectorizer.EOS


class LanguageCodec(Codec[Text, None]):
    """Texts to ids, with end marks; each text's targets are its own tokens."""

    def __init__(self, vectorizer: DocumentVectorizer) -> None:
        self.vectorizer = vectorizer

    @classmethod
    def begin(
        cls,
        options: LanguageModelOptions,
        X: object,
        y: object = None,
        *,
        classes: object = None,
    ) -> tuple[Self, Examples[Text, None]]:
        """See `Codec.begin`. X: a text, or a list of texts."""
        codec = cls(
            DocumentVectorizer(
                level=options.level,
                lower=options.lower,
                normalize=options.normalize,
                num_words=options.num_words,
                min_count=options.min_count,
                end_mark=_end_mark(options, one_text=isinstance(X, str)),
            )
        )
        return codec, codec.read(X)

    def read(self, X: object, y: object = None) -> Examples[Text, None]:
        """See `Codec.read`."""
        return Examples(read_texts([X] if isinstance(X, str) else X, "X"))

    def learn(
        self,
        options: LanguageModelOptions,
        examples: Examples[Text, None],
    ) -> None:
        """Learn the vocabulary."""
        self.vectorizer.fit(examples.inputs)

    def encode(self, inputs: list[Text]) -> Sequences:
        """(T,) ids of each text, its end marks among them."""
        return Sequences(self.vectorizer.transform(inputs))

    def hold_out(
        self,
        examples: Examples[Text, None],
        share: float,
        generator: np.random.Generator,
    ) -> tuple[Examples[Text, None], Examples[Text, None] | None]:
        """The end is held out, of a list or of the only text."""
        texts = examples.inputs
        if len(texts) == 1:
            before, after = _cut(texts[0], share)
            if not before or not after:
                return examples, None
            return Examples([before]), Examples([after])
        count = int(len(texts) * share)
        return (Examples(texts[:-count]), Examples(texts[-count:])) if count else (examples, None)

    def rare(self) -> list[int]:
        """See `Codec.rare`."""
        return list(self.vectorizer.rare())

    def step_labels(self, one: Text) -> list[str]:
        """The token that is read at each step: the one before."""
        (ids,) = self.vectorizer.transform([one])
        return [self.vectorizer.tokens[index] for index in shifted(ids)]

    def to_json(self) -> Json:
        """Plain values."""
        return {"vectorizer": self.vectorizer.get_config()}

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        return cls(DocumentVectorizer.from_config(data["vectorizer"]))


def shifted(ids: np.ndarray) -> np.ndarray:
    """(T,) what is read before each id: the one before it, the end mark before the first.

    >>> shifted(np.array([5, 6, 7])).tolist()
    [0, 5, 6]
    """
    return np.concatenate([[EOS], ids[:-1]]).astype(np.int64)


def _end_mark(options: LanguageModelOptions, *, one_text: bool) -> str:
    """Where the end marks of a text stand."""
    if options.end_mark != "auto":
        return options.end_mark
    if not one_text:
        return "document"
    return "line" if options.level == "word" else "none"


def _cut(text: Text, share: float) -> tuple[Any, Any]:
    """A text in two, the second of about that share, where a line or else a word begins."""
    place = int(len(text) * (1 - share))
    if isinstance(text, str):
        begin = text.rfind("\n", 0, place) + 1 or text.rfind(" ", 0, place) + 1
        place = begin or place
    parts: tuple[Sequence[str], Sequence[str]] = (text[:place], text[place:])
    return parts
