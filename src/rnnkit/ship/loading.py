"""A model file back to the estimator that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnkit import archive, tasks
from rnnkit.errors import ArchiveError, MissingDependencyError, OptionError
from rnnkit.options import options_of
from rnnkit.tasks import AnyEstimator, SequenceEstimator
from rnnkit.tensors import from_arrays

__all__ = ["ESTIMATORS", "load"]

ESTIMATORS: dict[str, type[AnyEstimator]] = {
    name: estimator
    for name in tasks.__all__
    if isinstance(estimator := getattr(tasks, name), type)
    and issubclass(estimator, SequenceEstimator)
    and estimator is not SequenceEstimator
}


def load(path: str | Path, **given: Any) -> AnyEstimator:
    """The estimator in a model file, ready to predict.

    given: callables that the file cannot hold, such as `analyzer=`.
    Raises ArchiveError if the file is missing, cut short, altered, of another kind or newer, and
    OptionError for a name that is no option of the estimator.
    """
    header, arrays = archive.read(path)
    name = header.get("estimator")
    if name not in ESTIMATORS:
        raise ArchiveError(
            f"{path}: holds a {name!r}, which this rnnkit does not know "
            f"(known: {', '.join(ESTIMATORS)}). Upgrade rnnkit."
        )
    unknown = sorted(given.keys() - options_of(ESTIMATORS[name]).keys())
    if unknown:
        raise OptionError(f"load(path, {unknown[0]}=...): a {name} has no such option.")
    try:
        return ESTIMATORS[name].from_archive(header, from_arrays(arrays), **given)
    except (ArchiveError, MissingDependencyError):
        raise
    except Exception as error:
        # Its digest is right, so that it was written like this: by another program, or version.
        raise ArchiveError(
            f"{path}: what the file says of its {name} does not fit together "
            f"({type(error).__name__}: {error}). Train and save the model again."
        ) from error
