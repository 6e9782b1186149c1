"""What a fit has recorded, as plain values that go into a model file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["History", "Record"]

Record = dict[str, float | int | None]


@dataclass
class History:
    """One record for each finished epoch, and how the fit ended.

    epochs: dicts of epoch (from 1), loss (mean over units), lr (at its last step), seconds (of
        training, without validation), steps, tokens, tokens_per_second, grad_norm_mean and
        grad_norm_max (before clipping), clipped_share (of steps), and the metrics of validation.
        A metric that is not finite is None, which JSON can hold.
    best_epoch: whose weights were kept; None where nothing was monitored.
    stopped: "max_epochs", "patience", "interrupted" or "not finite"; None while it runs, or after
        another error.
    failure: the fields of the `NotFinite` that stopped it, or None.

    >>> history = History([{"epoch": 1, "loss": 0.5}], best_epoch=1, stopped="max_epochs")
    >>> history.values("loss")
    [0.5]
    >>> History.from_dict(history.to_dict()) == history
    True
    """

    epochs: list[Record] = field(default_factory=list)
    best_epoch: int | None = None
    stopped: str | None = None
    failure: dict[str, Any] | None = None

    def values(self, name: str) -> list[float | int | None]:
        """One value of every epoch."""
        return [record[name] for record in self.epochs]

    @property
    def best(self) -> Record | None:
        """The record of the best epoch."""
        return next((r for r in self.epochs if r["epoch"] == self.best_epoch), None)

    def to_dict(self) -> dict[str, Any]:
        """Plain dicts, lists, numbers and strings, for JSON."""
        epochs = [dict(record) for record in self.epochs]
        return {
            "epochs": epochs,
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "failure": self.failure,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> History:
        """The history that `to_dict` has written."""
        epochs = [dict(record) for record in data["epochs"]]
        # Files of earlier versions know of no failure.
        return cls(epochs, data["best_epoch"], data["stopped"], data.get("failure"))


def plain_metrics(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics as Python floats, None where not finite."""
    values = {name: float(value) for name, value in metrics.items()}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
