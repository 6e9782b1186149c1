"""A fit as a value: everything that going on needs, and its file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

from torch import Tensor

from rnnkit import archive
from rnnkit.errors import ArchiveError
from rnnkit.learn.state_json import State, from_json, to_json
from rnnkit.tensors import from_arrays, to_arrays

__all__ = ["FitState", "Stateful"]


@runtime_checkable
class Stateful(Protocol):
    """What can say where it stands, and go on from there.

    Batches that hold more than a number of steps, such as states that are carried from batch to
    batch, offer this. Iterating after `load_state_dict` then gives the batches that were left.
    """

    def state_dict(self) -> State: ...

    def load_state_dict(self, state: State) -> None: ...


@dataclass(frozen=True, kw_only=True)
class FitState:
    """All that a running fit is, between two of its steps. It shares no memory with the fit.

    trainer: the class of what trains. options: by name, those it was made with.
    epoch: under way, from 1; step: how many of its steps were taken, of num_steps; num_steps is
        None where it has not begun.
    weights, optimizer: of the module, and the optimizer's moments.
    schedule, monitor, average: None where there is none. The monitor's holds the best weights, the
        average's the running mean.
    history: of the epochs that are over. totals: the sums of the one under way.
    random: of the generator that is drawn from; see `rnnkit.randomness`. process_random: of torch's
        own, if that is another one and was drawn from too since the fit began: by layers of other
        makers. Otherwise going on leaves torch's own alone.
    batches: where the batches stand, if they are `Stateful`.
    seed: from which the fit draws, and calls: of `partial_fit`, as its owner has counted them.

    >>> import tempfile, torch
    >>> from rnnkit.learn import BatchLoss, Callback, Trainer
    >>> path = Path(tempfile.mkdtemp()) / "fit.rnn"
    >>> class Keep(Callback):
    ...     def on_batch_end(self, fit, info):
    ...         if (info.epoch, info.step) == (1, 2):
    ...             fit.state().save(path)
    >>> def trainer(**options):
    ...     module = torch.nn.Linear(1, 1)
    ...     return Trainer(module, lambda module, x: BatchLoss(module(x).mean(), 1, 1), **options)
    >>> x = torch.ones(4, 1)
    >>> first = trainer(max_epochs=2, callbacks=[Keep()])
    >>> _ = first.fit(lambda epoch: [x, -x, x])
    >>> second = trainer(max_epochs=2)
    >>> _ = second.fit(lambda epoch: [x, -x, x], state=FitState.load(path))
    >>> torch.equal(first.module.weight, second.module.weight)
    True
    """

    trainer: str
    options: State
    epoch: int
    step: int
    num_steps: int | None
    weights: Mapping[str, Tensor]
    optimizer: State
    schedule: State | None
    monitor: State | None
    average: State | None
    history: State
    totals: State
    random: Tensor
    process_random: Tensor | None
    batches: State | None
    seed: int | None
    calls: int

    def save(self, path: str | Path) -> None:
        """Write it to one file, without pickle; an older file stays until the new one is whole.

        A NamedTuple comes back as a tuple: keep a tuple or a dict in the state of a module.
        Raises ArchiveError if the disk refuses.
        """
        tensors: dict[str, Tensor] = {}
        header = {"estimator": self.trainer, "fit": to_json(vars(self), tensors)}
        archive.write(path, header, to_arrays(tensors))

    @classmethod
    def load(cls, path: str | Path) -> FitState:
        """What `save` wrote. Raises ArchiveError if the file is broken, or holds something else."""
        header, arrays = archive.read(path)
        if "fit" not in header:
            raise ArchiveError(
                f"{path}: holds a {header.get('estimator')!r}, but a fit under way was expected, "
                f"as FitState.save writes it."
            )
        try:
            return cls(**from_json(header["fit"], from_arrays(arrays)))
        except (KeyError, TypeError, ValueError):
            raise ArchiveError(
                f"{path}: the fit in this file is of another version of rnnkit, or was altered. "
                f"Begin the fit again."
            ) from None
