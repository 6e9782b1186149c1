"""What several classifiers say together, each with a seed, or a way of reading, of its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from rnnkit import SequenceClassifier


def mean_chances(models: Sequence[SequenceClassifier], X: Any) -> np.ndarray:
    """(N, K) the mean of what the models give for p(class | sequence)."""
    return np.mean([model.predict_proba(X) for model in models], axis=0)


def said_together(models: Sequence[SequenceClassifier], X: Any) -> np.ndarray:
    """(N,) the classes that are most probable by that mean."""
    said: np.ndarray = models[0].classes_[mean_chances(models, X).argmax(axis=1)]
    return said
