"""The learning rate as a share of its base value, step by step."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

from rnnkit.errors import InputError, OptionError, check_option

__all__ = ["SCHEDULES", "Schedule", "build_schedule"]

SCHEDULES = ("constant", "linear", "cosine", "one-cycle", "step", "plateau")


class Schedule(ABC):
    """A factor of the base learning rate for each training step, after a linear warm-up.

    total_steps, epoch_steps: training steps in all and in an epoch.
    warmup: share of the total over which the factor rises in equal parts to its first value.
    """

    def __init__(self, *, total_steps: int, epoch_steps: int, warmup: float = 0.0) -> None:
        if min(total_steps, epoch_steps) < 1:
            raise InputError(
                f"total_steps={total_steps} and epoch_steps={epoch_steps}, but a schedule needs at "
                f"least one step. Check that the epoch has batches."
            )
        if not 0 <= warmup < 1:
            raise OptionError(f"warmup={warmup}, but it is a share of all steps: 0 up to below 1.")
        self.total_steps, self.epoch_steps, self.warmup = total_steps, epoch_steps, warmup
        self.warmup_steps = round(warmup * total_steps)

    def factor(self, step: int) -> float:
        """The factor for training step `step`, counted from 0."""
        if step < self.warmup_steps:
            return self.shape(self.warmup_steps) * (step + 1) / (self.warmup_steps + 1)
        return self.shape(step)

    def observe(self, improved: bool) -> None:  # noqa: B027 - most schedules do not listen
        """Hear after each epoch whether the monitored metric has improved."""

    def state_dict(self) -> dict[str, float]:
        """What going on needs to know besides the step."""
        return {"epoch_steps": self.epoch_steps}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        """Go on from the `state_dict` of a schedule of the same name."""
        self.epoch_steps = int(state["epoch_steps"])

    @abstractmethod
    def shape(self, step: int) -> float:
        """The factor without its warm-up; asked for steps from `warmup_steps` on."""

    def progress(self, step: int) -> float:
        """The share of what follows the warm-up: 0 at its first step, below 1 at its last."""
        return (step - self.warmup_steps) / max(1, self.total_steps - self.warmup_steps)


class Constant(Schedule):
    """Always 1."""

    def shape(self, step: int) -> float:  # noqa: ARG002 - the same at every step
        return 1.0


class Linear(Schedule):
    """1 - p at progress p."""

    def shape(self, step: int) -> float:
        return 1.0 - self.progress(step)


class Cosine(Schedule):
    """(1 + cos(pi p)) / 2 at progress p. Source: Loshchilov & Hutter 2017, SGDR, equation 5."""

    def shape(self, step: int) -> float:
        return 0.5 * (1.0 + math.cos(math.pi * self.progress(step)))


class OneCycle(Schedule):
    """By cosine from 1/25 up to 1 over the warm-up (30 % if 0), then down to 4e-6.

    The values are those of `torch.optim.lr_scheduler.OneCycleLR`.
    Source: Smith & Topin 2018, Super-Convergence.
    """

    START, END, RISE = 1 / 25, 1 / 250_000, 0.3

    def factor(self, step: int) -> float:
        return self.shape(step)  # its rise is the warm-up

    def shape(self, step: int) -> float:
        peak = (self.warmup or self.RISE) * self.total_steps - 1
        if step <= peak:
            return _ease(self.START, 1.0, step / peak if peak > 0 else 1.0)
        return _ease(1.0, self.END, (step - peak) / (self.total_steps - 1 - peak))


class StepDecay(Schedule):
    """1 for four epochs, then half as much in every further one.

    Source: Zaremba, Sutskever & Vinyals 2014, Recurrent Neural Network Regularization, section 4.
    """

    HELD_EPOCHS, DECAY = 4, 0.5

    def shape(self, step: int) -> float:
        epoch = step // self.epoch_steps + 1
        return float(self.DECAY ** max(0, epoch - self.HELD_EPOCHS))


class Plateau(Schedule):
    """Half as much after every epoch in which the monitored metric has not improved."""

    DECAY = 0.5

    def __init__(self, *, total_steps: int, epoch_steps: int, warmup: float = 0.0) -> None:
        super().__init__(total_steps=total_steps, epoch_steps=epoch_steps, warmup=warmup)
        self._level = 1.0

    def shape(self, step: int) -> float:  # noqa: ARG002 - depends on what was heard, not on time
        return self._level

    def observe(self, improved: bool) -> None:
        if not improved:
            self._level *= self.DECAY

    def state_dict(self) -> dict[str, float]:
        return {**super().state_dict(), "level": self._level}

    def load_state_dict(self, state: Mapping[str, float]) -> None:
        super().load_state_dict(state)
        self._level = state["level"]


_CLASSES: dict[str, type[Schedule]] = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "one-cycle": OneCycle,
    "step": StepDecay,
    "plateau": Plateau,
}


def build_schedule(
    name: str, *, total_steps: int, epoch_steps: int, warmup: float = 0.0
) -> Schedule:
    """A schedule by name, one of `SCHEDULES`.

    Raises OptionError at an unknown name or a warm-up that is no share.

    >>> cosine = build_schedule("cosine", total_steps=4, epoch_steps=2)
    >>> [round(cosine.factor(step), 3) for step in range(4)]
    [1.0, 0.854, 0.5, 0.146]
    """
    check_option("schedule", name, SCHEDULES)
    return _CLASSES[name](total_steps=total_steps, epoch_steps=epoch_steps, warmup=warmup)


def _ease(start: float, end: float, share: float) -> float:
    """From start to end along half a cosine."""
    return end + (start - end) * 0.5 * (1.0 + math.cos(math.pi * share))
