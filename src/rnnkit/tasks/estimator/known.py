"""Which estimators there are, by the names that model files know them by."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnkit.tasks.estimator.base import AnyEstimator

__all__ = ["known_estimators", "remember"]

_SEEN: dict[str, type[AnyEstimator]] = {}


def remember(cls: type[AnyEstimator]) -> None:
    """Know a class by its name; of two in a user's modules, the later one.

    Raises TypeError if the name is that of one of rnnkit's: its files would be read as the other's.
    """
    known = _SEEN.get(cls.__name__)
    if known is not None and _is_ours(known) and not _is_ours(cls):
        raise TypeError(
            f"an estimator of rnnkit is named {cls.__name__!r}, and model files know estimators by "
            f"their names: give yours another one."
        )
    _SEEN[cls.__name__] = cls


def known_estimators() -> dict[str, type[AnyEstimator]]:
    """All that can be made: those of rnnkit, and those of the modules that were imported."""
    return {name: cls for name, cls in _SEEN.items() if not inspect.isabstract(cls)}


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "rnnkit"
