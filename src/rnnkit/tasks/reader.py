"""What classifier and regressor share: sequences of any kind in, numbers for each or each step."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit.batch import pack, pack_like
from rnnkit.networks import (
    ClassifierNetwork,
    FixedWindow,
    Pooled,
    TaggerNetwork,
    TokenEmbedding,
    build_encoder,
)
from rnnkit.packed import Layout
from rnnkit.tasks.base import Encoded, SequenceEstimator
from rnnkit.tasks.carrying import StepBatch, outputs_of
from rnnkit.tasks.inputs import read_like
from rnnkit.tasks.spelling import Source
from rnnkit.tasks.starting import begin_with, learn_tokens, read_language_model
from rnnkit.tasks.subjects import step_labels
from rnnkit.vectorize import IdVectorizer, SeriesVectorizer, TextVectorizer

__all__ = ["SequenceReader"]

VECTORIZERS: dict[str, Any] = {
    "text": TextVectorizer,
    "series": SeriesVectorizer,
    "ids": IdVectorizer,
}

# The feed-forward contrast sees so many steps before each one, where each has an output.
WINDOW = 4


class SequenceReader(SequenceEstimator):
    """Base of estimators that read texts, series or ids, and say K numbers of each sequence, or of
    each of its steps.
    """

    # Set by the subclasses' constructors, which only store.
    cell: str
    inputs: str
    level: str
    lower: bool
    normalize: str | None
    analyzer: Callable[[str], list[str]] | None
    num_words: int | None
    min_count: int
    ngrams: int
    whole_words: bool
    buckets: int
    max_length: int | None
    truncating: str
    scale: str
    missing: str
    embedding_size: int
    hidden_size: int
    num_layers: int
    bidirectional: Any
    pooling: str
    dropout: float
    recurrent_dropout: float
    rare_dropout: float
    language_model: str | Path | None

    callables: ClassVar[tuple[str, ...]] = ("analyzer",)

    @property
    def _each_step(self) -> bool:
        """Whether each step has an output of its own."""
        return False

    @property
    def _two_ways(self) -> bool:
        """Whether sequences are read from both ends."""
        return bool(self.bidirectional)

    @abstractmethod
    def _num_outputs(self) -> int:
        """K, numbers that the network says."""

    @abstractmethod
    def _targets(self, y: Any) -> Any:
        """The targets as arrays: one row a sequence, or a list of (T, ...)."""

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:  # noqa: ARG002 - X alone
        vectorizer = self._vectorizer()
        if self.language_model is None:
            self.vectorizer_ = vectorizer.fit(X)
        else:
            # Read once: `_begin` takes its layers and gives it up.
            self._begins_with = read_language_model(self.language_model, self)
            self.vectorizer_ = learn_tokens(self._begins_with, vectorizer)
        # Only the feed-forward contrast of whole series has a fixed input length.
        fixed = self.cell == "none" and self.kind_ == "series" and not self._each_step
        self.window_ = max(map(len, self.vectorizer_.transform(X))) if fixed else None

    def _vectorizer(self) -> Any:
        if self.kind_ == "series":
            return SeriesVectorizer(scale=self.scale, missing=self.missing)
        if self.kind_ == "ids":
            return IdVectorizer()
        return TextVectorizer(
            level=self.level,
            lower=self.lower,
            normalize=self.normalize,
            analyzer=self.analyzer,
            num_words=self.num_words,
            min_count=self.min_count,
            ngrams=self.ngrams,
            words=self.whole_words,
            buckets=self.buckets,
            max_length=self.max_length,
            truncating=self.truncating,
        )

    def _build(self) -> nn.Module:
        embedding = None
        if self.kind_ != "series":
            embedding = TokenEmbedding(
                self.vectorizer_.sizes,
                self.embedding_size,
                rare=self.vectorizer_.rare(),
                rare_dropout=self.rare_dropout,
            )
        width = self.vectorizer_.num_features if embedding is None else self.embedding_size
        outputs = self._num_outputs()
        if self._each_step:
            return TaggerNetwork(embedding, self._encoder(width, window=WINDOW), outputs)
        return ClassifierNetwork(embedding, self._body(width), outputs, dropout=self.dropout)

    def _begin(self, data: Encoded) -> nn.Module:
        module = super()._begin(data)
        if self.language_model is not None:
            begin_with(self.__dict__.pop("_begins_with"), self.vectorizer_, module)
        return module

    def _body(self, input_size: int) -> Pooled | FixedWindow:
        if self.window_ is not None:
            return FixedWindow(
                input_size, self.hidden_size, steps=self.window_, dropout=self.dropout
            )
        return Pooled(self._encoder(input_size, window=0), self.pooling)

    def _encoder(self, input_size: int, *, window: int) -> Any:
        return build_encoder(
            self.cell,
            input_size,
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=self._two_ways,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
            window=window,
        )

    def _encode(self, X: list[Any], y: Any | None) -> Encoded:
        rows = self.vectorizer_.transform(X)
        targets = None if y is None else self._targets(y)

        def collate(indices: np.ndarray) -> StepBatch:
            x = pack([rows[i] for i in indices])
            if targets is None:
                return StepBatch(Source(x), None)
            if self._each_step:
                return StepBatch(Source(x), pack_like([targets[i] for i in indices], x))
            return StepBatch(Source(x), torch.from_numpy(targets[indices]))

        return Encoded(np.array([len(row) for row in rows]), collate)

    def _logits(self, module: nn.Module, batch: StepBatch) -> tuple[Tensor, Any, int]:
        return outputs_of(module, batch), batch.targets, batch.source.x.layout.num_rows

    def _inputs(self, X: Any) -> list[Any]:
        _, sequences = read_like(X, self.kind_)
        self._check_columns(X, reset=False)
        return sequences

    def _look(self, batch: StepBatch) -> Any:
        return self.module_(*batch.source)

    def _layout(self, batch: StepBatch) -> Layout | None:
        return batch.source.x.layout if self._each_step else None

    def _step_labels(self, sequence: Any) -> list[str]:
        return step_labels(self.vectorizer_, sequence)

    def _get_state(self) -> dict[str, Any]:
        return {
            "kind": self.kind_,
            "vectorizer": self.vectorizer_.get_config(),
            "window": self.window_,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self.kind_, self.window_ = state["kind"], state["window"]
        self.vectorizer_ = VECTORIZERS[self.kind_].from_config(
            state["vectorizer"], **({"analyzer": self.analyzer} if self.kind_ == "text" else {})
        )
