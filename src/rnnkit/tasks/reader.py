"""What classifier and regressor share: sequences of any kind in, numbers for each or each step."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, Generic, TypeVar

from torch import nn

from rnnkit.codecs import AnyExamples, SequenceCodec
from rnnkit.codecs.sequences import Vectorizer
from rnnkit.options import SequenceOptions
from rnnkit.options.inputs import LanguageStart
from rnnkit.plans import ClassifierPlan, FixedWindow, Pooling, TaggerPlan, Tokens
from rnnkit.tasks import planning
from rnnkit.tasks.batches import StepBatch, encoded_steps, outputs_of
from rnnkit.tasks.estimator import Encoded, Output, SequenceEstimator, Start
from rnnkit.tasks.pretraining import Pretraining
from rnnkit.vectorize import SeriesVectorizer

__all__ = ["SequenceReader", "step_plan", "whole_plan"]

S = TypeVar("S", bound=SequenceCodec[Any])


class SequenceReader(LanguageStart, SequenceEstimator[S, StepBatch], Generic[S]):
    """Base of estimators that read texts, series or ids, and say numbers of each sequence, or of
    each of its steps.
    """

    @property
    def _each_step(self) -> bool:
        """Whether each step has an output of its own."""
        return False

    @property
    @abstractmethod
    def _two_ways(self) -> bool:
        """Whether sequences are read from both ends."""

    @property
    def vectorizer_(self) -> Vectorizer:
        """What makes numbers of sequences."""
        return self._learnt.vectorizer

    def _start(self, codec: S) -> Start | None:
        path = self.language_model
        return None if path is None else Pretraining.read(path, self, codec.kind, self._two_ways)

    def _encode(self, codec: S, examples: AnyExamples) -> Encoded[StepBatch]:
        targets = None if examples.targets is None else codec.encode_targets(examples.targets)
        return encoded_steps(codec.encode(examples.inputs), targets, each_step=self._each_step)

    def _forward(self, network: nn.Module, batch: StepBatch) -> Output:
        layout = batch.source.x.layout
        said = outputs_of(network, batch)
        return Output(said, batch.targets, layout.num_rows, layout if self._each_step else None)


def whole_plan(
    options: SequenceOptions, codec: SequenceCodec[Any], outputs: int, *, bidirectional: bool
) -> ClassifierPlan:
    """A network with so many outputs for each sequence."""
    embedding, width = _inputs(options, codec)
    if options.cell == "none" and codec.kind == "series":
        # Only the contrast of whole series has a fixed input length.
        body: Pooling | FixedWindow = FixedWindow(
            width, options.hidden_size, codec.longest or 1, options.dropout
        )
    else:
        layers = planning.encoder(options, width, bidirectional=bidirectional, window=0)
        body = Pooling(layers, options.pooling)
    return ClassifierPlan(embedding, body, outputs, options.dropout)


def step_plan(
    options: SequenceOptions, codec: SequenceCodec[Any], outputs: int, *, bidirectional: bool
) -> TaggerPlan:
    """A network with so many outputs for each step."""
    embedding, width = _inputs(options, codec)
    layers = planning.encoder(
        options, width, bidirectional=bidirectional, window=planning.BEFORE_EACH_STEP
    )
    return TaggerPlan(embedding, layers, outputs)


def _inputs(options: SequenceOptions, codec: SequenceCodec[Any]) -> tuple[Tokens | None, int]:
    """What makes vectors of a codec's numbers, None where they are vectors, and their size."""
    if isinstance(codec.vectorizer, SeriesVectorizer):
        return None, codec.vectorizer.num_features
    return planning.token_vectors(options, codec.vectorizer.sizes), options.embedding_size
