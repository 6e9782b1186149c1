"""Hooks into a fit, for progress, logs and plots."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rnnkit.learn.history import History, Record

if TYPE_CHECKING:
    from rnnkit.learn.loop import Trainer

__all__ = ["Callback", "StepInfo"]


@dataclass(frozen=True)
class StepInfo:
    """What is known after a training step.

    epoch and step count from 1; loss is the batch's mean over `count` units; tokens are the steps
    read; grad_norm is the norm before clipping; clipped is whether `clip_value` or
    `clip_norm` changed a gradient.
    """

    epoch: int
    step: int
    loss: float
    count: int
    tokens: int
    lr: float
    grad_norm: float
    clipped: bool


class Callback:
    """Override the hooks you need; all of them do nothing."""

    def on_fit_begin(self, trainer: Trainer) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, trainer: Trainer, epoch: int, num_steps: int) -> None:
        """Before the first of an epoch's `num_steps` batches; epochs count from 1."""

    def on_batch_end(self, trainer: Trainer, info: StepInfo) -> None:
        """After every training step."""

    def on_epoch_end(self, trainer: Trainer, record: Record) -> None:
        """After an epoch and its validation."""

    def on_fit_end(self, trainer: Trainer, history: History) -> None:
        """After the last epoch, an interrupt or an error; the best weights are restored."""
