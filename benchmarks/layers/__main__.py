"""Time rnnkit's layers beside `torch.nn`, JAX, Keras and ONNX Runtime: see `benchmarks.layers`."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator

import torch

from benchmarks.layers import rows, streaming, tables
from benchmarks.layers.grid import GATES, SHAPES, TASKS, Case, grid
from benchmarks.layers.summary import figures
from benchmarks.report import versions, write

PACKAGES = ("jax", "jaxlib", "keras", "onnxruntime")


def main() -> None:
    """Prove, measure and print."""
    options = _parser().parse_args()
    keep_to(options.threads)
    began = time.perf_counter()
    # Whoever else works on these cores is in the load, and in every figure.
    ours = tables.kernels(options.cells) | {"load": f"{os.getloadavg()[0]:.2f}"}
    for name, value in (versions(*PACKAGES) | ours).items():
        print(f"{name:<14}{value}")
    print(tables.HEAD, flush=True)
    found = []
    for row in measured(options):
        print(tables.line(row), flush=True)
        found.append(row)
    summary = figures(found)
    print(tables.means(found), *summary, sep="\n")
    write(
        options.json,
        name="layers",
        metrics={figure.name: round(figure.value, 3) for figure in summary},
        baselines={},
        seconds=time.perf_counter() - began,
        settings={
            **ours,
            "seconds_per_row": options.seconds_per_row,
            "targets": {figure.name: figure.target for figure in summary},
        },
        packages=PACKAGES,
        rows=[row.to_json() for row in found],
    )


def keep_to(threads: int) -> None:
    """Give every library the same cores: JAX's pool has as many threads as it sees."""
    cores = sorted(os.sched_getaffinity(0))
    if not 1 <= threads <= len(cores):
        raise SystemExit(f"--threads {threads}: this process has {len(cores)} cores.")
    os.sched_setaffinity(0, cores[:threads])
    os.environ |= {"NPROC": str(threads), "JAX_PLATFORMS": "cpu"}  # read when JAX is imported
    torch.set_num_threads(threads)


def measured(options: argparse.Namespace) -> Iterator[rows.Row]:
    """Every row that was asked for, as it is measured."""
    only = set(options.only)
    tasks = only & {*TASKS, "streaming"} or {*TASKS, "streaming"}
    lengths = only & {"equal", "ragged"} or {"equal", "ragged"}
    budget = {"seconds": options.seconds_per_row, "threads": options.threads}
    for case in grid(options.cells, options.shapes, lengths) if tasks & {*TASKS} else []:
        yield from rows.rows_of(case, [task for task in TASKS if task in tasks], **budget)
    if "streaming" in tasks and "equal" in lengths:
        for cell in options.cells:
            for hidden in streaming.HIDDEN_SIZES:
                yield from streaming.rows_of(cell, hidden, **budget)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.layers", description=__doc__)
    parser.add_argument("--cells", nargs="+", choices=GATES, default=list(GATES))
    parser.add_argument(
        "--shapes",
        nargs="+",
        type=_shape,
        default=SHAPES,
        help=f"of these or others: {', '.join(SHAPES)}",
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=(*TASKS, "streaming", "equal", "ragged"),
        default=[],
        help="some of the tasks, or of the lengths",
    )
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--seconds-per-row", type=float, default=6.0)
    parser.add_argument("--json", metavar="FILE", help="write the result there ('-': print it)")
    return parser


def _shape(name: str) -> str:
    try:
        return Case.parse("RNN", name).shape
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


if __name__ == "__main__":
    main()
