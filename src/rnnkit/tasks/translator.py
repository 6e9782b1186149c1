"""Many to many, unaligned: a sentence to a sentence of another language."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from rnnkit.codecs import AnyExamples, TranslatorCodec
from rnnkit.codecs.reading import read_texts
from rnnkit.codecs.sentences import SourceVectorizer, one_sentence
from rnnkit.learn import Callback
from rnnkit.metrics import score_translations
from rnnkit.networks import DecoderState, Memory, TranslatorNetwork
from rnnkit.options import TranslatorOptions
from rnnkit.plans import Tokens, TranslatorPlan, Words
from rnnkit.tasks import planning
from rnnkit.tasks.batches import TranslatorBatch, source_of, teacher_forced
from rnnkit.tasks.estimator import Encoded, Output
from rnnkit.tasks.sentences import (
    Alignment,
    OwnTokens,
    Sentence,
    SentenceEstimator,
    alignment_of,
    forced_of,
)
from rnnkit.vectorize import WordVectorizer

__all__ = ["Translation", "Translator"]

Translation = Sentence
"""One translation."""


class Translator(SentenceEstimator[TranslatorCodec, TranslatorBatch], TranslatorOptions):
    """Translate texts: a bidirectional encoder, attention, and a decoder that feeds on itself.

    p(y_1..y_U | x) = prod_u softmax(E a_u + b), a_u the attentional vector of `AttentionDecoder`.
    Sources: Bahdanau, Cho & Bengio 2015; Luong, Pham & Manning 2015.

    X: texts, or lists of tokens. y: a translation of each. The target keeps its case, and is
    brought to NFC; source words are spelled in their own case, lowered or not. With cell="none"
    windows of fixed length take the place of recurrence, with attention.

    Attributes
    ----------
    source_vectorizer_, target_vectorizer_, module_, history_, num_parameters_; codec_ and plan_

    >>> model = Translator(hidden_size=32, embedding_size=32, max_epochs=60, lr=0.01, dropout=0.0,
    ...                    batch_size=8, validation_fraction=0, random_state=0)
    >>> model = model.fit(["one", "two", "three"] * 8, ["하나", "둘", "셋"] * 8)
    >>> model.predict(["two", "one"])
    ['둘', '하나']
    """

    module_: TranslatorNetwork

    def translate(
        self, X: object, *, n_best: int = 1, beam_size: int | None = None
    ) -> list[list[Translation]]:
        """The `n_best` translations of each text by beam search, best first.

        beam_size: None takes the estimator's; 1 is greedy.
        """
        return self._found(self._inputs(X), n_best, beam_size)

    def align(self, X: object, y: object = None) -> list[Alignment]:
        """Where the decoder looks in each text while it says its translation, or y where given.

        Each `Alignment` has the S steps of the source, the U tokens of the translation as its
        vectorizer cuts it, and weights (U, S) whose rows sum to 1.
        """
        examples = self._inputs(X)
        if y is None:
            examples = self._with_texts(examples, self._texts(examples))
        else:
            examples = self._pairs(self.codec_, X, y)

        def answer(batch: TranslatorBatch) -> list[Tensor]:
            inputs = forced_of(batch).inputs
            weights = self.module_.align(*batch.source, inputs=inputs)
            return inputs.with_data(weights.double()).to_sequences()

        codec, texts = self.codec_, [one_sentence(text) for text in examples.known]
        tokens = map(codec.target.tokens, codec.encode_targets(examples.known))
        sources = map(codec.step_labels, examples.inputs)
        return list(map(alignment_of, texts, sources, tokens, self._answers(examples, answer)))

    def score(self, X: object, y: object) -> float:
        """chrF of the translations against y, from 0 to 1 (sacreBLEU's, over the whole corpus).

        Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation".
        """
        references = [one_sentence(one) for one in read_texts(y, "y")]
        return score_translations(self.predict(X), references).chrf / 100.0

    @property
    def source_vectorizer_(self) -> SourceVectorizer:
        """What makes ids of sources."""
        return self._learnt.source

    # -- how it is made -------------------------------------------------------------------------

    def _codec_type(self) -> type[TranslatorCodec]:
        return TranslatorCodec

    def _plan(self, codec: TranslatorCodec) -> TranslatorPlan:
        embedding = self._vectors(codec.source)
        layers = planning.encoder(
            self, embedding.output_size, bidirectional=True, window=planning.AROUND_A_SOURCE
        )
        decoder = self._decoder_plan(
            codec,
            layers.output_size,
            summary_size=layers.output_size,
            scheduled_sampling=self.scheduled_sampling,
        )
        return TranslatorPlan(embedding, layers, decoder)

    def _vectors(self, source: SourceVectorizer) -> Words | Tokens:
        if not isinstance(source, WordVectorizer):
            return planning.token_vectors(self, source.sizes)
        return planning.spelled(self, planning.token_vectors(self, [source.size]), source)

    def _callbacks(self) -> list[Callback]:
        return [OwnTokens(self.scheduled_sampling)] if self.scheduled_sampling else []

    def _encode(self, codec: TranslatorCodec, examples: AnyExamples) -> Encoded[TranslatorBatch]:
        numbers = codec.encode(examples.inputs)
        # Sorted by source, then by target: both sides of a batch are of like length.
        lengths = numbers.lengths.astype(np.float64)
        if examples.targets is None:
            return Encoded(lengths, lambda chosen: TranslatorBatch(source_of(numbers, chosen)))
        targets = codec.encode_targets(examples.targets)

        def collate(indices: np.ndarray) -> TranslatorBatch:
            forced = teacher_forced([targets[i] for i in indices])
            return TranslatorBatch(source_of(numbers, indices), forced)

        return Encoded(lengths + np.array([len(row) for row in targets]) / 1e6, collate)

    def _forward(self, network: nn.Module, batch: TranslatorBatch) -> Output:
        read = batch.source.x.layout.num_rows
        if batch.forced is None:
            # What is looked at without targets is the encoder.
            memory, _ = network.encode(*batch.source)  # type: ignore[operator]
            return Output(memory.values, None, read)
        inputs, targets = batch.forced
        said = network(*batch.source, inputs=inputs)
        return Output(said, targets, read + len(targets), inputs.layout)

    def _encoded(self, batch: TranslatorBatch) -> tuple[Memory, DecoderState, np.ndarray]:
        layout = batch.source.x.layout
        lengths = layout.lengths[layout.inverse].numpy()
        return *self.module_.encode(*batch.source), self.codec_.longest_answers(lengths)
