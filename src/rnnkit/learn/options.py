"""What a fit shall do."""

from __future__ import annotations

from dataclasses import dataclass, fields

from rnnkit.errors import OptionError, check_option
from rnnkit.learn.averaging import check_decay
from rnnkit.learn.schedules import SCHEDULES
from rnnkit.learn.state_json import State

__all__ = ["FitOptions"]


@dataclass(kw_only=True, eq=False, repr=False)
class FitOptions:
    """The options of a fit. Raises OptionError at a value out of range.

    optimizer, lr, weight_decay, momentum: see `build_optimizer`.
    schedule, warmup: see `build_schedule`.
    clip_norm: largest joint norm of the gradients; None does not clip. clip_value: largest
        absolute value of a gradient's element, applied before that.
    ema_decay: of a running mean of the weights, see `WeightAverage`. None does not average.
    max_epochs: most epochs. patience: epochs without a better `monitor` after which to stop; None
        goes on.
    monitor, mode: which value of the epoch's record says which epoch is best, and whether "min" or
        "max" is better.
    """

    optimizer: str = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.0
    schedule: str = "constant"
    warmup: float = 0.0
    clip_norm: float | None = 1.0
    clip_value: float | None = None
    ema_decay: float | None = None
    max_epochs: int = 10
    patience: int | None = None
    monitor: str = "valid_loss"
    mode: str = "min"

    def __post_init__(self) -> None:
        check_option("schedule", self.schedule, SCHEDULES)
        check_option("mode", self.mode, ["min", "max"])
        if not 0 <= self.warmup < 1:
            raise OptionError(
                f"warmup={self.warmup}, but it is a share of all steps: 0 up to below 1."
            )
        _check_clip("clip_norm", self.clip_norm)
        _check_clip("clip_value", self.clip_value)
        if self.ema_decay is not None:
            check_decay(self.ema_decay)
        if self.max_epochs < 1:
            raise OptionError(f"max_epochs={self.max_epochs}, but at least one epoch is needed.")
        if self.patience is not None and self.patience < 1:
            raise OptionError(
                f"patience={self.patience}, but it is 1 epoch or more. None never stops early."
            )

    def options(self) -> State:
        """All of them by name."""
        return {field.name: getattr(self, field.name) for field in fields(FitOptions)}


def _check_clip(name: str, value: float | None) -> None:
    if value is not None and not value > 0:
        raise OptionError(f"{name}={value}, but it must be above 0. None does not clip.")
