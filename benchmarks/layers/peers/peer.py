"""What every peer is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from benchmarks.layers.problem import Arrays


class Peer(ABC):
    """One way to compute a problem; its arrays are made by the constructor, not by the calls."""

    name: str
    tasks: tuple[str, ...] = ("inference", "training")
    tolerance = 1e-4  # float32, another order of sums

    @abstractmethod
    def call(self, task: str) -> Callable[[], Any]:
        """The function to be timed: it returns when its results are there."""

    @abstractmethod
    def read(self, task: str, results: Any) -> Arrays:
        """What the function returned, under torch's names and in torch's shapes."""

    def within(self, task: str) -> AbstractContextManager[Any]:  # noqa: ARG002
        """What stands around a block of calls."""
        return nullcontext()
