"""Random numbers: from torch's own generator, or from one that a fit has for itself.

Everything in rnnkit that draws asks `current`. Outside of `using` that is torch's own generator, so
`torch.manual_seed` works as people expect. A fit draws from a generator of its own: it leaves the
process's generators alone, and two fits in two threads do not spoil each other, since each thread
has its own `using`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

__all__ = [
    "Replay",
    "current",
    "dropout",
    "get_state",
    "rand",
    "reset_affine_",
    "set_state",
    "using",
]

_generator: ContextVar[torch.Generator | None] = ContextVar("rnnkit generator", default=None)

CPU = torch.device("cpu")


def current(device: torch.device = CPU) -> torch.Generator | None:
    """The generator to draw from on this device; None stands for torch's own.

    A generator serves its own device. Elsewhere torch's own is drawn from.
    """
    generator = _generator.get()
    return generator if generator is not None and generator.device.type == device.type else None


@contextmanager
def using(generator: torch.Generator | None) -> Iterator[None]:
    """Within, in this thread, rnnkit draws from this generator; None: from torch's own.

    Layers of other makers, such as `torch.nn.Dropout`, draw from torch's own all the same.

    >>> def drawn():
    ...     with using(torch.Generator().manual_seed(0)):
    ...         return rand(2)
    >>> bool((drawn() == drawn()).all())
    True
    """
    token = _generator.set(generator)
    try:
        yield
    finally:
        _generator.reset(token)


def get_state() -> Tensor:
    """The state of the generator that is drawn from on the CPU."""
    generator = current()
    return torch.get_rng_state() if generator is None else generator.get_state()


def set_state(state: Tensor) -> None:
    """Go on from what `get_state` gave."""
    generator = current()
    if generator is None:
        torch.set_rng_state(state)
    else:
        generator.set_state(state)


class Replay:
    """Draws again, as often as it is entered, what was drawn since it was made.

    Afterwards it goes on as if nothing had been drawn within.

    >>> again = Replay()
    >>> first = rand(2)
    >>> with again:
    ...     second = rand(2)
    >>> bool((first == second).all())
    True
    """

    def __init__(self) -> None:
        self._generator, self._state = _generator.get(), get_state()

    def __enter__(self) -> None:
        # Gradients may be asked for where another generator is in use.
        self._token = _generator.set(self._generator)
        self._after = get_state()
        set_state(self._state)

    def __exit__(self, *error: object) -> None:
        set_state(self._after)
        _generator.reset(self._token)


def rand(*size: int, device: torch.device = CPU) -> Tensor:
    """Uniform numbers in [0, 1), as `torch.rand`."""
    return torch.rand(size, generator=current(device), device=device)


def dropout(x: Tensor, p: float, training: bool = True) -> Tensor:
    """x * m / (1 - p), m 0 with probability p: `torch.nn.functional.dropout`, the same numbers."""
    if not training or p == 0.0:
        return x
    generator = current(x.device)
    if generator is None:
        return F.dropout(x, p)
    return x * torch.empty_like(x).bernoulli_(1.0 - p, generator=generator).div_(1.0 - p)


def reset_affine_(weight: Tensor, bias: Tensor | None) -> None:
    """torch's initial values of y = W x + b, in place: uniform in +-1 / sqrt(inputs of a unit)."""
    generator = current(weight.device)
    nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    if bias is not None:
        bound = 1 / math.sqrt(weight[0].numel())
        nn.init.uniform_(bias, -bound, bound, generator=generator)
