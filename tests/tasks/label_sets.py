import numpy as np
import torch
from torch.nn import functional as F

from rnnkit.codecs import Examples, Labels, SequenceCodec, required
from rnnkit.options import SequenceOptions, Share, option, options
from rnnkit.tasks import Objective, Output, SequenceEstimator, StepBatch, encoded_steps, whole_plan


@options
class LabelSetOptions(SequenceOptions):
    threshold: float = option(0.5, "probability from which on a label is given", Share())


class LabelSetCodec(SequenceCodec):
    @classmethod
    def begin(cls, options, X, y, *, classes=None):
        required(y, "LabelSets", "a list of labels for each sequence")
        codec, sequences = cls.of(options, X)
        codec.labels = Labels.seen([label for some in y for label in some], classes)
        return codec, Examples(sequences, list(y))

    def read(self, X, y=None):
        return Examples(self.sequences(X), None if y is None else list(y))

    def encode_targets(self, targets):
        rows = np.zeros((len(targets), len(self.labels)), np.float32)
        for row, some in zip(rows, targets, strict=True):
            row[self.labels.encode(some)] = 1
        return rows

    def to_json(self):
        return {**super().to_json(), **self.labels.to_json()}

    @classmethod
    def from_json(cls, data, given):
        codec = super().from_json(data, given)
        codec.labels = Labels.from_json(data)
        return codec


class EachLabel(Objective):
    def each(self, outputs, targets):
        return F.binary_cross_entropy_with_logits(outputs, targets, reduction="none").mean(dim=1)


class LabelSets(SequenceEstimator[LabelSetCodec, StepBatch], LabelSetOptions):
    """Any number of labels for each sequence: p(k | x) = sigmoid(w_k pool(h_1..h_T) + b_k)."""

    def predict(self, X):
        given = self.predict_proba(X) >= self.threshold
        return [self.codec_.labels.classes[row].tolist() for row in given]

    def predict_proba(self, X):
        def answer(batch):
            return list(torch.sigmoid(self.module_(*batch.source)))

        return torch.stack(self._answers(self._inputs(X), answer)).numpy()

    def score(self, X, y):
        given = self.predict_proba(X) >= self.threshold
        return float((given == self.codec_.encode_targets(y)).mean())

    def _codec_type(self):
        return LabelSetCodec

    def _plan(self, codec):
        return whole_plan(self, codec, len(codec.labels), bidirectional=True)

    def _objective(self, codec):
        return EachLabel()

    def _encode(self, codec, examples):
        targets = None if examples.targets is None else codec.encode_targets(examples.targets)
        return encoded_steps(codec.encode(examples.inputs), targets, each_step=False)

    def _forward(self, network, batch):
        return Output(network(*batch.source), batch.targets, batch.source.x.layout.num_rows)
