"""What is printed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import geometric_mean

from benchmarks.layers.rows import Row
from rnnkit import cells
from rnnkit.native import library

HEAD = (
    f"{'cell':<5}{'shape':<27}{'lengths':<8}{'task':<10}"
    f"{'ms':>9}{'limit':>7}{'ratio':>7}  peers' time over ours"
)


def kernels(names: Iterable[str]) -> dict[str, str]:
    """Which of our kernels runs each cell here, and with which instructions."""
    found = {f"kernel {name}": getattr(cells, name)(1, 1).kernel for name in names}
    return {**found, "instructions": library.isa() or "no native library"}


def line(row: Row) -> str:
    """A row of the table, the peers from the fastest on."""
    share = f"{row.share:.0%}" if row.share else "-"
    peers = [f"{name} {spent / row.ours:.2f}" for name, spent in row.peers.items()]
    wrong = [f"{name} left out ({reason})" for name, reason in row.left_out.items()]
    return (
        f"{row.cell:<5}{row.shape:<27}{row.lengths:<8}{row.task:<10}"
        f"{1e3 * row.ours:>9.3f}{share:>7}{row.ratio:>7.2f}  {'; '.join(peers + wrong)}"
    )


def means(rows: Sequence[Row]) -> str:
    """Geometric means of the ratio by cell, task and lengths."""
    groups: dict[tuple[str, str, str], list[float]] = {}
    for row in rows:
        groups.setdefault((row.task, row.lengths, row.cell), []).append(row.ratio)
    lines = [
        f"  {task:<10}{lengths:<7}{cell:<5}{geometric_mean(ratios):6.2f}  ({len(ratios)} rows)"
        for (task, lengths, cell), ratios in sorted(groups.items())
    ]
    return "\n".join(["Fastest correct peer's time over ours, geometric means:", *lines])
