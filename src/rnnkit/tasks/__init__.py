"""The estimators: fit, predict, score, save; the only place where everything meets."""

import rnnkit.needs_train  # noqa: F401 - says what to install
from rnnkit.codecs import class_weights
from rnnkit.tasks.batches import StepBatch, encoded_steps
from rnnkit.tasks.captioner import Caption, Captioner
from rnnkit.tasks.classifier import SequenceClassifier
from rnnkit.tasks.estimator import (
    AnyEstimator,
    CrossEntropy,
    Encoded,
    Objective,
    Output,
    SequenceEstimator,
    SquaredError,
    known_estimators,
)
from rnnkit.tasks.frame_tagger import FrameTagger
from rnnkit.tasks.language_model import LanguageModel
from rnnkit.tasks.reader import whole_plan
from rnnkit.tasks.regressor import SequenceRegressor
from rnnkit.tasks.sentences import Alignment
from rnnkit.tasks.tagger import SequenceTagger
from rnnkit.tasks.translator import Translation, Translator

__all__ = [
    "Alignment",
    "AnyEstimator",
    "Caption",
    "Captioner",
    "CrossEntropy",
    "Encoded",
    "FrameTagger",
    "LanguageModel",
    "Objective",
    "Output",
    "SequenceClassifier",
    "SequenceEstimator",
    "SequenceRegressor",
    "SequenceTagger",
    "SquaredError",
    "StepBatch",
    "Translation",
    "Translator",
    "class_weights",
    "encoded_steps",
    "known_estimators",
    "whole_plan",
]
