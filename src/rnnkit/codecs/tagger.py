"""What taggers read and say: sequences, and a label for each of their steps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar, Self, TypeVar

import numpy as np

from rnnkit.codecs.codec import Codec, Examples, Given, Json, Sentences, Sequences
from rnnkit.codecs.labels import Labels
from rnnkit.codecs.reading import read_like, read_numbers, read_sequences, required
from rnnkit.codecs.sequences import NUMBERS, number_vectorizer, rare_tokens, token_labels
from rnnkit.data.inputs import check_same_length
from rnnkit.errors import InputError
from rnnkit.options import TaggerOptions
from rnnkit.vectorize import IdVectorizer, SeriesVectorizer, WordVectorizer, used_steps

__all__ = [
    "LabelRows",
    "StepLabelCodec",
    "TaggerCodec",
    "given_labels",
    "refuse_empty",
    "spelled_sentences",
]

In = TypeVar("In")

LabelRows = list[list[Any]]
"""A list of labels for each sequence, one a step; None is a step without one."""

StepVectorizer = WordVectorizer | SeriesVectorizer | IdVectorizer


class StepLabelCodec(Codec[In, LabelRows]):
    """Base of codecs with a label for each step; None is a step without one.

    step: what a step is called.
    """

    step: ClassVar[str] = "step"

    labels: Labels

    def learn_labels(
        self, targets: Sequence[list[Any]], *, paths: bool, classes: Iterable[Any] | None
    ) -> None:
        """The labels that targets show, and those named beside them. paths: none may be missing."""
        given = given_labels(targets)
        if paths and len(given) < sum(map(len, targets)):
            raise InputError("crf=True learns whole paths, but some labels are None.")
        if not given:
            raise InputError("y holds no label but None: there is nothing to learn from.")
        self.labels = Labels.seen(given, classes)

    def label_lists(self, sequences: Sequence[Any], y: Any) -> list[list[Any]]:
        """Labels as lists, one for each step of each sequence."""
        check_same_length(X=sequences, y=y)
        labels = [_plain_list(row) for row in y]
        for position, (sequence, row) in enumerate(zip(sequences, labels, strict=True)):
            if not hasattr(sequence, "__len__"):
                raise InputError(
                    f"X[{position}] is {sequence!r:.60}, but a sequence of {self.step}s is "
                    f"expected."
                )
            if len(sequence) != len(row):
                raise InputError(
                    f"X[{position}] has {len(sequence)} {self.step}s but y[{position}] has "
                    f"{len(row)} labels; each {self.step} needs one."
                )
        return labels

    def encode_targets(self, targets: Sequence[list[Any]]) -> list[np.ndarray]:
        """(T,) int64 of each sequence, `NO_LABEL` where there is none."""
        return self.labels.encode_steps(targets)


class TaggerCodec(StepLabelCodec[Any]):
    """Sentences, series or ids to rows of numbers.

    vectorizer: what makes numbers of them. spells: whether words are read by character too.
    """

    def __init__(self, kind: str, vectorizer: StepVectorizer, *, spells: bool) -> None:
        self.kind, self.vectorizer, self.spells = kind, vectorizer, spells

    @classmethod
    def begin(
        cls,
        options: TaggerOptions,
        X: object,
        y: object,
        *,
        classes: Iterable[Any] | None = None,
    ) -> tuple[Self, Examples[Any, LabelRows]]:
        """See `Codec.begin`."""
        required(y, "SequenceTagger", "a list of labels for each sequence")
        read, sequences = read_sequences(X, options.inputs)
        kind = "text" if read == "tokens" else read
        spells = kind == "text" and options.character_size > 0
        codec = cls(kind, _vectorizer(options, kind), spells=spells)
        examples = codec._aligned(read, sequences, y)
        refuse_empty(examples.inputs)
        codec.learn_labels(examples.known, paths=options.crf, classes=classes)
        return codec, examples

    def read(self, X: object, y: object = None) -> Examples[Any, LabelRows]:
        """See `Codec.read`; some sequences may be empty."""
        read, sequences = read_like(X, self.kind)
        if y is not None:
            return self._aligned(read, sequences, y)
        return Examples([one[_used(read, one)] for one in _as_words(read, sequences)])

    def _aligned(self, read: str, sequences: list[Any], y: object) -> Examples[Any, LabelRows]:
        """Without the steps that are padding."""
        sequences = _as_words(read, sequences)
        labels = self.label_lists(sequences, y)
        used = [_used(read, sequence) for sequence in sequences]
        return Examples(
            [sequence[steps] for sequence, steps in zip(sequences, used, strict=True)],
            [row[steps] for row, steps in zip(labels, used, strict=True)],
        )

    def learn(self, options: TaggerOptions, examples: Examples[Any, LabelRows]) -> None:
        """Learn the words or the scale, and the labels' weights."""
        self.vectorizer.fit(examples.inputs)
        self.labels.weigh(options.class_weight, given_labels(examples.known))

    def encode(self, inputs: list[Any]) -> Sequences:
        """(T, C) ids or (T, F) numbers of each, and where words are spelled their characters."""
        if self.spells and isinstance(self.vectorizer, WordVectorizer):
            return spelled_sentences(self.vectorizer, inputs)
        return Sequences(self.vectorizer.transform(inputs))

    def rare(self) -> list[int]:
        """See `Codec.rare`."""
        return rare_tokens(self.vectorizer)

    def step_labels(self, one: Any) -> list[str]:
        """The words, ids, or numbers of steps."""
        if isinstance(self.vectorizer, WordVectorizer):
            return list(one)
        return token_labels(self.vectorizer, one)

    def to_json(self) -> Json:
        """Plain values."""
        return {
            "kind": self.kind,
            "vectorizer": self.vectorizer.get_config(),
            "spells": self.spells,
            **self.labels.to_json(),
        }

    @classmethod
    def from_json(cls, data: Json, given: Given) -> Self:
        """What `to_json` wrote."""
        kind, config = data["kind"], data["vectorizer"]
        vectorizer = (WordVectorizer if kind == "text" else NUMBERS[kind]).from_config(config)
        codec = cls(kind, vectorizer, spells=data["spells"])
        codec.labels = Labels.from_json(data)
        return codec


def _vectorizer(options: TaggerOptions, kind: str) -> StepVectorizer:
    if kind in NUMBERS:
        return number_vectorizer(options, kind)
    return WordVectorizer(
        lower=options.lower,
        normalize=options.normalize,
        min_count=options.min_count,
        affixes=options.affixes,
    )


def spelled_sentences(vectorizer: WordVectorizer, sentences: Sequence[Sequence[str]]) -> Sentences:
    """Sentences as ids of words and affixes, and each distinct word's characters."""
    index: dict[str, int] = {}
    forms = [
        np.array([index.setdefault(word, len(index)) for word in sentence])
        for sentence in sentences
    ]
    spellings = [vectorizer.spell(word)[:, None] for word in index]
    return Sentences(vectorizer.transform(sentences), forms, spellings)


def given_labels(y: Sequence[Sequence[Any]]) -> list[Any]:
    """All labels but None, one after the other."""
    return [label for row in y for label in row if label is not None]


def refuse_empty(sequences: Sequence[Any]) -> None:
    """Nothing is learnt from a sequence without a step."""
    for position, sequence in enumerate(sequences):
        if len(sequence) == 0:
            raise InputError(f"X[{position}] is empty: leave out sequences without a step.")


def _plain_list(row: Any) -> list[Any]:
    if isinstance(row, str) or not hasattr(row, "__len__"):
        raise InputError(
            f"y should hold a list of labels for each sequence, but holds {row!r:.40}."
        )
    values: list[Any] = row.tolist() if isinstance(row, np.ndarray) else list(row)
    return values


def _as_words(kind: str, sequences: list[Any]) -> list[Any]:
    return [sequence.split() for sequence in sequences] if kind == "text" else sequences


def _used(kind: str, sequence: Any) -> slice:
    """The steps of a sequence that are no padding; text has none."""
    if kind == "series":
        return used_steps(read_numbers(sequence))
    return used_steps(sequence) if kind == "ids" else slice(None)
