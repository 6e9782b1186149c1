"""One to many: an image to a sentence about it."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.utils.validation import check_consistent_length, check_is_fitted
from torch import Tensor, nn

from rnnkit.bptt import Policy
from rnnkit.data import load_image
from rnnkit.diagnose import Subject
from rnnkit.errors import InputError, OptionError, check_option
from rnnkit.networks import AttentionDecoder, CaptionerNetwork, ConvEncoder, GivenEncoder
from rnnkit.packed import Layout, Packed
from rnnkit.tasks.base import Encoded
from rnnkit.tasks.encoding import SeeingEstimator
from rnnkit.tasks.pictures import (
    Features,
    Pictures,
    read_captions_of,
    read_features,
    read_pictures,
)
from rnnkit.tasks.scoring_captions import score_captions
from rnnkit.tasks.speaking import SpeakingEstimator, teacher_forced
from rnnkit.tasks.subjects import subject_of_examples
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer, TextVectorizer

__all__ = ["Attended", "Caption", "Captioner"]

SUMMARY = ("mean", "places")

# The feed-forward contrast sees this many tokens back.
WINDOW = 3


class Caption(NamedTuple):
    """One caption. probability: of the whole text; score: log-probability divided by length to the
    power of `length_penalty`, by which captions of different lengths are ranked."""

    text: str
    probability: float
    log_prob: float
    score: float


class Attended(NamedTuple):
    """Where the decoder looked. tokens: U of them, and the end as ""; weights: (U + 1, S), rows of
    sum 1; grid: (h, w) with h w = S, so that `weights[u].reshape(grid)` lies over the image, its
    first row on top; (S,) where features came."""

    text: str
    tokens: list[str]
    weights: np.ndarray
    grid: tuple[int, ...]


class CaptionBatch(NamedTuple):
    """images: (B, C, S, S), or packed features; rows: (R,) the image of each caption; inputs:
    packed (N,) target ids from the boundary on; targets: (N,) the ids that follow."""

    images: Tensor | Packed
    rows: Tensor | None
    inputs: Packed | None
    targets: Tensor | None


class Captioner(SeeingEstimator, SpeakingEstimator):
    """Describe images: a convolutional encoder, attention over its grid, a recurrent decoder.

    p(y_1..y_U | image) = prod_u softmax(E a_u + b), a_u the attentional vector of
    `AttentionDecoder`, whose memory are the features of the image's places, and whose first state
    is made of a summary of them. Sources: Vinyals et al. 2015, "Show and Tell"; Xu et al. 2015,
    "Show, Attend and Tell" (soft attention).

    X: image files, arrays (H, W) or (H, W, C), tensors (C, H, W), pillow images, or what
    `rnnkit.data.read_images` gives; files need the `image` extra. y: a caption for each image, or
    a list of captions, each of which is learnt; the image is read once for all of them.

    Parameters
    ----------
    cell : "lstm", "gru", "rnn" (tanh), "rnn-relu", or "none" for the feed-forward contrast
        (a window of the last tokens, with attention).
    encoder : "conv", trained from scratch; "none" where X holds features, (M,) of an image or
        (S, M) of its places; or a torch module from images (B, C, S, S) to features (B, M) or
        (B, M, h, w), of which a copy is trained (parameters without `requires_grad` stay). A file
        keeps its weights, but not the module: `load(path, encoder=...)` with the same one.
    encoder_size : M of "conv". image_size, channels : of what images become; 3 is RGB, 1 gray.
    summary : what the decoder starts from, the "mean" of the places' features, or "places", all of
        them side by side: for pictures that tell by where things are, such as icons.
    augment : of images in training, "shift" (by up to an eighth), "flip" (left to right),
        "shift-flip", or None.
    target_level : "word" (split at white space), "char" or "jamo". lower : of the captions.
    target_num_words, min_count : vocabulary limits.
    attention, input_feeding, tied, beam_size, length_penalty : as in `Translator`.
    max_length : tokens of a caption at most; None is the longest of training.
    batch_size : images. The others are those of `SequenceClassifier`.

    Attributes
    ----------
    vectorizer_, target_vectorizer_, module_, history_, num_parameters_

    >>> night, day = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    >>> model = Captioner(image_size=8, channels=1, encoder_size=16, hidden_size=16, batch_size=4,
    ...                   embedding_size=16, max_epochs=20, lr=0.02, dropout=0.0,
    ...                   validation_fraction=0, random_state=0)
    >>> model = model.fit([night, day] * 8, ["a dark night", "밝은 낮"] * 8)
    >>> model.predict([day, night])
    ['밝은 낮', 'a dark night']
    """

    kind_ = "images"
    module_: CaptionerNetwork

    def __init__(
        self,
        *,
        cell: str = "lstm",
        encoder: str | nn.Module = "conv",
        encoder_size: int = 256,
        image_size: int = 64,
        channels: int = 3,
        summary: str = "mean",
        augment: str | None = None,
        target_level: str = "word",
        lower: bool = False,
        target_num_words: int | None = None,
        min_count: int = 1,
        embedding_size: int = 128,
        hidden_size: int = 192,
        num_layers: int = 1,
        attention: str = "additive",
        input_feeding: bool = True,
        tied: bool = True,
        dropout: float = 0.3,
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
        batch_size: int = 32,
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
        self.encoder = encoder
        self.encoder_size = encoder_size
        self.image_size = image_size
        self.channels = channels
        self.summary = summary
        self.augment = augment
        self.target_level = target_level
        self.lower = lower
        self.target_num_words = target_num_words
        self.min_count = min_count
        self.embedding_size = embedding_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.attention = attention
        self.input_feeding = input_feeding
        self.tied = tied
        self.dropout = dropout
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
        """The best caption of each image."""
        return [best[0].text for best in self.caption(X)]

    def caption(
        self, X: Any, *, n_best: int = 1, beam_size: int | None = None
    ) -> list[list[Caption]]:
        """The `n_best` captions of each image by beam search, best first.

        beam_size: None takes the estimator's; 1 is greedy.
        """
        found = self._found(X, n_best, beam_size)
        return [[Caption(*one) for one in several] for several in found]

    def sample(
        self,
        X: Any,
        *,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | None = None,
    ) -> list[Caption]:
        """A random caption of each image, drawn token by token from the softmax.

        random_state: a seed; None draws others each time.
        """
        drawn = self._drawn(X, temperature, top_k, top_p, random_state)
        return [Caption(*one) for one in drawn]

    def consensus(
        self,
        X: Any,
        *,
        draws: int = 32,
        temperature: float = 1.0,
        top_k: int | None = None,
        top_p: float | None = None,
        random_state: int | None = 0,
    ) -> list[Caption]:
        """Of so many random captions of each image, the one that is most like the others.

        The caption of least expected loss (minimum Bayes risk), where that of `predict` is about
        the most probable one; better by chrF where many are possible. It takes `draws` times as
        long as a draw. See `rnnkit.tasks.agreement.most_agreed`.
        random_state: a seed; None draws others each time.
        """
        found = self._agreed(X, draws, temperature, top_k, top_p, random_state)
        return [Caption(*one) for one in found]

    def attention_of(self, X: Any) -> list[Attended]:
        """Where the decoder looks in each image at each token of the predicted caption."""
        check_is_fitted(self, "module_")
        images = self._inputs(X)
        texts = [best[0].text for best in self._found(images, 1, None)]
        weights = self._in_batches(self._encode(images, texts), self._looks)
        return [
            Attended(text, self._tokens(text), *one)
            for text, one in zip(texts, weights, strict=True)
        ]

    def score(self, X: Any, y: Any) -> float:
        """chrF of the best captions against y, from 0 to 1 (sacreBLEU's, over the whole corpus).

        y: the references, one or several an image, of which the nearest counts; with `lower`,
        their case does not.
        Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation".
        """
        references = read_captions_of(y, "y")
        if self.lower:
            references = [[text.lower() for text in texts] for texts in references]
        return score_captions(self.predict(X), references).chrf / 100.0

    def subject(self, X: Any, y: Any = None) -> Subject:
        """The fitted network on these examples, for `rnnkit.diagnose`.

        The steps are a caption's tokens; without y, those of the predicted ones.
        """
        check_is_fitted(self, "module_")
        images, captions = self._read(X, self.predict(X) if y is None else y, fitted=True)
        labels = ["<start>", *self._tokens(captions[0][0])[:-1]]
        return subject_of_examples(self, self._encode(images, captions), labels)

    # -- how it is made -------------------------------------------------------------------------

    def _inputs(self, X: Any) -> list[Any]:
        return read_features(X) if self._has_features else read_pictures(X)

    def _read(
        self,
        X: Any,
        y: Any,
        *,
        fitted: bool,  # noqa: ARG002 - the parameters say what X is
    ) -> tuple[list[Any], list[list[str]]]:
        if y is None:
            raise InputError(
                "Captioner requires y to be passed, but the target y is None: a caption, or a list "
                "of captions, for each image of X."
            )
        images, captions = self._inputs(X), read_captions_of(y, "y")
        check_consistent_length(images, captions)
        return images, captions

    def _check_options(self) -> None:
        super()._check_options()
        check_option("summary", self.summary, SUMMARY)
        if self.summary == "places" and self._has_features:
            raise OptionError(
                "summary='places' takes the same number of places in every image, but with "
                "encoder='none' features of any number come: leave it at 'mean'."
            )

    def _learn_vocabulary(self, X: list[Any], y: Any) -> None:
        self.vectorizer_ = self._vectorizer().fit(X)
        texts = [text for texts in y for text in texts]
        self.target_vectorizer_ = TextVectorizer(
            level=self.target_level,
            lower=self.lower,
            filters="",
            normalize="NFC",
            num_words=self.target_num_words,
            min_count=self.min_count,
        ).fit(texts)
        self.longest_ = max(map(len, self._target_ids(texts)))

    def _vectorizer(self) -> ImageVectorizer | SeriesVectorizer:
        if self._has_features:
            return SeriesVectorizer(missing="refuse")
        return self._image_vectorizer()

    def _build(self) -> CaptionerNetwork:
        encoder = None if self._has_features else self._image_encoder()
        memory_size = (
            self.vectorizer_.num_features
            if isinstance(self.vectorizer_, SeriesVectorizer)
            else encoder.output_size  # type: ignore[union-attr]
        )
        decoder = AttentionDecoder(
            self.target_vectorizer_.sizes[0],
            self.embedding_size,
            self.hidden_size,
            memory_size,
            cell=self.cell,
            num_layers=self.num_layers,
            attention=self.attention,
            input_feeding=self.input_feeding,
            tied=self.tied,
            dropout=self.dropout,
            window=WINDOW,
            summary_size=memory_size * self._num_summarized(encoder),
        )
        return CaptionerNetwork(
            encoder,
            decoder,
            augment=self._augmentation(),
            dropout=self.dropout,
            summary=self.summary,
        )

    def _num_summarized(self, encoder: ConvEncoder | GivenEncoder | None) -> int:
        """Places that the summary holds side by side."""
        return math.prod(encoder.grid) if encoder is not None and self.summary == "places" else 1

    def _encode(self, X: list[Any], y: Any | None) -> Encoded:
        rows = self.vectorizer_.transform(X)
        images: Pictures | Features = (
            Pictures(self.vectorizer_, rows)
            if isinstance(self.vectorizer_, ImageVectorizer)
            else Features(rows)
        )
        if y is None:
            return Encoded(
                np.ones(len(X)), lambda chosen: CaptionBatch(images.batch(chosen), None, None, None)
            )
        targets = [self._target_ids(texts) for texts in read_captions_of(y, "y")]

        def collate(indices: np.ndarray) -> CaptionBatch:
            chosen = [targets[i] for i in indices]
            owners = np.repeat(np.arange(len(chosen)), [len(several) for several in chosen])
            forced = teacher_forced([ids for several in chosen for ids in several])
            return CaptionBatch(images.batch(indices), torch.from_numpy(owners), *forced)

        lengths = [max(len(ids) for ids in several) + 1 for several in targets]
        return Encoded(np.array(lengths), collate)

    def _logits(self, module: nn.Module, batch: Any) -> tuple[Tensor, Tensor, int]:
        logits = module(batch.images, rows=batch.rows, inputs=batch.inputs)
        return logits, batch.targets, len(batch.targets)

    def _look(self, batch: Any) -> Any:
        return self.module_(batch.images, rows=batch.rows, inputs=batch.inputs)

    def _looks(self, batch: Any) -> list[tuple[np.ndarray, tuple[int, ...]]]:
        """Weights (U + 1, S) and grid of each image of a batch with one caption each."""
        weights, grid = self.module_.attended(batch.images, rows=batch.rows, inputs=batch.inputs)
        each = [rows.numpy() for rows in batch.inputs.with_data(weights).to_sequences()]
        if not isinstance(batch.images, Packed):
            return [(rows, grid) for rows in each]
        layout = batch.images.layout
        places = layout.lengths[layout.inverse].tolist()
        return [(rows[:, :n], (n,)) for rows, n in zip(each, places, strict=True)]

    def _search(self, batch: CaptionBatch) -> dict[str, Any]:
        memory, state = self.module_.encode(batch.images)
        return self._searching(memory, state, np.full(len(memory.mask), self.longest_ + 1))

    def _layout(self, batch: Any) -> Layout:
        layout: Layout = batch.inputs.layout
        return layout

    def _step_labels(self, sequence: Any) -> list[str]:
        (best,) = self._found([sequence], 1, None)
        return ["<start>", *self._tokens(best[0].text)[:-1]]

    def _tokens(self, text: str) -> list[str]:
        """The tokens of a caption as the vocabulary has them, and the end as ""."""
        (ids,) = self._target_ids([text])
        return [*(self.target_vectorizer_.inverse([index]) for index in ids.tolist()), ""]

    def _get_state(self) -> dict[str, Any]:
        return {
            "images": self.vectorizer_.get_config(),
            "target": self.target_vectorizer_.get_config(),
            "longest": self.longest_,
        }

    def _set_state(self, state: dict[str, Any]) -> None:
        self.vectorizer_ = (
            SeriesVectorizer.from_config(state["images"])
            if self._has_features
            else ImageVectorizer.from_config(state["images"], load=load_image)
        )
        self.target_vectorizer_ = TextVectorizer.from_config(state["target"])
        self.longest_ = state["longest"]
