"""What the estimators share that label every step: emissions, paths, scores."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted
from torch import Tensor, nn

from rnnkit.codecs import AnyExamples, FrameCodec, TaggerCodec
from rnnkit.decode import viterbi
from rnnkit.errors import InputError, OptionError
from rnnkit.learn import SizedBatches
from rnnkit.networks import TaggerNetwork
from rnnkit.options.networks import Bidirectional, Path
from rnnkit.options.training import ClassWeights, LabelSmoothing, Windows
from rnnkit.packed import Packed
from rnnkit.tasks.batches import StepBatch, encoded_steps, in_windows, outputs_of
from rnnkit.tasks.estimator import CrossEntropy, Encoded, Output, SequenceEstimator

__all__ = ["StepTagger"]

S = TypeVar("S", TaggerCodec, FrameCodec)


class StepTagger(
    ClassWeights,
    LabelSmoothing,
    Windows,
    Path,
    Bidirectional,
    SequenceEstimator[S, StepBatch],
    Generic[S],
):
    """Base of estimators that give every step of a sequence a label, or the path of labels its
    probability; a step whose label is None is read, but nothing is learnt from it.
    """

    module_: TaggerNetwork

    # -- answers --------------------------------------------------------------------------------

    def predict(self, X: object) -> list[list[Any]]:
        """The most probable label of each step, a list for each sequence; none for padding.

        With `crf`, the most probable path of labels (Viterbi).
        """
        return self._labels(self._inputs(X))

    def predict_proba(self, X: object) -> list[np.ndarray]:
        """p(label | sequence) of each step, (T, K) for each sequence; rows sum to 1.

        With `crf`, over all paths of labels (forward-backward), so that the best label of a step
        need not be that of the best path.
        """
        inputs = self._inputs(X)
        nothing = np.empty((0, len(self.classes_)))
        return self._of_steps(inputs, self._probabilities, nothing)

    def score(self, X: object, y: object) -> float:
        """Share of steps with the right label, without padding and steps whose label is None."""
        check_is_fitted(self, "module_")
        examples = self._pairs(self.codec_, X, y)
        pairs = [
            pair
            for guesses, row in zip(self._labels(examples), examples.known, strict=True)
            for pair in zip(guesses, row, strict=True)
            if pair[1] is not None
        ]
        if not pairs:
            raise InputError("there is no step to score: no sequence has one with a label.")
        return sum(bool(guess == label) for guess, label in pairs) / len(pairs)

    def _labels(self, examples: AnyExamples) -> list[list[Any]]:
        answers = self._of_steps(examples, self._path, np.empty(0, dtype=np.int64))
        return [self.classes_[labels].tolist() for labels in answers]

    def _of_steps(
        self, examples: AnyExamples, of: Callable[[Packed], Tensor], nothing: np.ndarray
    ) -> list[np.ndarray]:
        """What `of` makes of the emissions (N, K), sequence by sequence."""
        # An empty sentence has no step to label, and no network needs to run for it.
        filled = [i for i, sequence in enumerate(examples.inputs) if len(sequence)]
        results = [nothing for _ in examples.inputs]

        def answer(batch: StepBatch) -> list[Tensor]:
            emissions = self._emissions(self.module_, batch)
            return emissions.with_data(of(emissions)).to_sequences()

        if filled:
            inputs = AnyExamples([examples.inputs[i] for i in filled])
            for i, rows in zip(filled, self._answers(inputs, answer), strict=True):
                results[i] = rows.numpy()
        return results

    def _emissions(self, network: nn.Module, batch: StepBatch) -> Packed:
        """(N, K) what the network says of each step alone, in float64."""
        return batch.source.x.with_data(network(*batch.source).double())

    def _path(self, emissions: Packed) -> Tensor:
        """(N,) the best label of each step."""
        crf = self.module_.crf
        if crf is None:
            return emissions.data.argmax(dim=-1)
        chain = (part.detach().numpy() for part in (crf.transitions, crf.start, crf.end))
        sizes = np.asarray(emissions.layout.batch_sizes)
        return torch.from_numpy(viterbi(emissions.data.numpy(), sizes, *chain))

    def _probabilities(self, emissions: Packed) -> Tensor:
        """(N, K) the probability of each label at each step."""
        crf = self.module_.crf
        if crf is None:
            return torch.softmax(emissions.data, dim=-1)
        return crf.marginals(emissions)

    @property
    def classes_(self) -> np.ndarray:
        """(K,) the labels, sorted."""
        return self._learnt.labels.classes

    @property
    def class_weight_(self) -> list[float] | None:
        """The weight of each class in training; None where all count alike."""
        return self._learnt.labels.weights

    @property
    def vectorizer_(self) -> Any:
        """What makes numbers of sequences."""
        return self._learnt.vectorizer

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.estimator_type = None
        tags.target_tags.required = True
        tags.target_tags.two_d_labels = True
        return tags

    # -- how it is made -------------------------------------------------------------------------

    def _check_options(self) -> None:
        super()._check_options()
        if self.crf and self.label_smoothing:
            raise OptionError(
                f"label_smoothing={self.label_smoothing} spreads the target of a step over all "
                f"labels, but crf=True learns whole paths: use label_smoothing=0 or crf=False."
            )
        if self.crf and self.class_weight is not None:
            raise OptionError(
                f"class_weight={self.class_weight!r} weighs single steps, but crf=True learns "
                f"whole paths: use class_weight=None or crf=False."
            )
        if self.update_every is not None and (self.bidirectional or self.crf):
            raise OptionError(
                f"update_every={self.update_every} trains on one window after the other, which "
                f"needs bidirectional=False and crf=False (they are {self.bidirectional} and "
                f"{self.crf})."
            )

    def _encode(self, codec: S, examples: AnyExamples) -> Encoded[StepBatch]:
        targets = None if examples.targets is None else codec.encode_targets(examples.targets)
        return encoded_steps(codec.encode(examples.inputs), targets, each_step=True)

    def _batches(self, data: Encoded[StepBatch], seed: int, epoch: int) -> SizedBatches:
        return in_windows(self._shuffled(data, seed, epoch), data.lengths, self.update_every)

    def _forward(self, network: nn.Module, batch: StepBatch) -> Output:
        logits = self._after_labels(network, outputs_of(network, batch), batch)
        return Output(logits, batch.targets, len(logits), batch.source.x.layout)

    def _after_labels(self, network: nn.Module, emissions: Tensor, batch: StepBatch) -> Tensor:
        """(N, K) logits of each step's label, with `crf` after the labels that are before it.

        Either way their cross-entropy is -log p(labels | sequence), a mean over the steps.
        """
        crf: nn.Module | None = network.crf  # type: ignore[assignment]
        if crf is None or batch.targets is None:
            return emissions
        logits: Tensor = crf(batch.source.x.with_data(emissions), batch.targets)
        return logits

    def _figures(self, codec: S, network: nn.Module, batch: StepBatch) -> dict[str, Tensor]:
        emissions = self._emissions(network, batch)
        logits = self._after_labels(network, emissions.data, batch)
        assert batch.targets is not None
        figures = self._objective(codec).figures(logits, batch.targets)
        right = self._path(emissions) == batch.targets  # which no label was given for
        known = figures["valid_loss"].isfinite()
        return {**figures, "valid_accuracy": torch.where(known, right.double(), torch.nan)}

    def _objective(self, codec: S) -> CrossEntropy:
        weights = codec.labels.weights
        return CrossEntropy(
            weight=None if weights is None else torch.tensor(weights),
            label_smoothing=self.label_smoothing,
        )
