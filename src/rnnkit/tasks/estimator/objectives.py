"""What training minimizes, and what is told of held-out examples."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn import functional as F

from rnnkit.codecs.labels import NO_LABEL

__all__ = ["CrossEntropy", "Objective", "SquaredError"]


class Objective(ABC):
    """A loss between what a network says (N, ...) and its targets, a row each.

    monitors: what can be watched on held-out examples, with its name in the history, and whether
    "min" or "max" is better.
    """

    monitors: ClassVar[Mapping[str, tuple[str, str]]] = {"loss": ("valid_loss", "min")}

    @abstractmethod
    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The plain loss of each row, (N,); NaN for a row that has nothing to teach."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """What training goes back through, a scalar: the mean over the rows."""
        return self.each(outputs, targets).nanmean()

    def figures(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """By its name in the history, the values of each row (N,), of which the mean is told."""
        return {"valid_loss": self.each(outputs, targets)}


class CrossEntropy(Objective):
    """-log softmax(logits)[target]; told with the share of rows whose best class is right.

    weight: (K,) of each class, in training. label_smoothing: the share of a target that is spread
    over all classes, in training (Szegedy et al. 2016, section 7).
    """

    monitors = {"loss": ("valid_loss", "min"), "accuracy": ("valid_accuracy", "max")}

    def __init__(self, *, weight: Tensor | None = None, label_smoothing: float = 0.0) -> None:
        self.weight, self.label_smoothing = weight, label_smoothing

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        if not (targets != NO_LABEL).any():
            return outputs.sum() * 0.0
        return F.cross_entropy(
            outputs,
            targets,
            weight=self.weight,
            ignore_index=NO_LABEL,
            label_smoothing=self.label_smoothing,
        )

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """NaN for a row without a label."""
        losses = F.cross_entropy(outputs, targets, ignore_index=NO_LABEL, reduction="none")
        return torch.where(targets == NO_LABEL, torch.nan, losses)

    def figures(self, outputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
        right = (outputs.argmax(dim=-1) == targets).double()
        told = torch.where(targets == NO_LABEL, torch.nan, right)
        return {**super().figures(outputs, targets), "valid_accuracy": told}


class SquaredError(Objective):
    """(output - target)^2, the mean over the numbers that are there: a NaN has nothing to teach."""

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        known = ~targets.isnan()
        squares = torch.where(known, outputs - targets, 0.0).square()
        return squares.sum() / known.sum().clamp(min=1)

    def each(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """NaN for a row without a target."""
        return (outputs - targets).square().flatten(1).nanmean(dim=1)
