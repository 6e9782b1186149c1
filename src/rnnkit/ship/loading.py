"""A model file back to the estimator that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnkit import archive
from rnnkit.errors import ArchiveError
from rnnkit.tasks import (
    Captioner,
    SequenceClassifier,
    SequenceEstimator,
    SequenceRegressor,
    SequenceTagger,
    Translator,
)

__all__ = ["ESTIMATORS", "load"]

ESTIMATORS: dict[str, type[SequenceEstimator]] = {
    estimator.__name__: estimator
    for estimator in (
        Captioner,
        SequenceClassifier,
        SequenceRegressor,
        SequenceTagger,
        Translator,
    )
}


def load(path: str | Path, **given: Any) -> SequenceEstimator:
    """The estimator in a model file, ready to predict.

    given: callables that the file cannot hold, such as `analyzer=`.
    Raises ArchiveError if the file is missing, cut short, altered, of another kind or newer.
    """
    header, tensors = archive.read(path)
    name = header.get("estimator")
    if name not in ESTIMATORS:
        raise ArchiveError(
            f"{path}: holds a {name!r}, which this rnnkit does not know "
            f"(known: {', '.join(ESTIMATORS)}). Upgrade rnnkit."
        )
    return ESTIMATORS[name].from_archive(header, tensors, **given)
