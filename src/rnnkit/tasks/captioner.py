"""One to many: an image to a sentence about it."""

from __future__ import annotations

import numpy as np
import torch
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from rnnkit.codecs import AnyExamples, CaptionerCodec, Examples
from rnnkit.codecs.images import has_features
from rnnkit.data.inputs import read_captions_of
from rnnkit.diagnose import Subject
from rnnkit.errors import OptionError
from rnnkit.metrics import score_captions
from rnnkit.networks import CaptionerNetwork, DecoderState, Memory
from rnnkit.options import CaptionerOptions
from rnnkit.packed import Packed
from rnnkit.plans import CaptionerPlan, num_places
from rnnkit.tasks import planning
from rnnkit.tasks.batches import CaptionBatch, images_of, teacher_forced
from rnnkit.tasks.estimator import Encoded, Output
from rnnkit.tasks.sentences import (
    Alignment,
    Sentence,
    SentenceEstimator,
    alignment_of,
    forced_of,
    places_of,
)
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer

__all__ = ["Caption", "Captioner"]

Caption = Sentence
"""One caption."""


class Captioner(SentenceEstimator[CaptionerCodec, CaptionBatch], CaptionerOptions):
    """Describe images: a convolutional encoder, attention over its grid, a recurrent decoder.

    p(y_1..y_U | image) = prod_u softmax(E a_u + b), a_u the attentional vector of
    `AttentionDecoder`, whose memory are the features of the image's places, and whose first state
    is made of a summary of them. Sources: Vinyals et al. 2015, "Show and Tell"; Xu et al. 2015,
    "Show, Attend and Tell" (soft attention).

    X: image files, arrays (H, W) or (H, W, C), tensors (C, H, W), pillow images, or what
    `rnnkit.data.read_images` gives; files need the `image` extra. With encoder="none" features,
    (M,) of an image or (S, M) of its places. y: a caption for each image, or a list of captions,
    each of which is learnt; the image is read once for all of them. A batch is of images.

    encoder: of a torch module a copy is trained (parameters without `requires_grad` stay). A file
    keeps its weights, but not the module: `load(path, encoder=...)` with the same one.

    Attributes
    ----------
    vectorizer_, target_vectorizer_, module_, history_, num_parameters_; codec_ and plan_

    >>> night, day = np.zeros((8, 8), np.uint8), np.full((8, 8), 255, np.uint8)
    >>> model = Captioner(image_size=8, channels=1, encoder_size=16, hidden_size=16, batch_size=4,
    ...                   embedding_size=16, max_epochs=20, lr=0.02, dropout=0.0,
    ...                   validation_fraction=0, random_state=0)
    >>> model = model.fit([night, day] * 8, ["a dark night", "밝은 낮"] * 8)
    >>> model.predict([day, night])
    ['밝은 낮', 'a dark night']
    """

    module_: CaptionerNetwork

    def caption(
        self, X: object, *, n_best: int = 1, beam_size: int | None = None
    ) -> list[list[Caption]]:
        """The `n_best` captions of each image by beam search, best first.

        beam_size: None takes the estimator's; 1 is greedy.
        """
        return self._found(self._inputs(X), n_best, beam_size)

    def attention_of(self, X: object) -> list[Alignment]:
        """Where the decoder looks in each image at each token of the predicted caption."""
        inputs = self._inputs(X)
        texts = self._texts(inputs)
        looks = self._answers(self._with_texts(inputs, texts), self._looks)
        return [
            alignment_of(text, places_of(grid), self.codec_.tokens(text), weights, grid)
            for text, (weights, grid) in zip(texts, looks, strict=True)
        ]

    def score(self, X: object, y: object) -> float:
        """chrF of the best captions against y, from 0 to 1 (sacreBLEU's, over the whole corpus).

        y: the references, one or several an image, of which the nearest counts; with `lower`,
        their case does not.
        Source: Popovic 2015, "chrF: character n-gram F-score for automatic MT evaluation".
        """
        references = read_captions_of(y, "y")
        if self.lower:
            references = [[text.lower() for text in texts] for texts in references]
        return score_captions(self.predict(X), references).chrf / 100.0

    def subject(self, X: object, y: object = None) -> Subject:
        """The fitted network on these examples, for `rnnkit.diagnose`.

        The steps are a caption's tokens; without y, those of the predicted ones.
        """
        check_is_fitted(self, "module_")
        return super().subject(X, self.predict(X) if y is None else y)

    @property
    def vectorizer_(self) -> ImageVectorizer | SeriesVectorizer:
        """What brings images to one size, or features to one scale."""
        return self._learnt.vectorizer

    # -- how it is made -------------------------------------------------------------------------

    def _check_options(self) -> None:
        super()._check_options()
        planning.check_images(self)
        if self.summary == "places" and has_features(self):
            raise OptionError(
                "summary='places' takes the same number of places in every image, but with "
                "encoder='none' features of any number come: leave it at 'mean'."
            )

    def _codec_type(self) -> type[CaptionerCodec]:
        return CaptionerCodec

    def _plan(self, codec: CaptionerCodec) -> CaptionerPlan:
        if isinstance(codec.vectorizer, SeriesVectorizer):
            encoder, memory_size = None, codec.vectorizer.num_features
        else:
            encoder = planning.image_encoder(self)
            memory_size = encoder.output_size
        places = num_places(encoder) if encoder and self.summary == "places" else 1
        return CaptionerPlan(
            encoder,
            self._decoder_plan(codec, memory_size, summary_size=memory_size * places),
            planning.augmentation(self),
            self.dropout,
            self.summary,
        )

    def _given_module(self) -> nn.Module | None:
        return self.encoder if isinstance(self.encoder, nn.Module) else None

    def _with_texts(self, inputs: AnyExamples, texts: list[str]) -> AnyExamples:
        return Examples(inputs.inputs, [[text] for text in texts])

    def _encode(self, codec: CaptionerCodec, examples: AnyExamples) -> Encoded[CaptionBatch]:
        numbers, vectorizer = codec.encode(examples.inputs), codec.vectorizer
        if examples.targets is None:
            return Encoded(
                np.ones(len(examples)),
                lambda chosen: CaptionBatch(images_of(vectorizer, numbers, chosen)),
            )
        targets = codec.encode_targets(examples.targets)

        def collate(indices: np.ndarray) -> CaptionBatch:
            chosen = [targets[i] for i in indices]
            owners = np.repeat(np.arange(len(chosen)), [len(several) for several in chosen])
            forced = teacher_forced([ids for several in chosen for ids in several])
            images = images_of(vectorizer, numbers, indices)
            return CaptionBatch(images, torch.from_numpy(owners), forced)

        lengths = [max(len(ids) for ids in several) + 1 for several in targets]
        return Encoded(np.array(lengths), collate)

    def _forward(self, network: nn.Module, batch: CaptionBatch) -> Output:
        inputs, targets = forced_of(batch)
        said = network(batch.images, rows=batch.rows, inputs=inputs)
        return Output(said, targets, len(targets), inputs.layout)

    def _looks(self, batch: CaptionBatch) -> list[tuple[Tensor, tuple[int, ...]]]:
        """Weights (U + 1, S) and grid of each image of a batch with one caption each."""
        inputs = forced_of(batch).inputs
        assert batch.rows is not None
        weights, grid = self.module_.attended(batch.images, rows=batch.rows, inputs=inputs)
        each = inputs.with_data(weights).to_sequences()
        if not isinstance(batch.images, Packed):
            return [(rows, grid) for rows in each]
        layout = batch.images.layout
        places = layout.lengths[layout.inverse].tolist()
        return [(rows, (n,)) for rows, n in zip(each, places, strict=True)]

    def _encoded(self, batch: CaptionBatch) -> tuple[Memory, DecoderState, np.ndarray]:
        memory, state = self.module_.encode(batch.images)
        return memory, state, np.full(len(memory.mask), self.codec_.longest + 1)

    def _step_labels(self, examples: AnyExamples) -> list[str]:
        return ["<start>", *self.codec_.tokens(examples.known[0][0])]
