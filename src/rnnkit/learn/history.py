"""What a fit records: a step, the sums of an epoch, and one record for each epoch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from rnnkit.learn.state import State

__all__ = ["History", "Record", "StepInfo", "Totals"]

Record = dict[str, float | int | None]


@dataclass(frozen=True)
class StepInfo:
    """What is known after a training step.

    epoch and step count from 1; loss is the batch's mean over `count` units; tokens are the steps
    read; grad_norm is the norm before clipping; clipped is whether `clip_value` or
    `clip_norm` changed a gradient. With several processes (`reduce`), all of it is of their
    batches together.
    """

    epoch: int
    step: int
    loss: float
    count: int
    tokens: int
    lr: float
    grad_norm: float
    clipped: bool


@dataclass
class Totals:
    """Sums over the steps of an epoch; seconds of training, without validation."""

    loss: float = 0.0
    count: int = 0
    tokens: int = 0
    steps: int = 0
    clipped: int = 0
    norm: float = 0.0
    norm_max: float = 0.0
    lr: float = 0.0
    seconds: float = 0.0

    def add(self, info: StepInfo, seconds: float) -> None:
        """Take in a step, which took so many seconds."""
        self.loss += info.loss * info.count
        self.count += info.count
        self.tokens += info.tokens
        self.steps += 1
        self.clipped += info.clipped
        self.norm += info.grad_norm
        self.norm_max = max(self.norm_max, info.grad_norm)
        self.lr = info.lr
        self.seconds += seconds

    def record(self, epoch: int) -> Record:
        """What a `History` holds of an epoch."""
        return {
            "epoch": epoch,
            "loss": self.loss / max(1, self.count),
            "lr": self.lr,
            "seconds": self.seconds,
            "steps": self.steps,
            "tokens": self.tokens,
            "tokens_per_second": self.tokens / max(self.seconds, 1e-9),
            "grad_norm_mean": self.norm / self.steps,
            "grad_norm_max": self.norm_max,
            "clipped_share": self.clipped / self.steps,
        }


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
    failure: dict[str, str | int | None] | None = None

    def values(self, name: str) -> list[float | int | None]:
        """One value of every epoch."""
        return [record[name] for record in self.epochs]

    @property
    def best(self) -> Record | None:
        """The record of the best epoch."""
        return next((r for r in self.epochs if r["epoch"] == self.best_epoch), None)

    def to_dict(self) -> State:
        """Plain dicts, lists, numbers and strings, for JSON."""
        epochs = [dict(record) for record in self.epochs]
        return {
            "epochs": epochs,
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "failure": self.failure,
        }

    @classmethod
    def from_dict(cls, data: State) -> History:
        """The history that `to_dict` has written."""
        epochs = [dict(record) for record in data["epochs"]]
        # Files of earlier versions know of no failure.
        return cls(epochs, data["best_epoch"], data["stopped"], data.get("failure"))


def plain_metrics(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Metrics as Python floats, None where not finite."""
    values = {name: float(value) for name, value in metrics.items()}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
