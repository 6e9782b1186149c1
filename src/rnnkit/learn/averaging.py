"""A running mean of the weights, which is steadier than the weights of any one step."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from numbers import Real

import torch
from torch import nn

from rnnkit.errors import OptionError
from rnnkit.learn.state import State

__all__ = ["WeightAverage", "check_decay"]


class WeightAverage:
    """The exponential moving average of a module's trained weights.

        d_t = min(decay, (1 + t) / (10 + t))        after step t = 1, 2, …
        a_t = d_t a_{t-1} + (1 - d_t) w_t           a_0 = w_0

    Averaged weights answer better than the last ones where steps are still large (Polyak &
    Juditsky 1992; for recurrent language models Merity et al. 2018). The memory is short at first,
    as in TensorFlow's `ExponentialMovingAverage`, so that the random start is soon forgotten.
    Buffers, such as the statistics of a batch norm, are not averaged. A step costs a pass over all
    weights, those of embeddings too that the step did not touch.

    decay: in (0, 1); 1 / (1 - decay) steps are remembered. Raises OptionError out of that range.

    >>> layer = nn.Linear(1, 1, bias=False)
    >>> _ = nn.init.constant_(layer.weight, 0.0)
    >>> average = WeightAverage(layer, decay=0.999)
    >>> _ = nn.init.constant_(layer.weight, 11.0)
    >>> average.update()
    >>> with average.applied():
    ...     print(round(layer.weight.item(), 4))
    9.0
    >>> layer.weight.item()
    11.0
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        check_decay(decay)
        self.decay, self.steps = decay, 0
        self._weights = [weight for weight in module.parameters() if weight.requires_grad]
        self._means = [weight.detach().clone() for weight in self._weights]
        self._swapped = False

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for mean, weight in zip(self._means, self._weights, strict=True):
            mean.lerp_(weight, 1 - decay)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Within, the module has the mean weights; afterwards its own again."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @contextmanager
    def set_aside(self) -> Iterator[None]:
        """Within, the module has its own weights, inside of `applied` too."""
        swapped = self._swapped
        if swapped:
            self._swap()
        try:
            yield
        finally:
            if swapped:
                self._swap()

    def state_dict(self) -> State:
        """What `load_state_dict` needs to go on from here; not inside of `applied`."""
        return {"steps": self.steps, "means": self._means}

    @torch.no_grad()
    def load_state_dict(self, state: State) -> None:
        """Go on from a `state_dict`."""
        self.steps = state["steps"]
        for mean, kept in zip(self._means, state["means"], strict=True):
            mean.copy_(kept)

    @torch.no_grad()
    def keep(self) -> None:
        """Leave the mean weights in the module for good."""
        for mean, weight in zip(self._means, self._weights, strict=True):
            weight.copy_(mean)

    @torch.no_grad()
    def _swap(self) -> None:
        for mean, weight in zip(self._means, self._weights, strict=True):
            own = weight.clone()
            weight.copy_(mean)
            mean.copy_(own)
        self._swapped = not self._swapped


def check_decay(decay: float) -> None:
    """Raise OptionError unless it is one that `WeightAverage` can use."""
    if not isinstance(decay, Real) or not 0 < decay < 1:
        raise OptionError(
            f"ema_decay={decay!r}, but it lies between 0 and 1, such as 0.999, which averages over "
            f"about the last 1,000 steps. None does not average."
        )
