"""What a run comes to: geometric means beside what we want to reach."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from statistics import geometric_mean

from benchmarks.layers.rows import Row

Chosen = Callable[[Row], bool]


@dataclass(frozen=True)
class Figure:
    """One figure, what it should be at least, and the rows that fall short of it by themselves."""

    name: str
    value: float
    target: float
    short: Sequence[str] = field(default=())

    def __str__(self) -> str:
        reached = self.value >= self.target
        verdict = "reached" if reached else f"{1 - self.value / self.target:.0%} short"
        head = f"{self.name:<58} {self.value:6.2f}  target {self.target:4.2f}  {verdict}"
        return "\n".join([head, *(f"    {row}" for row in self.short)])


def figures(rows: Sequence[Row]) -> list[Figure]:
    """Every figure that these rows allow."""
    found = [
        *_means(rows),
        _least("worst row, equal", rows, lambda row: row.lengths == "equal" and _whole(row), 0.95),
        _packed(rows),
        *_shares(rows),
        _least("worst streaming step", rows, lambda row: row.task == "streaming", 2.0),
    ]
    return [figure for figure in found if figure is not None]


def _means(rows: Sequence[Row]) -> list[Figure | None]:
    """Geometric means of the ratio to the fastest correct peer."""
    targets = [
        ("equal", "training", ("LSTM",), 1.4),
        ("equal", "training", ("GRU", "RNN"), 2.0),
        ("equal", "inference", ("RNN", "GRU", "LSTM"), 1.15),
        ("ragged", "training", ("LSTM",), 2.0),
        ("ragged", "training", ("GRU", "RNN"), 3.0),
        ("ragged", "inference", ("RNN", "GRU", "LSTM"), 1.5),
    ]
    return [
        _mean(
            f"{' and '.join(cells) if len(cells) < 3 else 'all'} {task}, {lengths}",
            [r.ratio for r in rows if r.lengths == lengths and r.task == task and r.cell in cells],
            target,
        )
        for lengths, task, cells, target in targets
    ]


def _packed(rows: Iterable[Row]) -> Figure | None:
    """Training against PackedSequence alone, the faster of its two."""
    ratios = []
    for row in rows:
        packed = [spent for name, spent in row.peers.items() if "packed" in name]
        if row.task == "training" and packed:
            ratios.append(min(packed) / row.ours)
    return _mean("all training, ragged, against PackedSequence alone", ratios, 5.0)


def _shares(rows: Sequence[Row]) -> list[Figure | None]:
    """The least share of the machine's limit among rows large enough to come near it."""
    return [
        _least(
            f"{task}, {lengths}, H >= 128 and B >= 32: least share of the limit",
            rows,
            lambda row, task=task, lengths=lengths: (  # type: ignore[misc]
                (row.task, row.lengths) == (task, lengths)
                and row.hidden >= 128
                and row.batch >= 32
                and row.share is not None
            ),
            target,
            lambda row: row.share or 0.0,
        )
        for lengths in ("equal", "ragged")
        for task, target in (("inference", 0.8), ("training", 0.7))
    ]


def _whole(row: Row) -> bool:
    return row.task != "streaming"


def _mean(name: str, ratios: Sequence[float], target: float) -> Figure | None:
    return Figure(name, geometric_mean(ratios), target) if ratios else None


def _least(
    name: str,
    rows: Iterable[Row],
    chosen: Chosen,
    target: float,
    value: Callable[[Row], float] = lambda row: row.ratio,
) -> Figure | None:
    found = [(value(row), row) for row in rows if chosen(row)]
    if not found:
        return None
    short = [f"{row}: {reached:.2f}" for reached, row in found if reached < target]
    return Figure(name, min(reached for reached, _ in found), target, short)
