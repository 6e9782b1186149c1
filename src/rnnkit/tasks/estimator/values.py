"""What passes between an estimator and its network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from torch import Tensor, nn

from rnnkit.codecs import AnyExamples
from rnnkit.errors import InputError
from rnnkit.packed import Layout

__all__ = ["Encoded", "Output", "Start"]

B = TypeVar("B")  # a batch


@dataclass(frozen=True)
class Encoded(Generic[B]):
    """Examples as numbers: (n,) lengths, by which they are put together, and what builds a batch of
    the chosen ones."""

    lengths: np.ndarray
    collate: Callable[[np.ndarray], B]

    def __len__(self) -> int:
        return len(self.lengths)


@dataclass(frozen=True)
class Output:
    """What a network says of a batch.

    said: (N, ...) logits or numbers. targets: (N, ...), None in prediction. tokens: how many steps
    were read. layout: whose the rows are; None: one row a sequence, in order.
    """

    said: Tensor
    targets: Tensor | None
    tokens: int
    layout: Layout | None = None

    @property
    def known(self) -> Tensor:
        """The targets. Raises InputError where there are none, as for a loss without y."""
        if self.targets is None:
            raise InputError("y is None, but a loss needs targets: one for each example of X.")
        return self.targets


class Start(Protocol):
    """What a fit begins with, in place of words and weights of its own."""

    def teach(self, codec: Any, options: Any, examples: AnyExamples) -> None:
        """Let a codec learn, in place of `Codec.learn`."""

    def begin(self, network: nn.Module, codec: Any) -> None:
        """Give a network its first weights, after its initial values."""
