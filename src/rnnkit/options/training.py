"""Options of training, which all estimators share."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING

from rnnkit.options.domains import Anything, Choice, Number, Share, Table, Whole
from rnnkit.options.names import OPTIMIZERS, SCHEDULES, SCHEMES
from rnnkit.options.table import option, options

if TYPE_CHECKING:
    import numpy as np

__all__ = ["ClassWeights", "LabelSmoothing", "Training", "Windows"]


@options
class Training:
    """How a network is trained; see `rnnkit.learn.Trainer`."""

    init: str = option(
        "orthogonal",
        "initial values of the recurrent layers; see rnnkit.cells.initialize_",
        Choice(SCHEMES),
    )
    forget_bias: float = option(
        1.0, "first bias of an LSTM's forget gate, with init='orthogonal'", Number()
    )
    optimizer: str = option("adamw", "what turns gradients into steps", Choice(OPTIMIZERS))
    lr: float = option(2e-3, "learning rate, the highest of the schedule", Number(above=0))
    weight_decay: float = option(
        0.01, "how much of each weight is taken away in a step, times lr", Number(least=0)
    )
    schedule: str = option(
        "one-cycle", "how the learning rate changes from step to step", Choice(SCHEDULES)
    )
    warmup: float = option(0.0, "share of all steps over which the rate rises", Share())
    bptt: object = option(
        None,
        "how far gradients go back through time, such as 'truncated(50, 100)'; None is as far "
        "as the first step",
        Anything("a policy of rnnkit.bptt, or its text", str),
    )
    clip_norm: float | None = option(
        5.0, "largest joint norm of the gradients", Number(above=0), optional=True
    )
    clip_value: float | None = option(
        None, "largest absolute value of a gradient's element", Number(above=0)
    )
    ema_decay: float | None = option(
        None,
        "decay of a running mean of the weights, which is kept in place of the last ones",
        Anything("a number in (0, 1)", float),
    )
    batch_size: int = option(32, "examples of a step", Whole(1))
    max_epochs: int = option(10, "passes over the data at most", Whole(1))
    patience: int | None = option(
        None, "stop after so many epochs in which the figure of monitor is no better", Whole(1)
    )
    monitor: str = option(
        "loss", "which figure of held-out examples says the best epoch", Choice(["loss"])
    )
    validation_fraction: float = option(
        0.1, "share of the examples that is held out to find the best epoch", Share()
    )
    random_state: int | np.random.RandomState | None = option(
        None,
        "seed of all that is random; None is another one each time",
        Anything("a whole number or a numpy RandomState", int),
    )
    verbose: int = option(0, "1 shows a progress bar", Whole(0, flags=True))


@options
class Windows:
    """Long sequences in windows, the state carried from one to the next."""

    update_every: int | None = option(
        None,
        "steps between two updates of the weights, for long sequences that are read forward only: "
        "windows of so many steps, the state carried on; None is an update for whole sequences",
        Whole(1),
    )


@options
class LabelSmoothing:
    """Targets that are not quite certain."""

    label_smoothing: float = option(
        0.0, "share of a target that is spread over all classes in training", Share()
    )


@options
class ClassWeights:
    """Classes of unequal frequency."""

    class_weight: str | Mapping[Hashable, float] | None = option(
        None,
        "weights of the classes in training, 'balanced' for classes of unequal frequency",
        Table("balanced"),
    )
