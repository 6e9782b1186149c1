"""What the estimators share that answer in sentences: searches, draws, and what agrees most."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

from rnnkit.codecs import AnyExamples, CaptionerCodec, Examples, TranslatorCodec
from rnnkit.codecs.sentences import TargetVectorizer
from rnnkit.errors import InputError
from rnnkit.metrics import most_agreed
from rnnkit.networks import AttentionDecoder, DecoderState, Memory
from rnnkit.options import Whole
from rnnkit.options.networks import Decoder, Network
from rnnkit.options.training import LabelSmoothing
from rnnkit.plans import Decoder as DecoderPlan
from rnnkit.tasks import planning
from rnnkit.tasks.batches import CaptionBatch, Forced, TranslatorBatch
from rnnkit.tasks.estimator import CrossEntropy, SequenceEstimator
from rnnkit.tasks.sentences.search import Draw, Search, Sentence, check_n_best

__all__ = ["SentenceEstimator"]

S = TypeVar("S", TranslatorCodec, CaptionerCodec)
P = TypeVar("P", TranslatorBatch, CaptionBatch)


class SentenceEstimator(LabelSmoothing, Decoder, Network, SequenceEstimator[S, P], Generic[S, P]):
    """Base of estimators whose answers are sentences, found token by token by a decoder."""

    _decodes: ClassVar[bool] = True

    @abstractmethod
    def _encoded(self, batch: P) -> tuple[Memory, DecoderState, np.ndarray]:
        """What the decoder looks back at, where it begins, and (B,) the most tokens of answers."""

    @property
    def target_vectorizer_(self) -> TargetVectorizer:
        """What makes ids of targets, and texts of ids."""
        return self._learnt.target

    def predict(self, X: object) -> list[str]:
        """The best sentence for each input."""
        return self._texts(self._inputs(X))

    def predict_proba(self, X: object) -> list[np.ndarray]:
        """The softmax over the target's vocabulary at each token of the predicted sentence.

        (U + 1, V) for each input, the last row where the sentence ends; rows sum to 1.
        """
        inputs = self._inputs(X)

        def answer(batch: P) -> list[Tensor]:
            said = self._forward(self.module_, batch).said
            return (
                forced_of(batch).inputs.with_data(torch.softmax(said.double(), -1)).to_sequences()
            )

        answered = self._with_texts(inputs, self._texts(inputs))
        return [rows.numpy() for rows in self._answers(answered, answer)]

    def sample(
        self,
        X: object,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | None = None,
    ) -> list[Sentence]:
        """A random sentence for each input, drawn token by token from the softmax.

        temperature, top_k, top_p: see `rnnkit.decode.sample`.
        random_state: a seed; None draws others each time.
        """
        drawn = self._drawn(X, Draw(temperature, top_k, top_p), random_state)
        return [one for (one,) in drawn]

    def consensus(
        self,
        X: object,
        *,
        draws: int = 32,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | None = 0,
    ) -> list[Sentence]:
        """Of so many random sentences for each input, the one that is most like the others.

        The sentence of least expected loss (minimum Bayes risk), where that of `predict` is about
        the most probable one; better by chrF where many are possible. See
        `rnnkit.metrics.most_agreed`.
        random_state: a seed; None draws others each time.
        """
        Whole(1).check("draws", draws)
        several = self._drawn(X, Draw(temperature, top_k, top_p), random_state, draws)
        return [some[most_agreed([one.text for one in some])] for some in several]

    # -- searches -------------------------------------------------------------------------------

    def _texts(self, inputs: AnyExamples) -> list[str]:
        """The best sentence for each input."""
        return [best[0].text for best in self._found(inputs, 1, None)]

    def _with_texts(self, inputs: AnyExamples, texts: list[str]) -> AnyExamples:
        """Inputs with these sentences as their targets."""
        return Examples(inputs.inputs, texts)

    def _found(
        self, inputs: AnyExamples, n_best: int, beam_size: int | None
    ) -> list[list[Sentence]]:
        """The `n_best` sentences for each input by beam search, best first.

        beam_size: None takes the estimator's; 1 is greedy.
        """
        size = self.beam_size if beam_size is None else beam_size
        check_n_best(n_best, size)
        found = self._answers(inputs, lambda batch: self._search(batch).best(size, n_best))
        return [[Sentence.of(one, self.codec_.target) for one in several] for several in found]

    def _drawn(
        self, X: object, draw: Draw, random_state: int | None, count: int = 1
    ) -> list[list[Sentence]]:
        """`count` random sentences for each input, drawn token by token from the softmax."""
        inputs, generator = self._inputs(X), np.random.default_rng(random_state)
        at_once = max(self.batch_size, self._predict_batch)
        found = self._answers(
            inputs,
            lambda batch: self._search(batch).drawn(draw, count, generator, at_once=at_once),
        )
        return [[Sentence.of(one, self.codec_.target) for one in several] for several in found]

    def _search(self, batch: P) -> Search:
        memory, state, limit = self._encoded(batch)
        if self.max_length is not None:
            limit = np.full(len(limit), self.max_length)
        decoder: AttentionDecoder = self.module_.decoder  # type: ignore[assignment]
        return Search(decoder, memory, state, limit, self.length_penalty)

    # -- how it is made -------------------------------------------------------------------------

    def _decoder_plan(
        self, codec: S, memory_size: int, *, summary_size: int, scheduled_sampling: float = 0.0
    ) -> DecoderPlan:
        return DecoderPlan(
            codec.target.sizes[0],
            self.embedding_size,
            self.hidden_size,
            memory_size,
            summary_size,
            cell=self.cell,
            num_layers=self.num_layers,
            attention=self.attention,
            input_feeding=self.input_feeding,
            tied=self.tied,
            dropout=self.dropout,
            window=planning.LAST_TOKENS,
            scheduled_sampling=scheduled_sampling,
        )

    def _objective(self, codec: S) -> CrossEntropy:  # noqa: ARG002 - no label has a weight
        return CrossEntropy(label_smoothing=self.label_smoothing)


def forced_of(batch: TranslatorBatch | CaptionBatch) -> Forced:
    """What a batch of training gives the decoder."""
    if batch.forced is None:
        raise InputError("a batch without targets has none to be read.")
    return batch.forced
