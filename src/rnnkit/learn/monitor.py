"""Which epoch was best, and its weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from rnnkit.errors import check_option
from rnnkit.learn.history import Record
from rnnkit.learn.state import State

__all__ = ["Monitor"]


class Monitor:
    """Watches one value of the epochs' records, and keeps the weights of the best epoch.

    name: the value to watch. mode: "min" or "max", what better means. A value that is not finite
    (None in a record) is never better. Of equally good epochs the last is kept, which has learnt
    for longer: an accuracy on few examples is often a tie. `observe` raises OptionError if a record
    lacks the name.

    >>> layer = nn.Linear(1, 1)
    >>> monitor = Monitor(layer, "valid_loss", mode="min")
    >>> [monitor.observe({"epoch": e, "valid_loss": v}) for e, v in [(1, 0.5), (2, 0.4), (3, 0.6)]]
    [True, True, False]
    >>> monitor.best_epoch, monitor.epochs_since_best
    (2, 1)
    """

    def __init__(self, module: nn.Module, name: str, *, mode: str) -> None:
        check_option("mode", mode, ["min", "max"])
        self.name, self.mode = name, mode
        self.best_epoch: int | None = None
        self.best_value: float | None = None
        self.epochs_since_best = 0
        self._module = module
        self._weights: dict[str, Tensor] = {}

    def observe(self, record: Record) -> bool:
        """Take in an epoch's record; whether it is better than all before."""
        check_option("monitor", self.name, record)
        value = record[self.name]
        better = value is not None and self._is_better(value)
        self.epochs_since_best = 0 if better else self.epochs_since_best + 1
        if better or (value is not None and value == self.best_value):
            self.best_value, self.best_epoch = value, int(record["epoch"] or 0)
            self._keep_weights()
        return better

    def restore(self) -> None:
        """Give the module the weights of the best epoch; as they are if there is none yet."""
        if self.best_epoch is not None:
            self._module.load_state_dict(self._weights)

    def state_dict(self) -> State:
        """What `load_state_dict` needs to go on from here."""
        return {
            "best_epoch": self.best_epoch,
            "best_value": self.best_value,
            "epochs_since_best": self.epochs_since_best,
            "weights": self._weights,
        }

    def load_state_dict(self, state: State) -> None:
        """Go on from a `state_dict`."""
        self.best_epoch, self.best_value = state["best_epoch"], state["best_value"]
        self.epochs_since_best, self._weights = state["epochs_since_best"], state["weights"]

    def _is_better(self, value: float) -> bool:
        if self.best_value is None:
            return True
        return value < self.best_value if self.mode == "min" else value > self.best_value

    @torch.no_grad()
    def _keep_weights(self) -> None:
        for name, tensor in self._module.state_dict().items():
            if name in self._weights:
                self._weights[name].copy_(tensor)  # no new memory after the first time
            else:
                self._weights[name] = tensor.detach().clone()
