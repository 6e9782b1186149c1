"""What a cell is, said once: every table of names, gates, states and sizes follows from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from rnnkit.errors import OptionError, check_option
from rnnkit.recurrence.arrays import A, Namespace

__all__ = [
    "NO_CELL",
    "CellSpec",
    "Keras",
    "Step",
    "by_mode",
    "by_name",
    "cell_choices",
    "cell_modes",
    "cell_names",
    "describe",
    "register",
    "unregister",
]

NO_CELL = "none"
"""The name of the feed-forward contrast: no cell, but it can stand wherever a cell's name can."""


class Step(Protocol):
    """A cell's equation, on arrays of any kind.

    xp: the functions of these arrays (`rnnkit.recurrence.arrays.Namespace`).
    products: W_ih x + b_ih and, of a cell with a recurrent product, W_hh h + b_hh: (B, G*H) each,
    the blocks of all gates side by side. state: the arrays of the state before.
    Returns the state after, h first and before any projection, and the gates in their order.
    """

    def __call__(
        self, xp: Namespace[A], products: tuple[A, ...], state: tuple[A, ...], /
    ) -> tuple[tuple[A, ...], tuple[A, ...]]: ...


@dataclass(frozen=True)
class Keras:
    """How Keras keeps the weights of the same cell.

    blocks: ours, in Keras' order. biases: 1 where Keras has one bias, (G*H,); 2 where it has a
    pair, (2, G*H).
    """

    blocks: tuple[str, ...]
    biases: int = 1


@dataclass(frozen=True, eq=False)
class CellSpec:
    """All that the rest of rnnkit has to know of a cell.

    name: the value of an estimator's `cell`.
    mode: the name in the kernels; torch's own where torch has the cell.
    description: for tables that people read.

    step: the equation.
    states: what goes from step to step: h first, which is the output; then, if any, a memory c.
    blocks: what each block of H rows of a weight computes, in order: a state's name, or a gate's.
    recurrent_product: whether h is multiplied by a matrix, W_hh.
    projection: whether h may be projected to P < H features.

    remembers: the gate that multiplies the state before.
    writes: the gate that multiplies what is new, where that is not 1 - `remembers`.
    forget_bias: whether the bias of `remembers` begins at `forget_bias`; see `initialize_`.
    signed: the gates with values in (-1, 1); the others are in (0, 1).
    keras: how Keras keeps the weights; None where Keras has no such cell.

    native: the number in csrc/rnnkit.h; None without a native kernel.
    kept: what the native kernel keeps for backward, in columns of H: gates and states by their
        names, anything else by a name of its own.
    torch_kernel: the function of `rnnkit.kernels` that runs the cell by fused or fewer operators of
        torch. Every cell has the reference kernel besides, which runs `step`.
    variant: whether it is a form of another cell, which `rnnkit compare` leaves out unless asked.

    A spec is copied and pickled as its mode, so that there is one of each.
    Raises OptionError if h does not come first, or what should name a gate names none.
    """

    name: str
    mode: str
    description: str
    step: Step
    states: tuple[str, ...] = ("h",)
    blocks: tuple[str, ...] = ("h",)
    recurrent_product: bool = True
    projection: bool = False
    remembers: str | None = None
    writes: str | None = None
    forget_bias: bool = False
    signed: tuple[str, ...] = ()
    keras: Keras | None = None
    native: int | None = None
    kept: tuple[str, ...] = ()
    torch_kernel: str | None = None
    variant: bool = False

    def __post_init__(self) -> None:
        # Now, as torch's compiler cannot trace the lock with which a property is computed once.
        _ = self.num_blocks, self.gates, self.has_memory, self.kernels
        unknown = {self.remembers, self.writes, *self.signed} - {None, *self.gates}
        if unknown or self.states[0] != "h":
            raise OptionError(
                f"CellSpec {self.name!r}: states={self.states}, but h is expected first; and "
                f"remembers={self.remembers!r}, writes={self.writes!r} and signed={self.signed} "
                f"should name gates among {self.gates}."
            )

    @cached_property
    def num_blocks(self) -> int:
        """G, the blocks of H rows in a weight."""
        return len(self.blocks)

    @cached_property
    def gates(self) -> tuple[str, ...]:
        """The names of the gates, in the order of their blocks."""
        return tuple(block for block in self.blocks if block not in self.states)

    @cached_property
    def has_memory(self) -> bool:
        """Whether there is a state besides h, which is seen through the cell alone: an LSTM's c."""
        return len(self.states) > 1

    @property
    def may_begin_as_identity(self) -> bool:
        """Whether W_hh can be an identity matrix at first: it is one matrix, without gates."""
        return self.recurrent_product and self.num_blocks == 1

    @cached_property
    def kernels(self) -> tuple[str, ...]:
        """The names of the kernels that run it, the preferred one first."""
        named = {"native": self.native, "torch": self.torch_kernel}
        return (*(name for name, where in named.items() if where is not None), "reference")

    def state_sizes(self, hidden_size: int, output_size: int) -> tuple[int, ...]:
        """Features of each state: P of h, H of the others."""
        return (output_size, *[hidden_size] * (len(self.states) - 1))

    def weight_shapes(
        self, input_size: int, hidden_size: int, *, proj_size: int = 0, bias: bool = True
    ) -> dict[str, tuple[int, ...]]:
        """The weights of one layer and direction by name; proj_size=0: no projection.

        >>> by_name("gru").weight_shapes(3, 2, bias=False)
        {'weight_ih': (6, 3), 'weight_hh': (6, 2)}
        """
        rows = self.num_blocks * hidden_size
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (rows, input_size)}
        if self.recurrent_product:
            shapes["weight_hh"] = (rows, proj_size or hidden_size)
        if bias:
            shapes["bias_ih"] = (rows,)
        if bias and self.recurrent_product:
            shapes["bias_hh"] = (rows,)
        if proj_size:
            shapes["weight_hr"] = (proj_size, hidden_size)
        return shapes

    def __reduce__(self) -> tuple[Callable[[str], CellSpec], tuple[str]]:
        return by_mode, (self.mode,)


# -- the cells that there are -------------------------------------------------------------------

_BY_NAME: dict[str, CellSpec] = {}
_BY_MODE: dict[str, CellSpec] = {}


def register(spec: CellSpec) -> CellSpec:
    """Add a cell: from now on every estimator, network and command takes its name.

    A model file that uses it loads where it is registered. Returns the spec.
    Raises OptionError if its name or mode is taken.

    >>> def leaky_step(xp, products, state):
    ...     (from_input, from_hidden), (h,) = products, state
    ...     return (0.75 * h + 0.25 * xp.tanh(from_input + from_hidden),), ()
    >>> spec = register(CellSpec("leaky", "LEAKY", "leaky integrator", leaky_step))
    >>> cell_choices()
    ('rnn', 'rnn-relu', 'gru', 'lstm', 'leaky', 'none')
    >>> unregister(spec)
    """
    for taken in (spec.name in (*_BY_NAME, NO_CELL), spec.mode in _BY_MODE):
        if taken:
            raise OptionError(
                f"a cell named {spec.name!r} with mode {spec.mode!r} cannot be added: one of the "
                f"two is taken. Names: {', '.join(cell_choices())}. Modes: {', '.join(_BY_MODE)}."
            )
    _BY_NAME[spec.name] = _BY_MODE[spec.mode] = spec
    return spec


def unregister(spec: CellSpec) -> None:
    """Take a cell away again."""
    del _BY_NAME[spec.name], _BY_MODE[spec.mode]


def by_name(name: str) -> CellSpec:
    """The cell of a name; raises OptionError, with the names that there are, for another.

    >>> by_name("lstm").gates
    ('i', 'f', 'g', 'o')
    """
    check_option("cell", name, _BY_NAME)
    return _BY_NAME[name]


def by_mode(mode: str) -> CellSpec:
    """The cell of a mode, "LSTM" for example; raises OptionError for another."""
    if mode not in _BY_MODE:
        check_option("mode", mode, _BY_MODE)
    return _BY_MODE[mode]


def cell_names() -> tuple[str, ...]:
    """The names of all cells."""
    return tuple(_BY_NAME)


def cell_modes() -> tuple[str, ...]:
    """The modes of all cells, in the order of `cell_names`."""
    return tuple(_BY_MODE)


def cell_choices() -> tuple[str, ...]:
    """What an estimator's `cell` can be: a cell's name, or "none"."""
    return (*_BY_NAME, NO_CELL)


def describe(name: str) -> str:
    """A cell's description; that of "none", too.

    >>> describe("rnn"), describe("none")
    ('rnn (tanh)', 'none (feed-forward)')
    """
    return f"{NO_CELL} (feed-forward)" if name == NO_CELL else by_name(name).description
