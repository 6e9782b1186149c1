"""Hooks into a fit, for progress, logs and plots."""

from __future__ import annotations

from rnnkit.learn.history import History, Record, StepInfo
from rnnkit.learn.running import Fit

__all__ = ["Callback"]


class Callback:
    """Override the hooks you need; all of them do nothing.

    fit: with its `module`, `max_epochs` and `history`; `fit.state()` is all of it as a value, which
    can be saved at each of these moments but the last. Where a fit goes on from such a state, it
    begins with `on_fit_begin` and `on_epoch_begin`, in the middle of an epoch too.
    """

    def on_fit_begin(self, fit: Fit) -> None:
        """Before the first epoch."""

    def on_epoch_begin(self, fit: Fit, epoch: int, num_steps: int) -> None:
        """Before the first of an epoch's `num_steps` batches; epochs count from 1."""

    def on_batch_end(self, fit: Fit, info: StepInfo) -> None:
        """After every training step."""

    def on_epoch_end(self, fit: Fit, record: Record) -> None:
        """After an epoch and its validation."""

    def on_fit_end(self, fit: Fit, history: History) -> None:
        """After the last epoch, an interrupt or an error; the best weights are restored."""
