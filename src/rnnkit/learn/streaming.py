"""Training on streams: state goes on from window to window, gradients as far as the policy says."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from rnnkit import archive
from rnnkit.batch import StreamBlock, Streams
from rnnkit.bptt import (
    Policy,
    Window,
    call_module,
    check_streams,
    detach,
    output_of,
    policy_of,
    replace_streams,
    run_window,
)
from rnnkit.errors import ArchiveError, InputError, OptionError, RnnkitError
from rnnkit.learn.callbacks import StepInfo
from rnnkit.learn.history import Record
from rnnkit.learn.kept import from_plain, to_plain
from rnnkit.learn.loop import BatchLoss, Totals, Trainer
from rnnkit.nest import map_tensors
from rnnkit.tensors import from_arrays, to_arrays

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
        joined = map_tensors(lambda one, other: torch.cat([one, other]), self.block, more)
        return _Read(self.begin, joined)


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
        loss: Callable[[Any, Any], Tensor],
        *,
        policy: Policy | str = "truncated(50)",
        optimizer: str = "adam",
        lr: float = 1e-3,
        weight_decay: float = 0.0,
        momentum: float = 0.0,
        clip_norm: float | None = 1.0,
        clip_value: float | None = None,
        initial_state: Any = None,
        batch_first: bool = False,
    ) -> None:
        self.module, self.loss, self.policy = module, loss, policy_of(policy)
        if self.policy.exact:
            next(self.policy.windows(None))  # says why not
        self._trainer = Trainer(
            module,
            self._window_loss,
            optimizer=optimizer,
            lr=lr,
            weight_decay=weight_decay,
            momentum=momentum,
            clip_norm=clip_norm,
            clip_value=clip_value,
        )
        self.initial_state, self.batch_first = detach(initial_state), batch_first
        self.windows, self.steps = 0, 0
        # The states before the steps from which this window and later ones start.
        self._known: dict[int, Any] = {0: self.initial_state}
        self._read: _Read | None = None
        self._next: dict[int, Any] = {}
        self._given = False  # a state to go on from in streams that are read from their beginning

    @property
    def state(self) -> Any:
        """Of each stream after the last window; a copy is not needed, it has no graph."""
        return self._known[self.steps]

    @state.setter
    def state(self, state: Any) -> None:
        """Go on from another state, or with None from the initial one.

        What lies before it is forgotten, which a first window with k2 > k1 goes back less for. It
        holds for the first step of new streams too: `trainer.state = trainer.state` goes on in a
        second file where the first has ended, and without it each file begins anew.
        """
        self._known = {self.steps: self.initial_state if state is None else detach(state)}
        self._read, self._given = None, state is not None

    # -- training -------------------------------------------------------------------------------

    def fit(self, streams: Streams, max_windows: int | None = None) -> Record:
        """Train to the end of the streams, or for so many windows.

        Returns loss (mean over steps), steps (of the optimizer), tokens (of all streams),
        grad_norm_mean and grad_norm_max (before clipping), clipped_share, seconds and so on, as in
        a `History`. Raises InputError if there is nothing to read, OptionError unless max_windows
        is None or above 0.
        """
        totals, began = Totals(), time.perf_counter()
        for info in self.run(streams, max_windows):
            totals.add(info)
        if totals.steps == 0:
            raise InputError("the streams hold no step (any more): there is nothing to train on.")
        return totals.record(1, time.perf_counter() - began)

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
        window = next(self.policy.windows(None, begin=self.steps))
        start = max(window.start, min(self._known))
        window = window._replace(start=start)
        while self._read is None or self._read.end < window.end:
            read = self.steps if self._read is None else self._read.end
            block = self._more(streams, window.end - read)
            if block is None:
                break
            self._read = _Read(read, block) if self._read is None else self._read.followed_by(block)
        end = self.steps if self._read is None else min(self._read.end, window.end)
        if end <= self.steps:
            return None
        return window._replace(end=end, stops=tuple(s for s in window.stops if s < end))

    def _more(self, streams: Streams, steps: int) -> StreamBlock | None:
        goes_on = self._given and streams.position == 0
        block = streams.read(steps)
        if block is not None:
            self._given = False
            if goes_on:
                block.starts[0] = False
        return block

    def _train(self, window: Window) -> StepInfo:
        self.module.train()  # between two windows it may have been evaluated
        info = self._trainer.train_step(window, step=self.windows + 1)
        self._trainer.optimizer.zero_grad()
        # Only now: a window that failed has not happened.
        self._known, self.steps = self._next, window.end
        self.windows += 1
        assert self._read is not None
        needed = min(self._known)
        if needed >= self._read.end:
            self._read = None
        else:
            rest = self._read.between(needed, self._read.end)
            self._read = _Read(needed, map_tensors(Tensor.clone, rest))
        return info

    def _window_loss(self, module: nn.Module, window: Window) -> BatchLoss:
        known = dict(self._known)
        starts = self.policy.later_starts(window)
        narrow = partial(_narrow, self._time_dim)
        pieces, after = run_window(window, partial(self._run, module), known, starts, narrow=narrow)
        self._next = {**known, window.end: after}
        assert self._read is not None
        block = self._read.between(window.begin, window.end)
        y = self._turned(block.x if block.y is None else block.y)
        loss = self.loss(output_of(pieces, self._time_dim), y)
        _check_loss(loss)
        count = block.starts.numel()
        return BatchLoss(loss, count, count)

    def _run(self, module: nn.Module, begin: int, end: int, state: Any) -> tuple[Any, Any]:
        """Some steps, cut where a document begins in any stream."""
        assert self._read is not None
        block = self._read.between(begin, end)
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
        return map_tensors(lambda *parts: torch.cat(parts, dim), outputs[0], *outputs[1:]), state

    @property
    def _time_dim(self) -> int:
        return 1 if self.batch_first else 0

    def _turned(self, tensor: Tensor) -> Tensor:
        """(T, B, ...) as the module has it."""
        return tensor.transpose(0, 1) if self.batch_first else tensor

    # -- going on in the middle -----------------------------------------------------------------

    def save(self, path: str | Path, streams: Streams) -> None:
        """Write everything that going on needs to one file: weights, optimizer, states, places.

        A NamedTuple in the state comes back as a tuple; keep a tuple or a dict there.
        Raises ArchiveError if the disk refuses.
        """
        tensors: dict[str, Tensor] = {}
        kept = {
            "module": self.module.state_dict(),
            "optimizer": self._trainer.optimizer.state_dict(),
            "known": self._known,
            "read": None if self._read is None else (self._read.begin, tuple(self._read.block)),
            "streams": streams.state_dict(),
            "given": self._given,
            "random": torch.get_rng_state(),
        }
        header = {
            "estimator": type(self).__name__,
            "policy": repr(self.policy),
            "optimizer": self._optimizer_names(),
            "windows": self.windows,
            "steps": self.steps,
            "num_streams": streams.num_streams,
            "kept": to_plain(kept, tensors),
        }
        archive.write(path, header, to_arrays(tensors))

    def resume(self, path: str | Path, streams: Streams) -> None:
        """Go on from a file that `save` wrote: the next window is the one that would have come.

        streams: of the same sources. The random state is set too, and the optimizer goes on with
        the file's lr, weight_decay and momentum. Raises ArchiveError if the file holds no stream's
        training or does not fit the module, OptionError if it was made with another policy or
        optimizer, ShapeError if it is of another number of streams, InputError if it is of other
        streams; the trainer is as before then.
        """
        header, arrays = archive.read(path)
        if header.get("estimator") != type(self).__name__:
            raise ArchiveError(
                f"{path}: holds a {header.get('estimator')!r}, not the training of a stream."
            )
        mine = {"policy": repr(self.policy), "optimizer": self._optimizer_names()}
        for name, value in mine.items():
            if header[name] != value:
                raise OptionError(
                    f"{path}: was trained with {header[name]}, but this trainer has {value}. Give "
                    f"it the same {name}."
                )
        kept = from_plain(header["kept"], from_arrays(arrays))
        before = {
            "module": copy.deepcopy(self.module.state_dict()),
            "optimizer": copy.deepcopy(self._trainer.optimizer.state_dict()),
        }
        try:
            self._load(kept, path)
            streams.load_state_dict(kept["streams"])
        except RnnkitError:
            self._load(before, path)
            raise
        self._known, self._given = kept["known"], kept["given"]
        begin, block = kept["read"] or (0, None)
        self._read = None if block is None else _Read(begin, StreamBlock(*block))
        self.windows, self.steps = header["windows"], header["steps"]
        torch.set_rng_state(kept["random"])

    def _load(self, kept: Mapping[str, Any], path: str | Path) -> None:
        try:
            self.module.load_state_dict(kept["module"])
            self._trainer.optimizer.load_state_dict(kept["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ArchiveError(f"{path}: does not fit the module: {error}") from None

    def _optimizer_names(self) -> str:
        return " and ".join(type(one).__name__ for one in self._trainer.optimizer.optimizers)


def _narrow(time_dim: int, output: Any, begin: int, end: int, first: int) -> Any:
    return map_tensors(lambda tensor: tensor.narrow(time_dim, first - begin, end - first), output)


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
