"""Classes by the names that model files know them by."""

from __future__ import annotations

import inspect
from typing import Generic, TypeVar

__all__ = ["Known"]

T = TypeVar("T")


class Known(Generic[T]):
    """The classes that have been defined so far: those of rnnkit, and those of imported modules."""

    def __init__(self) -> None:
        self._seen: dict[str, type[T]] = {}

    def add(self, cls: type[T]) -> None:
        """Know a class by its name; of two in a user's modules, the later one.

        Raises TypeError if the name is that of one of rnnkit's: its files would be read as the
        other's.
        """
        known = self._seen.get(cls.__name__)
        if known is not None and _is_ours(known) and not _is_ours(cls):
            raise TypeError(
                f"an estimator of rnnkit is named {cls.__name__!r}, and model files know "
                f"estimators by their names: give yours another one."
            )
        self._seen[cls.__name__] = cls

    def by_name(self) -> dict[str, type[T]]:
        """Those of which objects can be made."""
        return {name: cls for name, cls in self._seen.items() if not inspect.isabstract(cls)}


def _is_ours(cls: type) -> bool:
    return cls.__module__.partition(".")[0] == "rnnkit"
