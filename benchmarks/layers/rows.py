"""A case, from its numbers to its rows: prove first, then measure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from benchmarks.layers.grid import Case
from benchmarks.layers.measure import Entry, measure
from benchmarks.layers.peers import Peer, peers_of
from benchmarks.layers.problem import Problem

OURS = "rnnkit"


@dataclass(frozen=True)
class Row:
    """One case and task.

    seconds: the median of each peer; left_out: why another has none; limit: floating-point
    operations a second that the machine can do, if that is known.
    """

    cell: str
    shape: str
    lengths: str
    task: str
    batch: int
    hidden: int
    flops: int
    seconds: dict[str, float]
    left_out: dict[str, str]
    limit: float | None

    def __str__(self) -> str:
        return f"{self.cell} {self.shape} {self.lengths} {self.task}"

    @property
    def ours(self) -> float:
        """Our seconds."""
        return self.seconds[OURS]

    @property
    def peers(self) -> dict[str, float]:
        """The others' seconds, the fastest first."""
        others = {name: spent for name, spent in self.seconds.items() if name != OURS}
        return dict(sorted(others.items(), key=lambda item: item[1]))

    @property
    def ratio(self) -> float:
        """How many times as long as ours the fastest correct peer takes."""
        return min(self.peers.values()) / self.ours

    @property
    def share(self) -> float | None:
        """Ours, of the machine's limit."""
        return self.flops / self.ours / self.limit if self.limit else None

    def to_json(self) -> dict[str, Any]:
        """What was measured and what follows from it, rounded."""
        return {
            "cell": self.cell,
            "shape": self.shape,
            "lengths": self.lengths,
            "task": self.task,
            "ratio": round(self.ratio, 3),
            "share": round(self.share, 3) if self.share else None,
            "milliseconds": {n: float(f"{1e3 * s:.4g}") for n, s in self.seconds.items()},
            "left_out": self.left_out,
            "flops": self.flops,
            "limit": round(self.limit) if self.limit else None,
        }


def rows_of(case: Case, tasks: Iterable[str], *, seconds: float, threads: int) -> Iterator[Row]:
    """A row for each task of a case, measured for so many seconds each."""
    problem = Problem.make(case)
    peers, unbuilt = _build(problem, threads)
    for task in tasks:
        right, wrong = _prove(problem, [p for p in peers if task in p.tasks], task)
        measured = measure(right, seconds=seconds, threads=threads)
        yield Row(
            cell=case.cell,
            shape=case.shape,
            lengths="ragged" if case.ragged else "equal",
            task=task,
            batch=case.batch,
            hidden=case.hidden,
            flops=case.flops(task),
            seconds=measured.seconds,
            left_out=unbuilt | wrong,
            limit=measured.limit,
        )


def _build(problem: Problem, threads: int) -> tuple[list[Peer], dict[str, str]]:
    """Every peer of the problem, and why another could not be made."""
    peers, failures = [], {}
    for name, make in peers_of(problem, threads):
        try:
            peers.append(make())
        except Exception as error:  # whatever another library raises, the run goes on without it
            _spare_ours(name, problem, error)
            failures[name] = _reason(error)
    return peers, failures


def _prove(
    problem: Problem, peers: Iterable[Peer], task: str
) -> tuple[dict[str, Entry], dict[str, str]]:
    """The calls whose results are right, by peer, and what is wrong with the others."""
    right, wrong = {}, {}
    for peer in peers:
        try:
            entry = Entry(peer.call(task), partial(peer.within, task))
            with entry.within():
                results = peer.read(task, entry.call())
            problem.check(task, results, peer.tolerance)
            right[peer.name] = entry
        except Exception as error:
            _spare_ours(peer.name, problem, error)
            wrong[peer.name] = _reason(error)
    return right, wrong


def _spare_ours(name: str, problem: Problem, error: Exception) -> None:
    if name == OURS:
        raise SystemExit(f"{OURS}: {problem.case}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:120]}"
