"""Many to many, unaligned: a sentence to a sentence of another language."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor, nn

from rnnkit.bptt import Policy
from rnnkit.errors import InputError, OptionError
from rnnkit.learn import Callback, Trainer
from rnnkit.networks import AttentionDecoder, TranslatorNetwork, build_encoder
from rnnkit.packed import Layout, Packed
from rnnkit.tasks.alignment import Alignment, alignment_of
from rnnkit.tasks.base import Encoded
from rnnkit.tasks.inputs import read_texts
from rnnkit.tasks.sampling import OwnTokens
from rnnkit.tasks.scoring import score_translations
from rnnkit.tasks.sentences import (
    load_vectorizer,
    source_vectorizer,
    split_words,
    target_vectorizer,
)
from rnnkit.tasks.speaking import SpeakingEstimator, one_sentence, teacher_forced
from rnnkit.tasks.spelling import Sentences, Sequences, Source, source_embedding
from rnnkit.tasks.subjects import step_labels
from rnnkit.vectorize import TextVectorizer, WordVectorizer

__all__ = ["Translation", "Translator"]


# The feed-forward contrast sees this many steps to either side of the source, or back.
WINDOW = 3


class Translation(NamedTuple):
    """One translation. probability: of the whole text; score: log-probability divided by length to
    the power of `length_penalty`, by which translations of different lengths are ranked."""

    text: str
    probability: float
    log_prob: float
    score: float


class TranslatorBatch(NamedTuple):
    """source: what the encoder reads; inputs: packed (M,) target ids from the boundary on;
    targets: (M,) the ids that follow."""

    source: Source
    inputs: Packed | None
    targets: Tensor | None


class Translator(SpeakingEstimator):
    """Translate texts: a bidirectional encoder, attention, and a decoder that feeds on itself.

    p(y_1..y_U | x) = prod_u softmax(E a_u + b), a_u the attentional vector of `AttentionDecoder`.
    Sources: Bahdanau, Cho & Bengio 2015; Luong, Pham & Manning 2015.

    Parameters
    ----------
    cell : "lstm", "gru", "rnn" (tanh), "rnn-relu", or "none" for the feed-forward contrast
        (windows of fixed length with attention).
    source_level : "char", "jamo", "subword", or "word" (each word, number and punctuation mark,
        with the characters that it is spelled with).
    target_level : "char", "jamo", "subword", or "word" (split at white space).
    subwords : size of a side's vocabulary of subwords; see `rnnkit.vectorize.SubwordVectorizer`.
    source_words, source_ngrams, buckets : for source_level="char", the hashed word that each
        character belongs to, and hashed n-grams, added to its embedding.
    character_size, character_hidden_size : for source_level="word", of the network that spells.
    lower, normalize : of the source (by words, their spelling keeps its case even so); the target
        keeps its case, and is brought to NFC.
    target_num_words, min_count : vocabulary limits.
    attention : "additive" or "multiplicative". input_feeding : give the last attentional vector to
        the next step. tied : one matrix for the target's input and output embeddings.
    scheduled_sampling : the probability, rising from epoch to epoch up to this number in the last,
        that the decoder reads in training what it would say itself instead of the given token
        (Bengio et al. 2015); a step then takes about a quarter longer.
    beam_size, length_penalty : of `predict`; score = log-probability / length ** length_penalty.
    max_length : tokens of a translation at most; None follows the training pairs.
    The others are those of `SequenceClassifier`.

    Attributes
    ----------
    source_vectorizer_, target_vectorizer_, module_, history_, num_parameters_

    >>> model = Translator(hidden_size=32, embedding_size=32, max_epochs=60, lr=0.01, dropout=0.0,
    ...                    batch_size=8, validation_fraction=0, random_state=0)
    >>> model = model.fit(["one", "two", "three"] * 8, ["하나", "둘", "셋"] * 8)
    >>> model.predict(["two", "one"])
    ['둘', '하나']
    """

    kind_ = "text"
    module_: TranslatorNetwork

    def __init__(
        self,
        *,
        cell: str = "lstm",
        source_level: str = "char",
        target_level: str = "char",
        subwords: int = 8000,
        character_size: int = 32,
        character_hidden_size: int = 64,
        source_words: bool = True,
        source_ngrams: int = 3,
        buckets: int = 2**15,
        lower: bool = False,
        normalize: str | None = "NFC",
        target_num_words: int | None = None,
        min_count: int = 1,
        embedding_size: int = 128,
        hidden_size: int = 192,
        num_layers: int = 1,
        attention: str = "multiplicative",
        input_feeding: bool = True,
        tied: bool = True,
        dropout: float = 0.3,
        recurrent_dropout: float = 0.0,
        rare_dropout: float = 0.1,
        scheduled_sampling: float = 0.0,
        init: str = "orthogonal",
        forget_bias: float = 1.0,
        optimizer: str = "adamw",
        lr: float = 2e-3,
        weight_decay: float = 0.01,
        schedule: str = "one-cycle",
        warmup: float = 0.0,
        bptt: Policy | str | None = None,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        batch_size: int = 64,
        max_epochs: int = 20,
        patience: int | None = None,
        monitor: str = "loss",
        validation_fraction: float = 0.05,
        label_smoothing: float = 0.1,
        beam_size: int = 5,
        length_penalty: float = 1.0,
        max_length: int | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: int = 0,
    ) -> None:
        self.cell = cell
        self.source_level = source_level
        self.target_level = target_level
        self.subwords = subwords
        self.character_size = character_size
        self.character_hidden_size = character_hidden_size
        self.source_words = source_words
        self.source_ngrams = source_ngrams
        self.buckets = buckets
        self.lower = lower
        self.normalize = normalize
        self.target_num_words = target_num_words
        self.min_count = min_count
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.attention = attention
        self.input_feeding = input_feeding
        self.tied = tied
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.rare_dropout = rare_dropout
        self.scheduled_sampling = scheduled_sampling
        self.init = init
        self.forget_bias = forget_bias
        self.optimizer = optimizer
        self.lr = lr
        self.weight_decay = weight_decay
        self.schedule = schedule
        self.warmup = warmup
        self.bptt = bptt
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.ema_decay = ema_decay
        self.batch_size = batch_size
        self.max_epochs = max_epochs
        self.patience = patience
        self.monitor = monitor
        self.validation_fraction = validation_fraction
        self.label_smoothing = label_smoothing
        self.beam_size = beam_size
        self.length_penalty = length_penalty
        self.max_length = max_length
        self.random_state = random_state
        self.verbose = verbose

    def predict(self, X: Any) -> list[str]:
        """The best translation of each text."""
        return [best[0].text for best in self.translate(X)]

    def translate(
        self, X: Any, *, n_best: int = 1, beam_size: int | None = None
    ) -> list[list[Translation]]:
        """The `n_best` translations of each text by beam search, best first.

        beam_size: None takes the estimator's; 1 is greedy.
        """
        found = self._found(X, n_best, beam_size)
        return [[Translation(*one) for one in several] for several in found]

    def sample(
        self,
        X: Any,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | None = None,
    ) -> list[Translation]:
        """A random translation of each text, drawn token by token from the softmax.

        random_state: a seed; None draws others each time.
        """
        drawn = self._drawn(X, temperature, top_k, top_p, random_state)
        return [Translation(*one) for one in drawn]

    def consensus(
        self,
        X: Any,
        *,
        draws: int = 32,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | None = 0,
    ) -> list[Translation]:
        """Of so many random translations of each text, the one that is most like the others.

        The translation of least expected loss (minimum Bayes risk); that of `predict` is about
        the most probable one; better by chrF where many are possible. It takes `draws` times as
        long as a draw. See `rnnkit.tasks.agreement.most_agreed`.
        random_state: a seed; None draws others each time.
        """
        found = self._agreed(X, draws, temperature, top_k, top_p, random_state)
        return [Translation(*one) for one in found]

    def align(self, X: Any, y: Any = None) -> list[Alignment]:
        """Where the decoder looks in each text while it says its translation, or y where given.

        Each `Alignment` has the S steps of the source, the U tokens of the translation as its
        vectorizer cuts it, and weights (U, S) whose rows sum to 1.
        """
        sources = self._sources(X)
        targets = self.predict(sources) if y is None else self._read(sources, y, fitted=True)[1]

        def answer(batch: TranslatorBatch) -> list[Tensor]:
            if batch.inputs is None:
                raise InputError("a batch without targets has no alignment.")
            weights = self.module_.align(*batch.source, inputs=batch.inputs)
            return batch.inputs.with_data(weights.double()).to_sequences()

        found = self._in_batches(self._encode(sources, targets), answer)
        tokens = map(self.target_vectorizer_.tokens, self._target_ids(targets))
        return list(map(alignment_of, map(self._step_labels, sources), tokens, found))

    def score(self, X: Any, y: Any) -> float:
        """chrF of the translations against y, from 0 to 1 (sacreBLEU's, over the whole corpus).

        Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation".
        """
        references = [one_sentence(one) for one in read_texts(y, "y")]
        return score_translations(self.predict(X), references).chrf / 100.0

    # -- how it is made -------------------------------------------------------------------------

    def _sources(self, X: Any) -> list[Any]:
        check_is_fitted(self, "module_")
        return read_texts(X, "X")

    def _read(
        self,
        X: Any,
        y: Any,
        *,
        fitted: bool,  # noqa: ARG002 - there is one kind only
    ) -> tuple[list[Any], list[Any]]:
        if y is None:
            raise InputError(
                "Translator requires y to be passed, but the target y is None: one translation "
                "for each text of X."
            )
        sources, targets = read_texts(X, "X"), read_texts(y, "y")
        check_consistent_length(sources, targets)
        return sources, targets

    def _check_options(self) -> None:
        super()._check_options()
        if not 0.0 <= self.scheduled_sampling <= 1.0:
            raise OptionError(
                f"scheduled_sampling={self.scheduled_sampling}, but a probability lies in [0, 1]."
            )

    def _make_trainer(self, callbacks: list[Callback], *, watched: bool) -> Trainer:
        if self.scheduled_sampling > 0.0:
            callbacks = [OwnTokens(self.scheduled_sampling), *callbacks]
        return super()._make_trainer(callbacks, watched=watched)

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:
        words = self._words(X)
        self.source_vectorizer_ = source_vectorizer(
            self.source_level,
            subwords=self.subwords,
            lower=self.lower,
            normalize=self.normalize,
            min_count=self.min_count,
            ngrams=self.source_ngrams,
            words=self.source_words,
            buckets=self.buckets,
        ).fit(words)
        self.target_vectorizer_ = target_vectorizer(
            self.target_level,
            subwords=self.subwords,
            num_words=self.target_num_words,
            min_count=self.min_count,
        ).fit(y)
        sources = self.source_vectorizer_.transform(words)
        lengths = [
            (len(source), len(target))
            for source, target in zip(sources, self._target_ids(y), strict=True)
        ]
        longest = max(target for _, target in lengths)
        # Of very short sources the ratio says little.
        ratios = [target / source for source, target in lengths if source >= 5 or target <= 5]
        self.length_limit_ = [min(max(ratios, default=4.0), 4.0), float(longest)]

    def _build(self) -> TranslatorNetwork:
        embedding = source_embedding(
            self.source_vectorizer_,
            self.embedding_size,
            rare_dropout=self.rare_dropout,
            character_size=self.character_size,
            character_hidden_size=self.character_hidden_size,
            cell=self.cell,
            dropout=self.dropout,
        )
        encoder = build_encoder(
            self.cell,
            embedding.embedding_size,
            self.hidden_size,
            num_layers=self.num_layers,
            bidirectional=True,
            dropout=self.dropout,
            recurrent_dropout=self.recurrent_dropout,
            window=WINDOW,
        )
        decoder = AttentionDecoder(
            self.target_vectorizer_.sizes[0],
            self.embedding_size,
            self.hidden_size,
            encoder.output_size,
            cell=self.cell,
            num_layers=self.num_layers,
            attention=self.attention,
            input_feeding=self.input_feeding,
            tied=self.tied,
            dropout=self.dropout,
            window=WINDOW,
            scheduled_sampling=self.scheduled_sampling,
        )
        return TranslatorNetwork(embedding, encoder, decoder)

    def _words(self, X: Sequence[Any]) -> list[Any]:
        """Strings as words, numbers and punctuation marks where the source is read by words."""
        return split_words(X, self.normalize) if self.source_level == "word" else list(X)

    def _sequences_of(self, X: list[Any]) -> Sequences:
        words = self._words(X)
        if isinstance(self.source_vectorizer_, WordVectorizer):
            return Sentences(self.source_vectorizer_, words)
        return Sequences(self.source_vectorizer_.transform(words))

    def _encode(self, X: list[Any], y: Any | None) -> Encoded:
        sources = self._sequences_of(X)
        targets = None if y is None else self._target_ids(y)

        def collate(indices: np.ndarray) -> TranslatorBatch:
            source = sources.batch(indices)
            if targets is None:
                return TranslatorBatch(source, None, None)
            return TranslatorBatch(source, *teacher_forced([targets[i] for i in indices]))

        # Sorted by source, then by target: both sides of a batch are of like length.
        lengths = np.array([len(row) for row in sources.rows], dtype=np.float64)
        if targets is not None:
            lengths += np.array([len(row) for row in targets]) / 1e6
        return Encoded(lengths, collate)

    def _logits(self, module: nn.Module, batch: Any) -> tuple[Tensor, Tensor, int]:
        logits = module(*batch.source, inputs=batch.inputs)
        return logits, batch.targets, batch.source.x.layout.num_rows + len(batch.targets)

    def _inputs(self, X: Any) -> list[Any]:
        return self._sources(X)

    def _look(self, batch: Any) -> Any:
        return self.module_.encode(*batch.source)

    def _layout(self, batch: Any) -> Layout:
        layout: Layout = batch.inputs.layout
        return layout

    def _step_labels(self, sequence: Any) -> list[str]:
        (words,) = self._words([sequence])
        if isinstance(self.source_vectorizer_, WordVectorizer):
            return list(words)
        return step_labels(self.source_vectorizer_, words)

    def _search(self, batch: TranslatorBatch) -> dict[str, Any]:
        """What every search needs: the state, where it begins and ends, and how far it goes."""
        layout = batch.source.x.layout
        lengths = layout.lengths[layout.inverse]
        ratio, longest = self.length_limit_
        limit = (lengths * ratio + 10).clamp(max=longest + 10).long()
        return self._searching(*self.module_.encode(*batch.source), limit.numpy())

    def _get_state(self) -> dict[str, Any]:
        return {
            "source": self.source_vectorizer_.get_config(),
            "target": self.target_vectorizer_.get_config(),
            "length_limit": self.length_limit_,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self.source_vectorizer_ = load_vectorizer(
            self.source_level, state["source"], words=WordVectorizer
        )
        self.target_vectorizer_ = load_vectorizer(
            self.target_level, state["target"], words=TextVectorizer
        )
        self.length_limit_ = state["length_limit"]
