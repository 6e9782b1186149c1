"""A model file back to the estimator that wrote it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rnnkit import archive
from rnnkit.errors import ArchiveError, MissingDependencyError, OptionError
from rnnkit.options import options_of
from rnnkit.tasks import AnyEstimator, known_estimators
from rnnkit.tensors import from_arrays

__all__ = ["load"]


def load(path: str | Path, **given: Any) -> AnyEstimator:
    """The estimator in a model file, ready to predict.

    One that is not of rnnkit is known as soon as the module that defines it is imported.
    given: callables that the file cannot hold, such as `analyzer=`.
    Raises ArchiveError if the file is missing, cut short, altered, of another kind or newer, and
    OptionError for a name that is no option of the estimator.
    """
    header, arrays = archive.read(path)
    name, known = header.get("estimator"), known_estimators()
    if not isinstance(name, str) or name not in known:
        raise ArchiveError(
            f"{path}: holds a {name!r}, which this rnnkit does not know "
            f"(known: {', '.join(known)}). Upgrade rnnkit, or import the module that defines it, "
            f"if it is of your own."
        )
    unknown = sorted(given.keys() - options_of(known[name]).keys())
    if unknown:
        raise OptionError(f"load(path, {unknown[0]}=...): a {name} has no such option.")
    try:
        return known[name].from_archive(header, from_arrays(arrays), **given)
    except (ArchiveError, MissingDependencyError):
        raise
    except OptionError as error:  # such as another encoder than that of the fit
        raise ArchiveError(f"{path}: the model cannot be built again: {error}") from None
    except Exception as error:
        # Its digest is right, so that it was written like this: by another program, or version.
        raise ArchiveError(
            f"{path}: what the file says of its {name} does not fit together "
            f"({type(error).__name__}: {error}). Train and save the model again."
        ) from error
