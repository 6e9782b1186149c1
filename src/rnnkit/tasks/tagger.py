"""Many to many, aligned: a label for every step."""

from __future__ import annotations

from typing import Any

import numpy as np

from rnnkit.networks import TokenEmbedding, WordEmbedding
from rnnkit.options import TaggerOptions
from rnnkit.tasks.inputs import read_like
from rnnkit.tasks.labeling import StepTagger
from rnnkit.tasks.spelling import Sentences, Sequences, spelled
from rnnkit.tasks.subjects import step_labels
from rnnkit.vectorize import IdVectorizer, SeriesVectorizer, WordVectorizer, used_steps

__all__ = ["SequenceTagger"]

VECTORIZERS: dict[str, Any] = {
    "text": WordVectorizer,
    "series": SeriesVectorizer,
    "ids": IdVectorizer,
}

# The feed-forward contrast sees this many neighbors to either side.
WINDOW = 2


class SequenceTagger(StepTagger, TaggerOptions):
    """Give every step a label: the part of speech of each word, the state at each moment.

    A step whose label is None is read, but nothing is learnt from it and it is not scored.

    p(k | t) = softmax(W h_t + b), h from a bidirectional recurrent network over word vectors, each
    a learnt vector beside the last states of a character network (Plank et al. 2016). With `crf`,
    W h_t + b are the emissions of a conditional random field over the whole path of labels (Lample
    et al. 2016, equation 1), and training minimizes its -log p(path), a mean over the steps.

    Parameters
    ----------
    cell : "lstm", "gru", "rnn" (tanh), "rnn-relu", or "none" for the feed-forward contrast (a
        window of two steps to either side).
    inputs : "auto", "text" (strings, split at white space), "tokens", "series" or "ids".
    lower, normalize, min_count : how words are counted; characters keep their case.
    affixes : the longest prefix and suffix of a word, in characters, that has a vector of its own,
        which is added to the word's; 0 for none.
    character_size, character_hidden_size : of the character network; character_size=0 leaves it
        out.
    crf : whether labels depend on their neighbors'; not together with label_smoothing and
        class_weight.
    update_every : steps between two updates of the weights, for long sequences that are read
        forward only (bidirectional=False): they are read in windows of so many steps, a training
        step each, the state carried from one to the next. None: a training step for whole ones.
    scale, missing : for series. The others are those of `SequenceClassifier`.

    Attributes
    ----------
    classes_, vectorizer_, module_, history_, num_parameters_

    >>> model = SequenceTagger(max_epochs=30, lr=0.02, hidden_size=16, random_state=0)
    >>> model = model.fit([["dogs", "bark"], ["birds", "sing"]] * 9, [["N", "V"]] * 18)
    >>> model.predict([["birds", "bark"], []])
    [['N', 'V'], []]
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.three_d_array = True
        return tags

    # -- how it is made -------------------------------------------------------------------------

    def _aligned(self, X: Any, y: Any, *, fitted: bool) -> tuple[list[Any], list[list[Any]]]:
        """Without the steps that are padding."""
        kind, sequences = self._sequences(X, self.inputs, fitted=fitted)
        sequences = _as_words(kind, sequences)
        labels = self._label_lists(sequences, y)
        used = [_steps(kind, sequence) for sequence in sequences]
        sequences = [sequence[steps] for sequence, steps in zip(sequences, used, strict=True)]
        return sequences, [row[steps] for row, steps in zip(labels, used, strict=True)]

    def _inputs(self, X: Any) -> list[Any]:
        kind, sequences = read_like(X, self.kind_)
        self._check_columns(X, reset=False)
        return [sequence[_steps(kind, sequence)] for sequence in _as_words(kind, sequences)]

    def _fitted_vectorizer(self, X: list[Any]) -> Any:
        if self.kind_ == "series":
            return SeriesVectorizer(scale=self.scale, missing=self.missing).fit(X)
        if self.kind_ == "ids":
            return IdVectorizer().fit(X)
        return WordVectorizer(
            lower=self.lower,
            normalize=self.normalize,
            min_count=self.min_count,
            affixes=self.affixes,
        ).fit(X)

    @property
    def _window(self) -> int:
        return WINDOW

    def _embedding(self) -> WordEmbedding | TokenEmbedding | None:
        if self.kind_ == "series":
            return None
        words = TokenEmbedding(
            self.vectorizer_.sizes,
            self.embedding_size,
            rare=self.vectorizer_.rare(),
            rare_dropout=self.rare_dropout,
        )
        if not self._spells():
            return words
        return spelled(
            words,
            self.vectorizer_,
            character_size=self.character_size,
            hidden_size=self.character_hidden_size,
            cell=self.cell,
            dropout=self.dropout,
        )

    def _spells(self) -> bool:
        return self.kind_ == "text" and self.character_size > 0

    def _sources(self, X: list[Any]) -> Sequences:
        if self._spells():
            return Sentences(self.vectorizer_, X)
        return Sequences(self.vectorizer_.transform(X))

    def _step_labels(self, sequence: Any) -> list[str]:
        return list(sequence) if self.kind_ == "text" else step_labels(self.vectorizer_, sequence)

    def _get_state(self) -> dict[str, Any]:
        return {"kind": self.kind_, **super()._get_state()}

    def _set_state(self, state: dict[str, Any]) -> None:
        super()._set_state(state)
        self.kind_ = state["kind"]
        self.vectorizer_ = VECTORIZERS[self.kind_].from_config(state["vectorizer"])


def _as_words(kind: str, sequences: list[Any]) -> list[Any]:
    return [sequence.split() for sequence in sequences] if kind == "text" else sequences


def _steps(kind: str, sequence: Any) -> slice:
    """The steps of a sequence that are no padding; text has none."""
    if kind == "series":
        return used_steps(np.asarray(sequence, dtype=np.float64))
    return used_steps(sequence) if kind == "ids" else slice(None)
