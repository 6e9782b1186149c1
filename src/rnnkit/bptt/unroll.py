"""The walk over windows, for whatever can run a few steps from a state."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import Generic, NamedTuple, TypeAlias, TypeVar

import torch

from rnnkit.bptt.policies import Window
from rnnkit.bptt.states import detach
from rnnkit.nest import map_arrays

__all__ = ["Piece", "Run", "output_of", "run_window", "unroll"]

S = TypeVar("S")  # a state
Out = TypeVar("Out")  # an output

Run: TypeAlias = Callable[[int, int, S], tuple[Out, S]]
"""(begin, end, state) -> the output of steps begin..end-1, and the state after them."""

Narrow: TypeAlias = Callable[[Out, int, int, int], Out]
"""(output of steps begin..end-1, begin, end, first) -> that of first..end-1."""


class Piece(NamedTuple, Generic[Out]):
    """The output of steps begin..end-1, all of which count."""

    begin: int
    end: int
    output: Out


def unroll(
    windows: Iterable[Window],
    run: Run[S, Out],
    state: S,
    *,
    narrow: Narrow[Out],
) -> Iterator[tuple[Window, list[Piece[Out]], S]]:
    """Run a sequence window by window; each is a graph of its own.

    state: before step 0. It is used as it is; every later state is a constant to what follows.
    Yields each window, the outputs of its steps from `window.begin` on, in order, and the state at
    its end, detached. Windows may be endless: they are read only as far as they are needed.
    """
    known = {0: state}
    for window, starts in _with_later_starts(windows):
        pieces, after = run_window(window, run, known, starts, narrow=narrow)
        yield window, pieces, after


def run_window(
    window: Window,
    run: Run[S, Out],
    known: dict[int, S],
    starts: set[int],
    *,
    narrow: Narrow[Out],
) -> tuple[list[Piece[Out]], S]:
    """Run one window, from the state that is known before its start.

    starts: where later windows will start that this one reaches; the states there are put into
    `known`, detached, and those that nobody needs any more are taken out.
    Returns the output of its steps from `window.begin` on, and the state at its end, detached.
    """
    state, pieces = known[window.start], list[Piece[Out]]()
    wanted = {start for start in starts if start not in known}
    for begin, end in _between(window, wanted):
        output, state = run(begin, end, state)
        if window.watch is not None:
            output = window.watch(begin, end, output)
        if end > window.begin:
            first = max(begin, window.begin)
            kept = output if first == begin else narrow(output, begin, end, first)
            pieces.append(Piece(first, end, kept))
        if end in wanted:
            known[end] = detach(state)
        if end in window.stops and window.gate is not None:
            state = window.gate(end, state)
    for step in known.keys() - starts:
        del known[step]
    return pieces, detach(state)


def _between(window: Window, wanted: set[int]) -> Iterator[tuple[int, int]]:
    """The window cut at its stops, and where a state is wanted."""
    inside = {step for step in wanted if window.start < step < window.end}
    steps = sorted({window.start, window.end, *window.stops} | inside)
    return pairwise(steps)


def _with_later_starts(windows: Iterable[Window]) -> Iterator[tuple[Window, set[int]]]:
    """Each window, and where later ones start that this one reaches."""
    coming = iter(windows)
    ahead = deque([next(coming)])
    while ahead:
        window = ahead.popleft()
        while not ahead or ahead[-1].start < window.end:
            following = next(coming, None)
            if following is None:
                break
            ahead.append(following)
        yield window, {later.start for later in ahead if later.start <= window.end}


def output_of(pieces: list[Piece[Out]], time_dim: int) -> Out:
    """The pieces' outputs as one."""
    if len(pieces) == 1:
        return pieces[0].output
    first, *others = (piece.output for piece in pieces)
    return map_arrays(lambda *parts: torch.cat(parts, dim=time_dim), first, *others)
