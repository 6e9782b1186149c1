"""The training loop: forward, back-propagation through time, clipping, a step; epoch by epoch."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from rnnkit.errors import InputError, OptionError, TrainingError, check_option
from rnnkit.learn.averaging import WeightAverage, check_decay
from rnnkit.learn.blame import find_not_finite
from rnnkit.learn.callbacks import Callback, StepInfo
from rnnkit.learn.clipping import clip_gradients
from rnnkit.learn.history import History, Record, plain_metrics
from rnnkit.learn.monitor import Monitor
from rnnkit.learn.optimizers import build_optimizer
from rnnkit.learn.schedules import SCHEDULES, Schedule, build_schedule

__all__ = ["BatchLoss", "SizedBatches", "Totals", "Trainer"]


class BatchLoss(NamedTuple):
    """What a loss function returns for a batch.

    loss: a scalar to go back through, the mean over the batch's units.
    count: how many units (sequences, tokens) that mean is over; it weights the epoch's mean.
    tokens: how many steps were read.
    """

    loss: Tensor
    count: int  # type: ignore[assignment]  # hides tuple.count, which nobody needs here
    tokens: int


class SizedBatches(Protocol):
    """An epoch's batches: iterable, and of known number."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


@dataclass
class Totals:
    """Sums over the steps of an epoch."""

    loss: float = 0.0
    count: int = 0
    tokens: int = 0
    steps: int = 0
    clipped: int = 0
    norm: float = 0.0
    norm_max: float = 0.0
    lr: float = 0.0

    def add(self, info: StepInfo) -> None:
        self.loss += info.loss * info.count
        self.count += info.count
        self.tokens += info.tokens
        self.steps += 1
        self.clipped += info.clipped
        self.norm += info.grad_norm
        self.norm_max = max(self.norm_max, info.grad_norm)
        self.lr = info.lr

    def record(self, epoch: int, seconds: float) -> Record:
        return {
            "epoch": epoch,
            "loss": self.loss / max(1, self.count),
            "lr": self.lr,
            "seconds": seconds,
            "steps": self.steps,
            "tokens": self.tokens,
            "tokens_per_second": self.tokens / max(seconds, 1e-9),
            "grad_norm_mean": self.norm / self.steps,
            "grad_norm_max": self.norm_max,
            "clipped_share": self.clipped / self.steps,
        }


class Trainer:
    """Trains a module on batches, with any loss.

    module: what is trained, in place.
    loss: (module, batch) -> BatchLoss.
    optimizer, lr, weight_decay, momentum: see `build_optimizer`.
    schedule, warmup: see `build_schedule`.
    clip_norm: largest joint norm of the gradients; None does not clip. clip_value: largest
        absolute value of a gradient's element, applied before that.
    ema_decay: of a running mean of the weights, which `fit` validates and leaves in place of the
        last weights; see `WeightAverage`. None does not average.
    max_epochs: most epochs of a `fit`. patience: epochs without a better `monitor` after which to
        stop; None goes on.
    monitor, mode: which value of the epoch's record says which epoch is best, and whether "min" or
        "max" is better. Used when `fit` gets `validate`, or with monitor="loss".
    callbacks: see `Callback`.
    Raises OptionError at a value out of range.

    >>> _ = torch.manual_seed(0)
    >>> line = nn.Linear(1, 1)
    >>> def loss(module, batch):
    ...     x, y = batch
    ...     return BatchLoss((module(x) - y).square().mean(), count=len(x), tokens=len(x))
    >>> x = torch.linspace(-1, 1, 8)[:, None]
    >>> trainer = Trainer(line, loss, lr=0.1, max_epochs=200)
    >>> history = trainer.fit(lambda epoch: [(x, 3 * x + 1)])
    >>> history.stopped, round(line.weight.item(), 2), round(line.bias.item(), 2)
    ('max_epochs', 3.0, 1.0)
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[[nn.Module, Any], BatchLoss],
        *,
        optimizer: str = "adamw",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        schedule: str = "constant",
        warmup: float = 0.0,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        ema_decay: float | None = None,
        max_epochs: int = 10,
        patience: int | None = None,
        monitor: str = "valid_loss",
        mode: str = "min",
        callbacks: Sequence[Callback] = (),
    ) -> None:
        check_option("schedule", schedule, SCHEDULES)
        check_option("mode", mode, ["min", "max"])
        _check_ranges(warmup, max_epochs, patience, clip_norm=clip_norm, clip_value=clip_value)
        if ema_decay is not None:
            check_decay(ema_decay)
        self.module, self.loss = module, loss
        self.optimizer = build_optimizer(
            module, optimizer, lr=lr, weight_decay=weight_decay, momentum=momentum
        )
        self.lr, self.schedule, self.warmup = lr, schedule, warmup
        self.clip_norm, self.clip_value = clip_norm, clip_value
        self.ema_decay = ema_decay
        self._average: WeightAverage | None = None
        self.max_epochs, self.patience = max_epochs, patience
        self.monitor, self.mode = monitor, mode
        self.callbacks = list(callbacks)
        self.history = History()

    def fit(
        self,
        batches: Callable[[int], SizedBatches],
        validate: Callable[[], Mapping[str, float]] | None = None,
    ) -> History:
        """Train until max_epochs, patience or an interrupt, and leave the best epoch's weights.

        batches: epoch (from 1) -> its batches, with a length.
        validate: () -> metrics; called after each epoch with the module in eval mode and without
            gradients. Its best epoch's weights are restored at the end; without it (and unless
            monitor="loss") the last ones stay.
        A KeyboardInterrupt ends the fit, the best weights so far are restored (the current ones if
        no epoch has been finished), and `stopped` is "interrupted".
        Returns the history, also at `self.history`. Raises TrainingError when a loss or gradient
        is not finite, with the weights of the best epoch restored (or those before the step):
        the loss of that batch is computed once more to see where it began, which the error holds
        as `where` and the history as `failure`; `stopped` is "not finite". Raises InputError if
        there are no batches. The module is left in the mode it was in.
        """
        self.history = History()
        monitor = self._start_monitor(validate is not None)
        if self.ema_decay is not None:
            self._average = WeightAverage(self.module, self.ema_decay)
        was_training = self.module.training
        try:
            self._call("on_fit_begin")
            self.history.stopped = self._run_epochs(batches, validate, monitor)
        except KeyboardInterrupt:
            self.history.stopped = "interrupted"
        except TrainingError as error:
            self.history.stopped = "not finite"
            self.history.failure = None if error.where is None else asdict(error.where)
            raise
        finally:
            if self._average is not None:
                self._average.keep()
                self._average = None
            if monitor is not None:
                monitor.restore()
            self.optimizer.zero_grad()
            self.module.train(was_training)
            self._call("on_fit_end", self.history)
        return self.history

    def train_batch(self, batch: Any) -> float:
        """One training step at the learning rate of the last one; returns the batch's loss.

        For learning that goes on for as long as data come: no epoch, schedule, record, callback or
        mean of the weights. Leaves the module in train mode. Raises TrainingError as `fit` does,
        with the weights as before the step.
        """
        self.module.train()
        try:
            return self.train_step(batch).loss
        finally:
            self.optimizer.zero_grad()

    def _run_epochs(
        self,
        batches: Callable[[int], SizedBatches],
        validate: Callable[[], Mapping[str, float]] | None,
        monitor: Monitor | None,
    ) -> str:
        schedule: Schedule | None = None
        for epoch in range(1, self.max_epochs + 1):
            epoch_batches = batches(epoch)
            num_steps = _count(epoch_batches)
            schedule = schedule or self._build_schedule(num_steps)
            record = self._train_epoch(epoch, epoch_batches, num_steps, schedule)
            with self._averaged():
                if validate is not None:
                    record |= plain_metrics(self._validate(validate))
                self.history.epochs.append(record)
                if monitor is not None:
                    schedule.observe(monitor.observe(record))
                    self.history.best_epoch = monitor.best_epoch
                self._call("on_epoch_end", record)
            if monitor and self.patience and monitor.epochs_since_best >= self.patience:
                return "patience"
        return "max_epochs"

    def _train_epoch(
        self, epoch: int, batches: Iterable[Any], num_steps: int, schedule: Schedule
    ) -> Record:
        self.module.train()
        self._call("on_epoch_begin", epoch, num_steps)
        totals, began = Totals(), time.perf_counter()
        done = sum(int(record["steps"] or 0) for record in self.history.epochs)
        for step, batch in enumerate(batches, start=1):
            self.optimizer.set_lr(self.lr * schedule.factor(done + step - 1))
            info = self.train_step(batch, epoch=epoch, step=step)
            if self._average is not None:
                self._average.update()
            totals.add(info)
            self._call("on_batch_end", info)
        return totals.record(epoch, time.perf_counter() - began)

    def train_step(self, batch: Any, *, epoch: int = 1, step: int = 1) -> StepInfo:
        """One training step, as numbered in its errors, at the learning rate of the last one."""
        self.optimizer.zero_grad()
        random = torch.get_rng_state()
        result = self.loss(self.module, batch)
        _check_loss(result)
        value = float(result.loss.detach())
        if not math.isfinite(value):
            del result  # and its graph, before another one is made
            raise self._not_finite(f"the loss is {value}", batch, random, epoch, step)
        result.loss.backward()  # type: ignore[no-untyped-call]
        norm, clipped = clip_gradients(
            self.module.parameters(), clip_value=self.clip_value, clip_norm=self.clip_norm
        )
        if not math.isfinite(norm):
            what = f"the norm of the gradients is {norm}"
            raise self._not_finite(what, batch, random, epoch, step)
        self.optimizer.step()
        return StepInfo(
            epoch=epoch,
            step=step,
            loss=value,
            count=result.count,
            tokens=result.tokens,
            lr=self.optimizer.param_groups[0]["lr"],
            grad_norm=norm,
            clipped=clipped,
        )

    def _averaged(self) -> AbstractContextManager[None]:
        """The weights that are validated and may be kept: their mean, if there is one."""
        return nullcontext() if self._average is None else self._average.applied()

    def _validate(self, validate: Callable[[], Mapping[str, float]]) -> Mapping[str, float]:
        with _evaluating(self.module):
            return validate()

    def _start_monitor(self, validated: bool) -> Monitor | None:
        if validated or self.monitor == "loss":
            return Monitor(self.module, self.monitor, mode=self.mode)
        if self.patience is not None or self.schedule == "plateau":
            what = "schedule='plateau'" if self.patience is None else f"patience={self.patience}"
            raise OptionError(
                f"{what} needs monitor={self.monitor!r}, but nothing is validated. Give validation "
                f"data, or set monitor='loss'."
            )
        return None

    def _build_schedule(self, num_steps: int) -> Schedule:
        return build_schedule(
            self.schedule,
            total_steps=num_steps * self.max_epochs,
            epoch_steps=num_steps,
            warmup=self.warmup,
        )

    def _not_finite(
        self, what: str, batch: Any, random: Tensor, epoch: int, step: int
    ) -> TrainingError:
        self.optimizer.zero_grad()
        with torch.random.fork_rng(devices=[]):
            # The same masks are dropped as before.
            torch.set_rng_state(random)
            where = find_not_finite(
                self.module, lambda: self.loss(self.module, batch).loss, batch, epoch, step
            )
        clip = "set clip_norm=1.0" if self.clip_norm is None else "lower clip_norm"
        return TrainingError(
            f"epoch {epoch}, step {step}: {what}. {where.describe()} The step was not taken. Try a "
            f"lower lr (lr={self.lr} now), {clip} or set clip_value (clip_norm={self.clip_norm}, "
            f"clip_value={self.clip_value} now), a GRU or an LSTM in place of a simple recurrent "
            f"network, and check the input for huge values or values that are not finite.",
            where=where,
        )

    def _call(self, hook: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self, *arguments)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradients, and train mode afterwards."""
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train()


def _count(batches: SizedBatches) -> int:
    try:
        count = len(batches)
    except TypeError:
        raise InputError(
            f"batches(epoch) returned a {type(batches).__name__} without a length, which the "
            f"schedule needs. Return a list, or an object with __len__ and __iter__."
        ) from None
    if count == 0:
        raise InputError("batches(epoch) returned no batches: there is nothing to train on.")
    return count


def _check_loss(result: object) -> None:
    if not isinstance(result, BatchLoss):
        raise InputError(
            f"loss(module, batch) returned a {type(result).__name__}, but a BatchLoss(loss, count, "
            f"tokens) was expected."
        )
    if result.loss.ndim != 0:
        raise InputError(
            f"BatchLoss.loss has shape {tuple(result.loss.shape)}, but a scalar was expected. "
            f"Take its mean."
        )
    if not result.loss.requires_grad:
        raise InputError(
            "BatchLoss.loss has no gradient to go back through. Compute it from the module's "
            "output, without detach, item or no_grad."
        )


def _check_ranges(
    warmup: float, max_epochs: int, patience: int | None, **clips: float | None
) -> None:
    if not 0 <= warmup < 1:
        raise OptionError(f"warmup={warmup}, but it is a share of all steps: 0 up to below 1.")
    for name, value in clips.items():
        if value is not None and not value > 0:
            raise OptionError(f"{name}={value}, but it must be above 0. None does not clip.")
    if max_epochs < 1:
        raise OptionError(f"max_epochs={max_epochs}, but at least one epoch is needed.")
    if patience is not None and patience < 1:
        raise OptionError(
            f"patience={patience}, but it is 1 epoch or more. None never stops early."
        )
