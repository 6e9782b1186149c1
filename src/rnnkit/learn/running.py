"""A fit that runs: what changes from step to step, put into a `FitState` and taken out of one."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from itertools import islice
from typing import Any, Protocol, TypeAlias

import torch
from torch import nn

from rnnkit import randomness
from rnnkit.errors import ArchiveError, InputError, OptionError, RnnkitError
from rnnkit.learn.averaging import WeightAverage
from rnnkit.learn.history import History, Record, StepInfo, Totals
from rnnkit.learn.monitor import Monitor
from rnnkit.learn.optimizers import OptimizerGroup, build_optimizer
from rnnkit.learn.options import FitOptions
from rnnkit.learn.schedules import Schedule, build_schedule
from rnnkit.learn.state import FitState, Stateful
from rnnkit.learn.state_json import State

__all__ = ["Batch", "Fit", "SizedBatches", "optimizer_of"]

Batch: TypeAlias = Any
"""What a loss reads; nobody here looks into it."""

_SAY_WHEN_TO_END = ("max_epochs", "patience")


class SizedBatches(Protocol):
    """An epoch's batches: iterable, and of known number."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Batch]: ...


class Fit:
    """A module in training, and how far it is: `step` of the epoch's `num_steps` were taken.

    trainer: the class that trains. more: options besides `FitOptions` in which a state that the fit
    goes on from must agree. monitor: None watches nothing. batches: of the epoch under way, with a
    `Stateful`'s methods if they have a state of their own; None between two epochs.
    seed, calls: kept for the owner; see `FitState`.
    """

    def __init__(
        self,
        module: nn.Module,
        optimizer: OptimizerGroup,
        options: FitOptions,
        *,
        trainer: str,
        more: State | None = None,
        monitor: Monitor | None = None,
        seed: int | None = None,
    ) -> None:
        self.module, self.optimizer, self.options = module, optimizer, options
        self.trainer, self._more = trainer, more or {}
        self.monitor, self.seed, self.calls = monitor, seed, 0
        self.average: WeightAverage | None = None
        self.schedule: Schedule | None = None
        self.history, self.totals = History(), Totals()
        self.epoch, self.step = 1, 0
        self._taken = 0  # in all epochs
        self.batches: SizedBatches | Stateful | None = None
        self.num_steps: int | None = None
        self.remaining: Iterator[Batch] = iter(())
        self._process_random = torch.get_rng_state()

    @property
    def max_epochs(self) -> int:
        """Most epochs."""
        return self.options.max_epochs

    # -- from step to step ----------------------------------------------------------------------

    def begin_averaging(self) -> None:
        """Hold a running mean of the weights from here on, if the options say so."""
        if self.options.ema_decay is not None:
            self.average = WeightAverage(self.module, self.options.ema_decay)

    def begin_epoch(self, batches: SizedBatches) -> None:
        """Take an epoch's batches. Raises InputError if there are none."""
        self.num_steps = _count(batches)
        self.batches, self.remaining = batches, iter(batches)
        self.schedule = self.schedule or self._schedule(self.num_steps)

    def set_lr(self) -> None:
        """The learning rate of the next step."""
        assert self.schedule is not None
        self.optimizer.set_lr(self.options.lr * self.schedule.factor(self._taken))

    def take(self, info: StepInfo, seconds: float) -> None:
        """A step was taken."""
        self.step, self._taken = self.step + 1, self._taken + 1
        self.totals.add(info, seconds)
        if self.average is not None:
            self.average.update()

    def averaged(self) -> AbstractContextManager[None]:
        """Within, the weights are those that are validated and may be kept."""
        return nullcontext() if self.average is None else self.average.applied()

    def end_epoch(self, record: Record) -> None:
        """Keep an epoch's record, and its weights if they are the best."""
        self.history.epochs.append(record)
        if self.monitor is not None:
            improved = self.monitor.observe(record)
            self.history.best_epoch = self.monitor.best_epoch
            if self.schedule is not None:
                self.schedule.observe(improved)
        self.epoch, self.step, self.num_steps = self.epoch + 1, 0, None
        self.totals, self.batches = Totals(), None

    def reason_to_stop(self) -> str | None:
        """Why there is no further epoch; None: there is one."""
        patience = self.options.patience
        if self.monitor and patience and self.monitor.epochs_since_best >= patience:
            return "patience"
        return "max_epochs" if self.epoch > self.max_epochs else None

    def leave_best(self) -> None:
        """Leave the best weights in the module, or their mean, or the last ones."""
        if self.average is not None:
            self.average.keep()
            self.average = None
        if self.monitor is not None:
            self.monitor.restore()

    def _schedule(self, epoch_steps: int) -> Schedule:
        return build_schedule(
            self.options.schedule,
            total_steps=epoch_steps * self.max_epochs,
            epoch_steps=epoch_steps,
            warmup=self.options.warmup,
        )

    # -- as a value -----------------------------------------------------------------------------

    def state(self) -> FitState:
        """All of it as a value, between two steps; what goes on from there gives the same bits."""
        own = nullcontext() if self.average is None else self.average.set_aside()
        with own:
            return copy.deepcopy(self._shared())

    def _shared(self) -> FitState:
        """As `state`, but it shares its memory with the fit."""
        process, random = torch.get_rng_state(), randomness.get_state()
        drawn = not torch.equal(process, self._process_random)
        apart = randomness.current() is not None and drawn
        return FitState(
            trainer=self.trainer,
            options={**self.options.options(), **self._more},
            epoch=self.epoch,
            step=self.step,
            num_steps=self.num_steps,
            weights=self.module.state_dict(),
            optimizer=self.optimizer.state_dict(),
            schedule=_state_of(self.schedule),
            monitor=_state_of(self.monitor),
            average=_state_of(self.average),
            history=self.history.to_dict(),
            totals=asdict(self.totals),
            random=random,
            process_random=process if apart else None,
            batches=_state_of(self.batches),
            seed=self.seed,
            calls=self.calls,
        )

    def restore(self, state: FitState, batches: SizedBatches | Stateful | None = None) -> None:
        """Go on from a state: the next step is the one that would have come.

        batches: of the epoch under way, as they were at its beginning; those that are not
        `Stateful` are read up to the step.
        Raises OptionError if the state was made with other options, ArchiveError if it does not fit
        the module, InputError if it does not fit the batches; everything is as before then.
        """
        self._check(state, batches)
        state, before = copy.deepcopy(state), self.state()
        try:
            self._put(state)
            if isinstance(batches, Stateful) and state.batches is not None:
                batches.load_state_dict(state.batches)
        except RnnkitError:
            self._put(before)
            raise
        except (KeyError, IndexError, RuntimeError, TypeError, ValueError) as error:
            self._put(before)
            what = " ".join(str(error).split())
            raise ArchiveError(f"the state of the fit does not fit the module: {what}") from None
        self.batches = batches
        if batches is not None and state.num_steps is not None:
            self.remaining = _after(batches, state.step)
        # Last: reading batches may have drawn.
        self._put_random(state)

    def _check(self, state: FitState, batches: SizedBatches | Stateful | None) -> None:
        if state.trainer != self.trainer:
            raise ArchiveError(
                f"the state is that of a {state.trainer}'s fit, but this is a {self.trainer}."
            )
        if state.history["stopped"] is not None:
            raise InputError("the state is that of a fit that is over. Begin a new one.")
        if (state.monitor is None) != (self.monitor is None):
            given, what = ("was", "Give") if self.monitor is None else ("was not", "Leave out")
            raise InputError(f"the fit {given} validated before. {what} `validate` here too.")
        self._check_options(state.options)
        if batches is not None:
            _check_batches(state, batches)

    def _check_options(self, theirs: State) -> None:
        for name, value in {**self.options.options(), **self._more}.items():
            if theirs.get(name) != value and name not in _SAY_WHEN_TO_END:
                raise OptionError(
                    f"the fit was begun with {name}={theirs.get(name)!r}, but this {self.trainer} "
                    f"has {name}={value!r}. Give it the same {name}."
                )

    def _put(self, state: FitState) -> None:
        self.module.load_state_dict(state.weights)
        self.optimizer.load_state_dict(state.optimizer)
        self.schedule = None
        if state.schedule is not None:
            self.schedule = self._schedule(state.schedule["epoch_steps"])
        for part, kept in (
            (self.schedule, state.schedule),
            (self.monitor, state.monitor),
            (self.average, state.average),
        ):
            if part is not None and kept is not None:
                part.load_state_dict(kept)
        self.history = History.from_dict(state.history)
        self.totals = Totals(**state.totals)
        self.epoch, self.step, self.num_steps = state.epoch, state.step, state.num_steps
        self._taken = state.step + sum(int(one["steps"] or 0) for one in self.history.epochs)
        self.seed, self.calls = state.seed, state.calls

    def _put_random(self, state: FitState) -> None:
        randomness.set_state(state.random)
        if state.process_random is not None:
            torch.set_rng_state(state.process_random)


def optimizer_of(module: nn.Module, options: FitOptions) -> OptimizerGroup:
    """The one that the options name."""
    return build_optimizer(
        module,
        options.optimizer,
        lr=options.lr,
        weight_decay=options.weight_decay,
        momentum=options.momentum,
    )


def _check_batches(state: FitState, batches: SizedBatches | Stateful) -> None:
    found = None if state.num_steps is None else _count(batches)
    if found != state.num_steps:
        raise InputError(
            f"epoch {state.epoch} had {state.num_steps} batches when the fit was stopped, but now "
            f"it has {found}. Give the same data in the same order."
        )
    if (state.batches is None) == isinstance(batches, Stateful):
        raise InputError(
            f"the fit was stopped within batches of another kind than these "
            f"({type(batches).__name__}). Give the same data in the same form."
        )


def _state_of(part: object) -> State | None:
    return part.state_dict() if isinstance(part, Stateful) else None


def _after(batches: SizedBatches | Stateful, steps: int) -> Iterator[Batch]:
    """What is left of an epoch's batches."""
    assert isinstance(batches, Iterable)
    remaining = iter(batches)
    if not isinstance(batches, Stateful):
        deque(islice(remaining, steps), maxlen=0)
    return remaining


def _count(batches: object) -> int:
    try:
        count = len(batches)  # type: ignore[arg-type]
    except TypeError:
        raise InputError(
            f"batches(epoch) returned a {type(batches).__name__} without a length, which the "
            f"schedule needs. Return a list, or an object with __len__ and __iter__."
        ) from None
    if count == 0:
        raise InputError("batches(epoch) returned no batches: there is nothing to train on.")
    return count
