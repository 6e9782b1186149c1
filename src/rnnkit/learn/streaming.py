"""Training on streams: state goes on from window to window, gradients as far as the policy says."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
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
from rnnkit.errors import ArchiveError, InputError, OptionError
from rnnkit.learn.callbacks import StepInfo
from rnnkit.learn.history import Record
from rnnkit.learn.kept import from_plain, to_plain
from rnnkit.learn.loop import BatchLoss, Totals, Trainer
from rnnkit.nest import map_tensors

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
    loss: (output, y) -> the mean loss over a window's steps. y is that of the streams, or x where
        they have none.
    policy: `Truncated(k1, k2)` trains every k1 steps and goes back k2; `RandomTruncated` at random.
    optimizer, lr, weight_decay, momentum, clip_norm, clip_value: as for `Trainer`.
    initial_state: what streams begin with, and each document in them, (…, B, …); None: the module's
        own at first, and zeros after a document's end.

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
        self.initial_state = detach(initial_state)
        self.windows, self.steps = 0, 0
        # The states before the steps from which this window and later ones start.
        self._known: dict[int, Any] = {0: self.initial_state}
        self._read: _Read | None = None
        self._next: dict[int, Any] = {}

    @property
    def state(self) -> Any:
        """Of each stream after the last window; a copy is not needed, it has no graph."""
        return self._known[self.steps]

    @state.setter
    def state(self, state: Any) -> None:
        """Go on from another state; what lies before it is forgotten."""
        self._known = {self.steps: detach(state)}
        self._read = None

    # -- training -------------------------------------------------------------------------------

    def fit(self, streams: Streams, max_windows: int | None = None) -> Record:
        """Train to the end of the streams, or for so many windows.

        Returns loss (mean over steps), steps (of the optimizer), tokens (of all streams),
        grad_norm_mean and grad_norm_max (before clipping), clipped_share, seconds and so on, as in
        a `History`. Raises InputError if there is nothing to read.
        """
        totals, began = Totals(), time.perf_counter()
        for info in self.run(streams, max_windows):
            totals.add(info)
        if totals.steps == 0:
            raise InputError("the streams hold no step (any more): there is nothing to train on.")
        return totals.record(1, time.perf_counter() - began)

    def run(self, streams: Streams, max_windows: int | None = None) -> Iterator[StepInfo]:
        """Train window by window, and tell of each; as `fit`, to be stopped at any time."""
        check_streams(self.state, streams.num_streams)
        self.module.train()
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
            block = streams.read(window.end - read)
            if block is None:
                break
            self._read = _Read(read, block) if self._read is None else self._read.followed_by(block)
        end = self.steps if self._read is None else min(self._read.end, window.end)
        if end <= self.steps:
            return None
        return window._replace(end=end, stops=tuple(s for s in window.stops if s < end))

    def _train(self, window: Window) -> StepInfo:
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
        pieces, after = run_window(
            window, partial(self._run, module), known, starts, narrow=_narrow
        )
        self._next = {**known, window.end: after}
        assert self._read is not None
        block = self._read.between(window.begin, window.end)
        loss = self.loss(output_of(pieces, 0), block.x if block.y is None else block.y)
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
            output, state = call_module(module, block.x[first:last], state)
            outputs.append(output)
        if len(outputs) == 1:
            return outputs[0], state
        return map_tensors(lambda *parts: torch.cat(parts), outputs[0], *outputs[1:]), state

    # -- going on in the middle -----------------------------------------------------------------

    def save(self, path: str | Path, streams: Streams) -> None:
        """Write everything that going on needs to one file: weights, optimizer, states, places.

        Raises ArchiveError if the disk refuses.
        """
        tensors: dict[str, Tensor] = {}
        kept = {
            "module": self.module.state_dict(),
            "optimizer": self._trainer.optimizer.state_dict(),
            "known": self._known,
            "read": None if self._read is None else (self._read.begin, tuple(self._read.block)),
            "streams": streams.state_dict(),
            "random": torch.get_rng_state(),
        }
        header = {
            "estimator": type(self).__name__,
            "policy": repr(self.policy),
            "windows": self.windows,
            "steps": self.steps,
            "num_streams": streams.num_streams,
            "kept": to_plain(kept, tensors),
        }
        archive.write(path, header, tensors)

    def resume(self, path: str | Path, streams: Streams) -> None:
        """Go on from a file that `save` wrote: the next window is the one that would have come.

        streams: of the same sources. The random state is set, too. Raises ArchiveError if the file
        holds no stream's training or does not fit the module, OptionError if it was made with
        another policy, ShapeError if it is of another number of streams.
        """
        header, tensors = archive.read(path)
        if header.get("estimator") != type(self).__name__:
            raise ArchiveError(
                f"{path}: holds a {header.get('estimator')!r}, not the training of a stream."
            )
        if header["policy"] != repr(self.policy):
            raise OptionError(
                f"{path}: was trained with {header['policy']}, but this trainer has "
                f"{self.policy!r}. Give it the same policy."
            )
        kept = from_plain(header["kept"], tensors)
        streams.load_state_dict(kept["streams"])
        try:
            self.module.load_state_dict(kept["module"])
            self._trainer.optimizer.load_state_dict(kept["optimizer"])
        except (KeyError, RuntimeError, ValueError) as error:
            raise ArchiveError(f"{path}: does not fit the module: {error}") from None
        self._known = kept["known"]
        begin, block = kept["read"] or (0, None)
        self._read = None if block is None else _Read(begin, StreamBlock(*block))
        self.windows, self.steps = header["windows"], header["steps"]
        torch.set_rng_state(kept["random"])


def _narrow(output: Any, begin: int, end: int, first: int) -> Any:
    return map_tensors(lambda tensor: tensor[first - begin : end - begin], output)
