"""What all estimators share."""

from rnnkit.tasks.estimator.base import AnyEstimator, SequenceEstimator, known_estimators
from rnnkit.tasks.estimator.objectives import CrossEntropy, Objective, SquaredError
from rnnkit.tasks.estimator.values import Encoded, Output, Start

__all__ = [
    "AnyEstimator",
    "CrossEntropy",
    "Encoded",
    "Objective",
    "Output",
    "SequenceEstimator",
    "SquaredError",
    "Start",
    "known_estimators",
]
