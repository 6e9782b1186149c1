"""Training on streams: state goes on from window to window, gradients as far as the policy says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from rnnkit.batch import StreamBlock, Streams
from rnnkit.bptt import (
    Policy,
    Tensors,
    Window,
    call_module,
    check_streams,
    detach,
    output_of,
    policy_of,
    replace_streams,
    run_window,
)
from rnnkit.errors import InputError, OptionError
from rnnkit.learn.history import Record, StepInfo, Totals
from rnnkit.learn.options import FitOptions
from rnnkit.learn.running import Fit, optimizer_of
from rnnkit.learn.state import FitState
from rnnkit.learn.state_json import State
from rnnkit.learn.stepping import BatchLoss, train_step
from rnnkit.nest import map_arrays

__all__ = ["StreamTrainer"]


class _Read(NamedTuple):
    """What has been read from step `begin` on and is needed still."""

    begin: int
    block: StreamBlock

    @property
    def end(self) -> int:
        return self.begin + len(self.block.x)

    def between(self, begin: int, end: int) -> StreamBlock:
        """Some of its steps."""
        steps = slice(begin - self.begin, end - self.begin)
        x, y, starts = self.block
        return StreamBlock(x[steps], None if y is None else y[steps], starts[steps])

    def followed_by(self, more: StreamBlock) -> _Read:
        joined = map_arrays(lambda one, other: torch.cat([one, other]), self.block, more)
        return _Read(self.begin, joined)


@dataclass
class _Place:
    """Where training stands in its streams.

    known: the states before the steps from which the next window and later ones start; steps: how
    many of each stream were trained on; read: input that is needed still; given: whether a state
    was set to go on from in streams that are read from their beginning.
    """

    known: dict[int, Tensors]
    steps: int = 0
    read: _Read | None = None
    given: bool = False

    def state_dict(self) -> State:
        read = None if self.read is None else (self.read.begin, tuple(self.read.block))
        return {"known": self.known, "steps": self.steps, "read": read, "given": self.given}

    def load_state_dict(self, state: State) -> None:
        self.known, self.steps, self.given = state["known"], state["steps"], state["given"]
        begin, block = state["read"] or (0, None)
        self.read = None if block is None else _Read(begin, StreamBlock(*block))


@dataclass(frozen=True)
class _Reading:
    """The streams that are read, and the place in them."""

    place: _Place
    streams: Streams

    def state_dict(self) -> State:
        return {"place": self.place.state_dict(), "streams": self.streams.state_dict()}

    def load_state_dict(self, state: State) -> None:
        self.streams.load_state_dict(state["streams"])
        self.place.load_state_dict(state["place"])


class StreamTrainer:
    """Trains a module on streams, one optimizer step a window.

    module: called as module(x, state), it returns (output, state); x is (T, B, ...) and the state
        as `rnnkit.bptt.backward` has it.
    loss: (output, y) -> the mean loss over a window's steps, a scalar. y is that of the streams, or
        x where they have none, with its dimensions in the order of the module's.
    policy: `Truncated(k1, k2)` trains every k1 steps and goes back k2; `RandomTruncated` at random.
        The streams' end may cut the last window short: of k1 and of k2 steps, what is missing lies
        behind the end.
    optimizer, lr, weight_decay, momentum, clip_norm, clip_value: as for `Trainer`.
    initial_state: what streams begin with, and each document in them, (…, B, …); None: the module's
        own at first, and zeros after a document's end.
    batch_first: whether the module reads (B, T, ...), which it cannot be asked.

    Memory is that of a window, however long the streams are: no graph goes from window to window,
    and of the input only what a later window reads again is kept. Where a document begins, the
    stream's state begins anew, in the middle of a window too, and no gradient crosses.
    state: after the last window, detached: (…, B, …) of each stream. windows, steps: how many there
    were.
    Raises OptionError for a policy that needs an end (`Full`, `Checkpointed`), TrainingError when a
    loss or gradient is not finite, with the weights as before that window.

    >>> import numpy as np
    >>> _ = torch.manual_seed(0)
    >>> wave = np.sin(np.arange(4000, dtype=np.float32) / 5)[:, None]
    >>> trainer = StreamTrainer(nn.GRU(1, 1), nn.functional.mse_loss, policy="truncated(20, 40)")
    >>> record = trainer.fit(Streams.from_array(wave, 4, shift=1))
    >>> record["steps"], trainer.state.shape
    (50, torch.Size([1, 4, 1]))
    """

    def __init__(
        self,
        module: nn.Module,
        loss: Callable[..., Tensor],
        *,
        policy: Policy | str = "truncated(50)",
        optimizer: str = "adam",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        initial_state: Tensors = None,
        batch_first: bool = False,
    ) -> None:
        self.module, self.loss, self.policy = module, loss, policy_of(policy)
        if self.policy.exact:
            next(self.policy.windows(None))  # says why not
        options = FitOptions(
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        self._fit = Fit(
            module,
            optimizer_of(module, options),
            options,
            trainer=type(self).__name__,
            more={"policy": repr(self.policy)},
        )
        self.initial_state, self.batch_first = detach(initial_state), batch_first
        self._place = _Place({0: self.initial_state})
        self._next: dict[int, Tensors] = {}

    @property
    def windows(self) -> int:
        """Trained on so far."""
        return self._fit.step

    @property
    def steps(self) -> int:
        """Of each stream, trained on so far."""
        return self._place.steps

    @property
    def state(self) -> Tensors:
        """Of each stream after the last window; a copy is not needed, it has no graph."""
        return self._place.known[self.steps]

    @state.setter
    def state(self, state: Tensors) -> None:
        """Go on from another state, or with None from the initial one.

        What lies before it is forgotten, which a first window with k2 > k1 goes back less for. It
        holds for the first step of new streams too: `trainer.state = trainer.state` goes on in a
        second file where the first has ended, and without it each file begins anew.
        """
        first = self.initial_state if state is None else detach(state)
        self._place.known, self._place.read = {self.steps: first}, None
        self._place.given = state is not None

    # -- training -------------------------------------------------------------------------------

    def fit(self, streams: Streams, max_windows: int | None = None) -> Record:
        """Train to the end of the streams, or for so many windows.

        Returns loss (mean over steps), steps (of the optimizer), tokens (of all streams),
        grad_norm_mean and grad_norm_max (before clipping), clipped_share, seconds and so on, as in
        a `History`. Raises InputError if there is nothing to read, OptionError unless max_windows
        is None or above 0.
        """
        totals, before = Totals(), time.perf_counter()
        for info in self.run(streams, max_windows):
            now = time.perf_counter()
            totals.add(info, now - before)
            before = now
        if totals.steps == 0:
            raise InputError("the streams hold no step (any more): there is nothing to train on.")
        return totals.record(1)

    def run(self, streams: Streams, max_windows: int | None = None) -> Iterator[StepInfo]:
        """Train window by window, and tell of each; as `fit`, to be stopped at any time."""
        if max_windows is not None and max_windows < 1:
            raise OptionError(f"max_windows={max_windows}, but at least one window is needed.")
        check_streams(self.state, streams.num_streams)
        count = 0
        while max_windows is None or count < max_windows:
            window = self._window(streams)
            if window is None:
                return
            yield self._train(window)
            count += 1

    def _window(self, streams: Streams) -> Window | None:
        """The next window, its input read; a shorter one at the end, None after it."""
        place = self._place
        window = next(self.policy.windows(None, begin=place.steps))
        window = window._replace(start=max(window.start, min(place.known)))
        while place.read is None or place.read.end < window.end:
            read = place.steps if place.read is None else place.read.end
            block = self._more(streams, window.end - read)
            if block is None:
                break
            place.read = _Read(read, block) if place.read is None else place.read.followed_by(block)
        end = place.steps if place.read is None else min(place.read.end, window.end)
        if end <= place.steps:
            return None
        return window._replace(end=end, stops=tuple(s for s in window.stops if s < end))

    def _more(self, streams: Streams, steps: int) -> StreamBlock | None:
        goes_on = self._place.given and streams.position == 0
        block = streams.read(steps)
        if block is not None:
            self._place.given = False
            if goes_on:
                block.starts[0] = False
        return block

    def _train(self, window: Window) -> StepInfo:
        self.module.train()  # between two windows it may have been evaluated
        info = train_step(self._fit, self._window_loss, window)
        self._fit.optimizer.zero_grad()
        # Only now: a window that failed has not happened.
        self._fit.step += 1
        self._place.read = self._still_needed(min(self._next))
        self._place.known, self._place.steps = self._next, window.end
        return info

    def _still_needed(self, step: int) -> _Read | None:
        """The input from a step on."""
        read = self._place.read
        if read is None or step >= read.end:
            return None
        return _Read(step, map_arrays(Tensor.clone, read.between(step, read.end)))

    def _window_loss(self, module: nn.Module, window: Window) -> BatchLoss:
        known = dict(self._place.known)
        starts = self.policy.later_starts(window)
        narrow = partial(_narrow, self._time_dim)
        pieces, after = run_window(window, partial(self._run, module), known, starts, narrow=narrow)
        self._next = {**known, window.end: after}
        assert self._place.read is not None
        block = self._place.read.between(window.begin, window.end)
        y = self._turned(block.x if block.y is None else block.y)
        loss = self.loss(output_of(pieces, self._time_dim), y)
        _check_loss(loss)
        count = block.starts.numel()
        return BatchLoss(loss, count, count)

    def _run(
        self, module: nn.Module, begin: int, end: int, state: Tensors
    ) -> tuple[Tensors, Tensors]:
        """Some steps, cut where a document begins in any stream."""
        assert self._place.read is not None
        block = self._place.read.between(begin, end)
        cuts = block.starts.any(dim=1).nonzero().flatten().tolist()
        borders = sorted({0, *cuts, end - begin})
        outputs = []
        for first, last in pairwise(borders):
            if state is not None and first in cuts:
                state = replace_streams(state, block.starts[first], self.initial_state)
            x = self._turned(block.x[first:last])
            output, state = call_module(module, x, state, batch_first=self.batch_first)
            outputs.append(output)
        if len(outputs) == 1:
            return outputs[0], state
        dim = self._time_dim
        return map_arrays(lambda *parts: torch.cat(parts, dim), outputs[0], *outputs[1:]), state

    @property
    def _time_dim(self) -> int:
        return 1 if self.batch_first else 0

    def _turned(self, tensor: Tensor) -> Tensor:
        """(T, B, ...) as the module has it."""
        return tensor.transpose(0, 1) if self.batch_first else tensor

    # -- going on in the middle -----------------------------------------------------------------

    def save(self, path: str | Path, streams: Streams) -> None:
        """Write everything that going on needs to one file: weights, optimizer, states, places.

        It is a `FitState`. A NamedTuple in the state comes back as a tuple; keep a tuple or a dict
        there. Raises ArchiveError if the disk refuses.
        """
        self._fit.batches = _Reading(self._place, streams)
        self._fit.state().save(path)

    def resume(self, path: str | Path, streams: Streams) -> None:
        """Go on from a file that `save` wrote: the next window is the one that would have come.

        streams: of the same sources. The random state is set too: that of the generator in use
        (`rnnkit.randomness.using`), or torch's own. Raises ArchiveError if the file holds no
        stream's training or does not fit the module, OptionError if it was made with another policy
        or other options of the optimizer, ShapeError if it is of another number of streams,
        InputError if it is of other streams; the trainer is as before then.
        """
        self._fit.restore(FitState.load(path), _Reading(self._place, streams))


def _narrow(time_dim: int, output: Tensors, begin: int, end: int, first: int) -> Tensors:
    return map_arrays(lambda tensor: tensor.narrow(time_dim, first - begin, end - first), output)


def _check_loss(loss: object) -> None:
    if not isinstance(loss, Tensor) or loss.ndim != 0:
        found = f"shape {tuple(loss.shape)}" if isinstance(loss, Tensor) else type(loss).__name__
        raise InputError(
            f"loss(output, y) gave {found}, but a scalar tensor was expected. Take the mean over "
            f"the window's steps."
        )
    if not loss.requires_grad:
        raise InputError(
            "loss(output, y) gave a loss without a gradient to go back through. Compute it from "
            "the output, without detach, item or no_grad."
        )
