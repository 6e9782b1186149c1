"""Training on batches, epoch by epoch."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field

import torch
from torch import nn

from rnnkit.errors import OptionError, TrainingError
from rnnkit.learn.callbacks import Callback
from rnnkit.learn.history import History, plain_metrics
from rnnkit.learn.monitor import Monitor
from rnnkit.learn.options import FitOptions
from rnnkit.learn.running import Batch, Fit, SizedBatches, optimizer_of
from rnnkit.learn.state import FitState
from rnnkit.learn.stepping import Loss, Reduce, train_step

__all__ = ["Trainer"]

Validate = Callable[[], Mapping[str, float]]


@dataclass(kw_only=True, eq=False, repr=False)
class Trainer(FitOptions):
    """Trains a module on batches, with any loss. Its options are those of `FitOptions`.

    module: what is trained, in place.
    loss: (module, batch) -> BatchLoss.
    ema_decay: what `fit` validates and leaves are the mean weights.
    monitor: used when `fit` gets `validate`, or with monitor="loss".
    callbacks: see `Callback`.
    reduce: adds up gradients over processes that each train on a part of every batch; see `Reduce`.
        What is clipped then, and what is recorded, is the mean over the units (`BatchLoss.count`)
        of all processes, so that all of them take the same step and stop at the same time. A part
        may be empty: a count of 0, and a loss without a gradient. Each process validates by itself:
        give all of them the same data for that. None: this process is alone.
    seed: from which the batches' order was drawn; kept in a state for whoever goes on from it.

    Random numbers come from the generator in use (`rnnkit.randomness.using`), or else from torch's
    own. Layers of other makers, such as `nn.Dropout`, always draw from torch's own. A state keeps
    both, torch's own only where the fit has drawn from it, and going on puts them back.
    running: the `Fit` of the last `fit`, or of the steps that `train_batch` takes.
    Raises OptionError at a value out of range.

    >>> _ = torch.manual_seed(0)
    >>> from rnnkit.learn import BatchLoss
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

    module: nn.Module = field(kw_only=False)
    loss: Loss = field(kw_only=False)
    callbacks: Sequence[Callback] = ()
    reduce: Reduce | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self._optimizer = optimizer_of(self.module, self)
        self.running = self._begun(None)

    @property
    def history(self) -> History:
        """Of the last `fit`."""
        return self.running.history

    def fit(
        self,
        batches: Callable[[int], SizedBatches],
        validate: Validate | None = None,
        *,
        state: FitState | None = None,
    ) -> History:
        """Train until max_epochs, patience or an interrupt, and leave the best epoch's weights.

        batches: epoch (from 1) -> its batches, with a length.
        validate: () -> metrics; called after each epoch with the module in eval mode and without
            gradients. Its best epoch's weights are restored at the end; without it (and unless
            monitor="loss") the last ones stay.
        state: of a fit that was stopped, as `state` gives it and a file keeps it. The fit goes on
            there, in the middle of an epoch too, and gives the bits of one that never stopped;
            `batches` must give the same for the same epoch. max_epochs and patience may be others.
        A KeyboardInterrupt ends the fit, the best weights so far are restored (the current ones if
        no epoch has been finished), and `stopped` is "interrupted".
        Returns the history, also at `self.history`. Raises TrainingError when a loss or gradient
        is not finite, with the weights of the best epoch restored (or those before the step):
        the loss of that batch is computed once more to see where it began, which the error holds
        as `where` and the history as `failure`; `stopped` is "not finite". Raises InputError if
        there are no batches. The module is left in the mode it was in. What `Fit.restore` raises
        for a state that does not fit leaves everything as it was.
        """
        fit = self._begun(self._monitor(validate is not None))
        fit.begin_averaging()
        if state is not None:
            fit.restore(state, None if state.num_steps is None else batches(state.epoch))
        self.running = fit
        was_training = self.module.training
        try:
            self._call("on_fit_begin")
            fit.history.stopped = self._run(batches, validate)
        except KeyboardInterrupt:
            fit.history.stopped = "interrupted"
        except TrainingError as error:
            fit.history.stopped = "not finite"
            fit.history.failure = None if error.where is None else asdict(error.where)
            raise
        finally:
            fit.leave_best()
            fit.optimizer.zero_grad()
            self.module.train(was_training)
            self._call("on_fit_end", fit.history)
        return fit.history

    def train_batch(self, batch: Batch) -> float:
        """One training step at the learning rate of the last one; returns the batch's loss.

        For learning that goes on for as long as data come: no epoch, schedule, record, callback or
        mean of the weights. Leaves the module in train mode. Raises TrainingError as `fit` does,
        with the weights as before the step.
        """
        self.module.train()
        try:
            return train_step(self.running, self.loss, batch, self.reduce).loss
        finally:
            self.running.optimizer.zero_grad()

    def state(self) -> FitState:
        """All of the fit that runs, or of the steps that `train_batch` took, as a value.

        It can be taken between any two steps: from a callback, or from `validate`.
        """
        return self.running.state()

    def restore(self, state: FitState) -> None:
        """Go on with `train_batch` from such a value. Raises what `Fit.restore` does."""
        self.running.restore(state)

    def _begun(self, monitor: Monitor | None) -> Fit:
        return Fit(
            self.module,
            self._optimizer,
            FitOptions(**self.options()),
            trainer=type(self).__name__,
            monitor=monitor,
            seed=self.seed,
        )

    def _monitor(self, validated: bool) -> Monitor | None:
        if validated or self.monitor == "loss":
            return Monitor(self.module, self.monitor, mode=self.mode)
        if self.patience is not None or self.schedule == "plateau":
            what = "schedule='plateau'" if self.patience is None else f"patience={self.patience}"
            raise OptionError(
                f"{what} needs monitor={self.monitor!r}, but nothing is validated. Give validation "
                f"data, or set monitor='loss'."
            )
        return None

    def _run(self, batches: Callable[[int], SizedBatches], validate: Validate | None) -> str:
        fit = self.running
        while (reason := fit.reason_to_stop()) is None:
            if fit.batches is None:
                fit.begin_epoch(batches(fit.epoch))
            self._train_epoch()
            self._end_epoch(validate)
        return reason

    def _train_epoch(self) -> None:
        fit = self.running
        self.module.train()
        self._call("on_epoch_begin", fit.epoch, fit.num_steps)
        before = time.perf_counter()
        for batch in fit.remaining:
            fit.set_lr()
            info = train_step(fit, self.loss, batch, self.reduce)
            now = time.perf_counter()
            fit.take(info, now - before)
            before = now
            self._call("on_batch_end", info)

    def _end_epoch(self, validate: Validate | None) -> None:
        fit = self.running
        record = fit.totals.record(fit.epoch)
        with fit.averaged():
            if validate is not None:
                with _evaluating(self.module):
                    record |= plain_metrics(validate())
            fit.end_epoch(record)
            self._call("on_epoch_end", record)

    def _call(self, hook: str, *arguments: object) -> None:
        for callback in self.callbacks:
            getattr(callback, hook)(self.running, *arguments)


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Eval mode without gradients, and train mode afterwards."""
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train()
