"""Memory and time of training on long sequences: ours, ours checkpointed, and `torch.nn`'s LSTM.

Many to one: the loss is on the last state, gradients go to the weights and not to the input. Each
way is measured at each length in a process of its own, after a warm-up on a short sequence and with
the input in place: memory is the peak of one forward and backward above what the process held just
before, time is the median of a few. Checkpointed segments have the square root of T steps. Before
anything is printed, all gradients are proved to be those of `torch.nn` in float64, and the
checkpointed ones to be the plain ones to the bit.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from benchmarks.costs import RUNS, Measured, in_a_process, measure, measure_all
from benchmarks.layers.peers.torch_modules import onednn
from benchmarks.report import versions, write
from rnnkit import cells

BATCH, INPUT, HIDDEN = 16, 16, 64
STEPS = (1_000, 3_000, 10_000, 30_000, 100_000)
JUDGED = 10_000  # steps at which the targets are read
MEMORY_TARGET, TIME_TARGET = 0.1, 1.5
PROOF_STEPS, WARM_UP_STEPS = 300, 100


@dataclass(frozen=True)
class Way:
    """A layer, how it is called, and whether the output of all steps is held until backward ends.

    segment: steps between two kept states, from T; None: everything is kept.
    """

    kind: type[nn.Module]
    segment: Callable[[int], int] | None = None
    keeps_output: bool = False
    onednn: bool = True

    def layer(self) -> nn.Module:
        """Seeded: every way has the same weights."""
        torch.manual_seed(0)
        return self.kind(INPUT, HIDDEN)

    def gradients(self, layer: nn.Module, x: Tensor) -> tuple[Tensor, ...]:
        """One forward and backward, x: (T, B, I)."""
        options: dict[str, Any] = {}
        if self.segment is not None:
            options = {"checkpoint": self.segment(len(x)), "need_output": self.keeps_output}
        with onednn(self.onednn):
            output, (h_n, _) = layer(x, **options)
            if not self.keeps_output:
                del output
            return torch.autograd.grad(h_n.sum(), list(layer.parameters()))


PLAIN, CHECKPOINTED = "rnnkit", "rnnkit checkpointed"
WITH_OUTPUT = f"{CHECKPOINTED}, output kept"
TORCH = ("torch oneDNN", "torch plain")
WAYS = {
    PLAIN: Way(cells.LSTM),
    CHECKPOINTED: Way(cells.LSTM, segment=math.isqrt),
    WITH_OUTPUT: Way(cells.LSTM, segment=math.isqrt, keeps_output=True),
    TORCH[0]: Way(nn.LSTM),
    TORCH[1]: Way(nn.LSTM, onednn=False),
}


def make_input(steps: int) -> Tensor:
    """(T, B, I)"""
    return torch.randn(steps, BATCH, INPUT, generator=torch.Generator().manual_seed(1))


def prove() -> None:
    """Stop unless all gradients are right, and the checkpointed ones equal to the bit."""
    x = make_input(PROOF_STEPS)
    reference = Way(nn.LSTM)
    expected = reference.gradients(reference.layer().double(), x.double())
    found = {name: way.gradients(way.layer(), x) for name, way in WAYS.items()}
    for name, gradients in found.items():
        tolerance = 1e-4 if name in TORCH else 1e-5
        for ours, wanted in zip(gradients, expected, strict=True):
            error = (ours - wanted).norm() / wanted.norm()
            if not error <= tolerance:
                raise SystemExit(f"{name}: a gradient is off by {error:.1e}.")
    for name in (CHECKPOINTED, WITH_OUTPUT):
        if not all(map(torch.equal, found[name], found[PLAIN])):
            raise SystemExit(f"{name}: the gradients are not those of {PLAIN} to the bit.")


def measure_one(name: str, steps: int) -> Measured:
    """In this process, which must have done nothing else."""
    way, layer, x = WAYS[name], WAYS[name].layer(), make_input(steps)
    return measure(
        name,
        steps,
        warm_up=lambda: way.gradients(layer, make_input(WARM_UP_STEPS)),
        run=lambda: way.gradients(layer, x),
    )


def measure_apart(name: str, steps: int, threads: int) -> Measured:
    """In a process of its own."""
    arguments = ["--one", name, "--steps", str(steps), "--threads", str(threads)]
    return Measured(**in_a_process("benchmarks.memory", arguments))


def line(found: Measured | str) -> str:
    """A row of the table."""
    if isinstance(found, str):
        return f"{'':10}{found}"
    mebibytes = found.bytes / 2**20
    return f"{found.steps:>8,}  {found.way:<34}{mebibytes:>10.1f} MiB{found.seconds:>9.3f} s"


def ratios(found: Sequence[Measured], steps: int) -> dict[str, float]:
    """Checkpointed memory over torch's (the smaller), and checkpointed time over our plain time."""
    ways = {one.way: one for one in found if one.steps == steps}
    if not {PLAIN, CHECKPOINTED, *TORCH} <= set(ways):
        return {}
    least = min(ways[name].bytes for name in TORCH)
    return {
        f"memory at T={steps}: checkpointed / torch": ways[CHECKPOINTED].bytes / least,
        f"time at T={steps}: checkpointed / plain": (
            ways[CHECKPOINTED].seconds / ways[PLAIN].seconds
        ),
    }


def main() -> None:
    """Prove, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.memory", description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="lengths T")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", metavar="FILE", help="write the result there ('-': print it)")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)  # what a process is given
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.one:
        print(json.dumps(asdict(measure_one(options.one, options.steps[0]))))
        return
    began = time.perf_counter()
    prove()
    for name, value in versions().items():
        print(f"{name:<12}{value}")
    print(f"LSTM, B={BATCH}, I={INPUT}, H={HIDDEN}; our kernel: {WAYS[PLAIN].layer().kernel}")
    found = []
    apart = partial(measure_apart, threads=options.threads)
    for one in measure_all(WAYS, options.steps, apart):
        print(line(one), flush=True)
        if isinstance(one, Measured):
            found.append(one)
    judged = ratios(found, JUDGED)
    for (name, ratio), target in zip(judged.items(), (MEMORY_TARGET, TIME_TARGET), strict=False):
        verdict = "reached" if ratio <= target else f"{ratio / target:.2f} times as much"
        print(f"{name}: {ratio:.3f}, target at most {target}, {verdict}")
    write(
        options.json,
        name="memory",
        metrics={name: round(ratio, 4) for name, ratio in judged.items()},
        baselines={},
        seconds=time.perf_counter() - began,
        settings={"B": BATCH, "I": INPUT, "H": HIDDEN, "runs": RUNS, "threads": options.threads},
        rows=[asdict(one) for one in found],
    )


if __name__ == "__main__":
    main()
