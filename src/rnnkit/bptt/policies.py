"""How far a gradient goes back through time: windows of steps, and where it is cut."""

from __future__ import annotations

import ast
import itertools
import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import ClassVar, NamedTuple, Protocol, TypeVar

from rnnkit import randomness
from rnnkit.bptt.states import scale_gradient
from rnnkit.errors import OptionError, check_option
from rnnkit.nest import map_arrays

__all__ = [
    "POLICIES",
    "Checkpointed",
    "Full",
    "Policy",
    "RandomTruncated",
    "Truncated",
    "Window",
    "policy_of",
]


S = TypeVar("S")  # a state or an output, in the form that its owner gives it


class Gate(Protocol):
    """What a state goes through before a step; the numbers stay the same."""

    def __call__(self, step: int, state: S, /) -> S: ...


class Watch(Protocol):
    """What the output of the steps begin..end-1 goes through; the numbers stay the same."""

    def __call__(self, begin: int, end: int, output: S, /) -> S: ...


class Window(NamedTuple):
    """Steps that are run with one graph, from a state that has none.

    The state before step `start` is where the gradient ends. Losses count from `begin` on: of the
    steps before it only the states matter, and their own losses belong to an earlier window.
    stops: steps inside before which the state goes through gate(step, state).
    watch: what (begin, end, output) of every piece between two stops goes through.
    """

    start: int
    begin: int
    end: int
    stops: tuple[int, ...] = ()
    gate: Gate | None = None
    watch: Watch | None = None

    @property
    def steps(self) -> slice:
        """The steps whose losses count: `target[window.steps]`."""
        return slice(self.begin, self.end)


class Policy(ABC):
    """Which windows a sequence is run in.

    exact: whether one window holds all steps, with nothing on the gradient's way.
    """

    exact: ClassVar[bool] = False

    @abstractmethod
    def windows(self, num_steps: int | None, *, begin: int = 0) -> Iterator[Window]:
        """The windows of a sequence in order; of an endless stream where num_steps is None.

        begin: the step that the first window's losses begin with.
        """

    def later_starts(self, window: Window) -> set[int]:
        """Where windows that come after this one will start, as far as it reaches."""
        return {window.end}

    def __str__(self) -> str:
        """In short, as `policy_of` reads it."""
        values = ((one.name, getattr(self, one.name)) for one in fields(self))  # type: ignore[arg-type]
        given = ", ".join(f"{name}={value}" for name, value in values if value is not None)
        return f"{type(self).__name__.lower()}({given})"


@dataclass(frozen=True)
class Full(Policy):
    """Back through every step to the first: the exact gradient.

    Its memory grows with the sequence. Source: Werbos 1990, Backpropagation Through Time.

    >>> list(Full().windows(7))[0][:3]
    (0, 0, 7)
    """

    exact = True

    def windows(self, num_steps: int | None, *, begin: int = 0) -> Iterator[Window]:
        yield Window(begin, begin, _ended(self, num_steps))


@dataclass(frozen=True)
class Truncated(Policy):
    """Every k1 steps, back through the last k2 of them.

    The losses of steps e-k1+1..e go back to step e-k2+1, for e = k1, 2 k1, ... and the last step;
    earlier steps are constants to them. k2 = None is k1: chunks one after the other, of which the
    last may be shorter. With k2 above k1 the k2-k1 steps before each chunk are run again, so that
    every loss reaches at least k2-k1 steps back, at k2/k1 times the cost.
    Raises OptionError unless 1 <= k1 <= k2.
    Sources: Williams & Peng 1990, BPTT(h; h') with h = k2, h' = k1; Sutskever 2013, Training
    Recurrent Neural Networks, section 2.8.6.

    >>> [window[:3] for window in Truncated(2, 3).windows(5)]
    [(0, 0, 2), (1, 2, 4), (2, 4, 5)]
    """

    k1: int
    k2: int | None = None

    def __post_init__(self) -> None:
        _check_whole("k1", self.k1)
        if self.k2 is not None:
            _check_whole("k2", self.k2)
        if self.reach < self.k1:
            raise OptionError(
                f"Truncated(k1={self.k1}, k2={self.k2}): a gradient that goes back k2 steps every "
                f"k1 steps would leave losses out. Choose k2 >= k1."
            )

    def __str__(self) -> str:
        return f"truncated({self.k1}, {self.reach})"

    @property
    def reach(self) -> int:
        """k2, or k1 where it was left out."""
        return self.k1 if self.k2 is None else self.k2

    def windows(self, num_steps: int | None, *, begin: int = 0) -> Iterator[Window]:
        while num_steps is None or begin < num_steps:
            end = begin + self.k1 if num_steps is None else min(begin + self.k1, num_steps)
            start = max(0, end - self.reach) if self.reach > self.k1 else begin
            yield Window(start, begin, end)
            begin = end

    def later_starts(self, window: Window) -> set[int]:
        later = self.windows(None, begin=window.end)
        starts = itertools.takewhile(lambda start: start < window.end, (w.start for w in later))
        return {*starts, window.end}


@dataclass(frozen=True)
class Checkpointed(Policy):
    """The exact gradient in less memory: states are kept between segments, the rest is run again.

    segments: how many; None is the square root of the steps, which needs the least memory.
    memory_budget: bytes instead, of states and of what one segment keeps; the fewest segments that
    fit are taken, and where no number fits, segments of segments. Runs each step forward twice
    (once more for each further level). A budget is that of one layer and direction where an
    estimator or a layer of rnnkit runs it; see `rnnkit.bptt.backward` for other modules.
    Raises OptionError for both at once, or a number below 1.
    Source: Gruslys et al. 2016, Memory-Efficient Backpropagation Through Time; Chen et al. 2016,
    section 4 (square root).

    >>> Checkpointed().segment_lengths(10_000)
    (100,)
    >>> Checkpointed(memory_budget=10**6).segment_lengths(10_000, step_bytes=4000, state_bytes=400)
    (245,)
    """

    exact = True

    segments: int | None = None
    memory_budget: int | None = None

    def __post_init__(self) -> None:
        if self.segments is not None and self.memory_budget is not None:
            raise OptionError(
                f"Checkpointed got segments={self.segments} and memory_budget="
                f"{self.memory_budget}: the one follows from the other, so give one of them."
            )
        for name in ("segments", "memory_budget"):
            if getattr(self, name) is not None:
                _check_whole(name, getattr(self, name))

    def windows(self, num_steps: int | None, *, begin: int = 0) -> Iterator[Window]:
        yield Window(begin, begin, _ended(self, num_steps))

    def segment_lengths(
        self, num_steps: int, *, step_bytes: float = 0.0, state_bytes: float = 0.0, levels: int = 8
    ) -> tuple[int, ...]:
        """Steps of a segment, and of the segments within each segment, the longest first.

        step_bytes, state_bytes: what a step keeps for backward, and what a state takes; asked for
        by a budget. levels: how many there may be. () is no segment at all: everything fits.
        Raises OptionError if the budget is too small for that many levels.
        """
        if self.memory_budget is None:
            segments = math.isqrt(num_steps) if self.segments is None else self.segments
            return (math.ceil(num_steps / min(segments, num_steps)),)
        if num_steps * step_bytes <= self.memory_budget:
            return ()
        needed = math.inf
        for level in range(1, levels + 1):
            lengths = self._lengths(num_steps, level, step_bytes, state_bytes)
            needed = min(needed, _needed(num_steps, lengths, step_bytes, state_bytes))
            if needed <= self.memory_budget:
                return lengths
        raise OptionError(
            f"memory_budget={self.memory_budget} bytes, but {num_steps:,} steps of "
            f"{step_bytes:,.0f} bytes with states of {state_bytes:,.0f} bytes need at least "
            f"{math.ceil(needed):,}. Raise the budget, or make the batch smaller."
        )

    def _lengths(
        self, num_steps: int, level: int, step_bytes: float, state_bytes: float
    ) -> tuple[int, ...]:
        """Segments at so many levels: the longest innermost ones that fit, or the thriftiest."""
        assert self.memory_budget is not None
        # Equal numbers of segments at each level keep their states' sum least.
        for_least = (num_steps * (state_bytes / step_bytes) ** level) ** (1 / (level + 1))
        least = min(num_steps, max(1, math.floor(for_least)))
        innermost, longest = least, num_steps
        while innermost < longest:  # memory grows with the innermost length from the least on
            middle = (innermost + longest + 1) // 2
            lengths = _spread(num_steps, middle, level)
            if _needed(num_steps, lengths, step_bytes, state_bytes) <= self.memory_budget:
                innermost = middle
            else:
                longest = middle - 1
        return _spread(num_steps, innermost, level)


@dataclass(frozen=True)
class RandomTruncated(Policy):
    """Cut at random, and weight what is not cut, so that the mean is the exact gradient (ARTBP).

    Before each step t the gradient is cut with probability c_t, and where it is not, what flows
    back through the state is multiplied by 1 / (1 - c_t): of the draws, a share (1 - c_t) passes.
    length: mean steps between two cuts, above 1. every: only every so many steps may be cut; 1 is
    the paper's, more is faster, since a layer runs that many steps in one call.
    alpha: None cuts with one probability, every / length; a number above 1 takes the paper's
    c_t = alpha / ((alpha - 1) length + steps since the last cut), whose weights grow by a power
    of the lag rather than exponentially.
    The weights grow with the lag, and the variance with them: read it from
    `rnnkit.diagnose.truncation_audit`.
    Raises OptionError for a value out of range.
    Source: Tallec & Ollivier 2017, Unbiasing Truncated Backpropagation Through Time.

    >>> import torch
    >>> with randomness.using(torch.Generator().manual_seed(0)):
    ...     windows = list(RandomTruncated(length=3).windows(9))
    >>> [window[:3] for window in windows]
    [(0, 0, 3), (3, 3, 4), (4, 4, 5), (5, 5, 9)]
    """

    length: float
    every: int = 1
    alpha: float | None = None

    def __post_init__(self) -> None:
        _check_whole("every", self.every)
        if not self.every < self.length < math.inf:
            raise OptionError(
                f"length={self.length}, but the mean distance of two cuts must be above "
                f"every={self.every}, or every gradient would be cut."
            )
        if self.alpha is not None and not 1 < self.alpha < math.inf:
            raise OptionError(f"alpha={self.alpha}, but a number above 1 was expected.")

    def probability(self, steps: int) -> float:
        """c_t, for a step that comes so many steps after the last cut."""
        if self.alpha is None:
            return self.every / self.length
        return self.every * self.alpha / ((self.alpha - 1) * self.length + steps)

    def windows(self, num_steps: int | None, *, begin: int = 0) -> Iterator[Window]:
        start, weights = begin, dict[int, float]()
        for step in itertools.count(begin + self.every, self.every):
            if num_steps is not None and step >= num_steps:
                yield _weighted(start, num_steps, weights)
                return
            probability = self.probability(step - start)
            if float(randomness.rand()) < probability:
                yield _weighted(start, step, weights)
                start, weights = step, {}
            else:
                weights[step] = 1 / (1 - probability)


def _weighted(start: int, end: int, weights: dict[int, float]) -> Window:
    def gate(step: int, state: S) -> S:
        return map_arrays(lambda tensor: scale_gradient(tensor, weights[step]), state)

    return Window(start, start, end, tuple(weights), gate)


def _spread(num_steps: int, innermost: int, level: int) -> tuple[int, ...]:
    """Lengths at so many levels, in equal ratios from the whole down to the innermost."""
    ratio = (num_steps / innermost) ** (1 / level)
    outer = (num_steps / ratio**depth for depth in range(1, level))
    return (*(max(1, math.ceil(length - 1e-9)) for length in outer), innermost)


def _needed(
    num_steps: int, lengths: tuple[int, ...], step_bytes: float, state_bytes: float
) -> float:
    """Bytes at the worst moment: the states of one segment at each level, and one innermost."""
    states = sum(
        math.ceil(whole / part) for whole, part in zip((num_steps, *lengths), lengths, strict=False)
    )
    return states * state_bytes + lengths[-1] * step_bytes


POLICIES: dict[str, type[Policy]] = {
    "full": Full,
    "truncated": Truncated,
    "checkpointed": Checkpointed,
    "randomtruncated": RandomTruncated,
}


def policy_of(value: object) -> Policy:
    """A policy as it is, by what its repr says, or full back-propagation for None.

    Raises OptionError if the text names no policy or its numbers do not fit.

    >>> policy_of("truncated(20, 40)"), policy_of("Full"), policy_of("Checkpointed(segments=9)")
    (Truncated(k1=20, k2=40), Full(), Checkpointed(segments=9, memory_budget=None))
    """
    if value is None:
        return Full()
    if isinstance(value, Policy):
        return value
    if not isinstance(value, str):
        raise OptionError(
            f"bptt={value!r}, but a policy of rnnkit.bptt was expected, such as Truncated(50), or "
            f"its text: 'truncated(50, 100)'."
        )
    name, numbers, named = _parsed(value)
    check_option("bptt", name, POLICIES)
    try:
        return POLICIES[name](*numbers, **named)
    except TypeError as error:
        raise OptionError(f"bptt={value!r}: {error}.") from None


def _parsed(text: str) -> tuple[str, list[object], dict[str, object]]:
    """`Name(1, b=2)` as its name in small letters, its numbers, and its named numbers."""
    try:
        tree = ast.parse(text.strip(), mode="eval").body
        if isinstance(tree, ast.Name):
            return tree.id.lower(), [], {}
        if isinstance(tree, ast.Call) and isinstance(tree.func, ast.Name):
            named = {str(one.arg): ast.literal_eval(one.value) for one in tree.keywords}
            return tree.func.id.lower(), [ast.literal_eval(one) for one in tree.args], named
    except (SyntaxError, ValueError):
        pass
    raise OptionError(
        f"bptt={text!r} cannot be read. Write a name and its numbers, such as 'full', "
        f"'truncated(50, 100)', 'checkpointed(memory_budget=100000000)' or 'randomtruncated(50)'."
    )


def _ended(policy: Policy, num_steps: int | None) -> int:
    if num_steps is None:
        raise OptionError(
            f"{policy!r} goes back to the first step, which a stream has left behind for good. "
            f"Give Truncated(k1, k2) or RandomTruncated(length)."
        )
    return num_steps


def _check_whole(name: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise OptionError(f"{name}={value!r}, but a whole number above 0 was expected.")
