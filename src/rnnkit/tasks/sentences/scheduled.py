"""Scheduled sampling: how often a decoder reads its own tokens, epoch by epoch."""

from __future__ import annotations

from rnnkit.learn import Callback, Fit

__all__ = ["OwnTokens"]


class OwnTokens(Callback):
    """Lets the module's decoder read its own tokens more often from epoch to epoch.

    With probability p * epoch / max_epochs: p in the last one.
    Source: Bengio et al. 2015, "Scheduled Sampling for Sequence Prediction with Recurrent Neural
    Networks", section 2.4 (linear decay of what is given).
    """

    def __init__(self, p: float) -> None:
        self.p = p

    def on_epoch_begin(self, fit: Fit, epoch: int, num_steps: int) -> None:  # noqa: ARG002
        decoder = fit.module.decoder
        decoder.scheduled_sampling = self.p * epoch / fit.max_epochs  # type: ignore[union-attr]
