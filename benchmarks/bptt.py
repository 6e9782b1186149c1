"""What back-propagation through time costs: full, truncated, checkpointed, and on a stream.

An LSTM with a loss at every step. Each way is measured at each length in a process of its own,
after a warm-up on a short sequence and with the input in place: memory is the peak of one gradient
above what the process held just before, time is the median of a few. Then the audit: cosines of
truncated gradients with the full one, of a model that is learning to say what it heard 20 steps
ago. Then training on streams from disk, of more and more steps. Before anything is printed, full
and checkpointed gradients are proved to be those of `torch.nn` in float64, and truncated ones to
be those of chunks by hand.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.costs import RUNS, Measured, held, in_a_process, measure, measure_all
from benchmarks.layers.peers.torch_modules import onednn
from benchmarks.report import versions, write
from rnnkit import bptt, cells
from rnnkit.batch import Streams
from rnnkit.diagnose import truncation_audit
from rnnkit.learn import StreamTrainer

BATCH, INPUT, HIDDEN = 16, 16, 64
STEPS = (1_000, 3_000, 10_000, 30_000, 100_000)
STREAM_STEPS = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
PROOF_STEPS, WARM_UP_STEPS = 300, 100

AUDIT_STEPS, AUDIT_LAG, AUDIT_TRAINING = 400, 20, 200
AUDITED = ((1, 1), (5, 5), (10, 10), (10, 20), (20, 20), (20, 40), (50, 50), (50, 100), (100, 100))

STREAMS, WINDOW = 16, 100


@dataclass(frozen=True)
class Way:
    """A layer, and how far its gradient goes back.

    plain: written by hand with torch alone, as its users do: one call, one backward.
    inside: the policy is the layer's own, rather than that of `rnnkit.bptt.backward`.
    """

    kind: type[nn.Module]
    policy: bptt.Policy
    plain: bool = False
    inside: bool = False
    onednn: bool = True

    def layer(self) -> nn.Module:
        """Seeded: every way has the same weights."""
        torch.manual_seed(0)
        layer = self.kind(INPUT, HIDDEN)
        return cells.set_bptt(layer, self.policy) if self.inside else layer

    def gradients(self, layer: nn.Module, x: Tensor) -> list[Tensor]:
        """One gradient of a loss at every step; x: (T, B, I)."""
        layer.zero_grad(set_to_none=True)
        count = len(x) * BATCH * HIDDEN

        def loss(output: Tensor, _window: bptt.Window | None = None) -> Tensor:
            return output.square().sum() / count

        with onednn(self.onednn):
            if self.plain:
                loss(layer(x)[0]).backward()
            else:
                policy = bptt.Full() if self.inside else self.policy
                bptt.backward(layer, x, loss, policy=policy)
        return [p.grad for p in layer.parameters() if p.grad is not None]


FULL, CHUNKED, OVERLAPPING = bptt.Full(), bptt.Truncated(100), bptt.Truncated(100, 200)
CHECKPOINTED = bptt.Checkpointed()
WAYS = {
    "rnnkit full": Way(cells.LSTM, FULL),
    "rnnkit checkpointed": Way(cells.LSTM, CHECKPOINTED),
    "rnnkit checkpointed in the layer": Way(cells.LSTM, CHECKPOINTED, inside=True),
    "rnnkit truncated(100, 100)": Way(cells.LSTM, CHUNKED),
    "rnnkit truncated(100, 200)": Way(cells.LSTM, OVERLAPPING),
    "rnnkit randomtruncated(100)": Way(cells.LSTM, bptt.RandomTruncated(100, every=10)),
    "torch.nn full, oneDNN": Way(nn.LSTM, FULL, plain=True),
    "torch.nn full, plain": Way(nn.LSTM, FULL, plain=True, onednn=False),
    "torch.nn checkpointed by rnnkit": Way(nn.LSTM, CHECKPOINTED),
    "torch.nn truncated(100, 100) by rnnkit": Way(nn.LSTM, CHUNKED),
}
EXACT = [name for name, way in WAYS.items() if way.policy.exact]


def make_input(steps: int) -> Tensor:
    """(T, B, I)"""
    return torch.randn(steps, BATCH, INPUT, generator=torch.Generator().manual_seed(1))


# -- proofs -------------------------------------------------------------------------------------


def prove() -> None:
    """Stop unless every gradient is what its policy says."""
    x = make_input(PROOF_STEPS)
    reference = Way(nn.LSTM, FULL, plain=True)
    expected = reference.gradients(reference.layer().double(), x.double())
    for name in EXACT:
        _compare(name, WAYS[name].gradients(WAYS[name].layer(), x), expected)
    chunks = _in_chunks(reference.layer().double(), x.double(), 100)
    for name, way in WAYS.items():
        if way.policy == CHUNKED:
            _compare(name, way.gradients(way.layer(), x), chunks)


def _in_chunks(layer: nn.Module, x: Tensor, steps: int) -> list[Tensor]:
    state = None
    for piece in x.split(steps):
        output, state = layer(piece, state)
        (output.square().sum() / (len(x) * BATCH * HIDDEN)).backward()
        state = tuple(s.detach() for s in state)
    return [p.grad for p in layer.parameters() if p.grad is not None]


def _compare(name: str, found: Sequence[Tensor], expected: Sequence[Tensor]) -> None:
    for ours, wanted in zip(found, expected, strict=True):
        error = (ours - wanted).norm() / wanted.norm()
        if not error <= 1e-4:
            raise SystemExit(f"{name}: a gradient is off by {error:.1e}.")


# -- full, truncated, checkpointed --------------------------------------------------------------


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
    return Measured(**in_a_process("benchmarks.bptt", arguments))


def line(found: Measured | str) -> str:
    """A row of the table: a gradient's memory and time, and the time of one step of it."""
    if isinstance(found, str):
        return f"{'':10}{found}"
    return (
        f"{found.steps:>8,}  {found.way:<40}{found.bytes / 2**20:>10.1f} MiB"
        f"{found.seconds:>9.3f} s{1e6 * found.seconds / found.steps:>9.2f} us a step"
    )


# -- the audit ----------------------------------------------------------------------------------


class Echo(nn.Module):
    """Says at every step what it heard some steps ago."""

    def __init__(self, kind: type[nn.Module], **options: Any) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer, self.head = kind(1, HIDDEN), nn.Linear(HIDDEN, 1)
        cells.initialize_(self.layer, **options)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        output, state = self.layer(x, state)
        return self.head(output), state


def echo_batch(generator: torch.Generator) -> tuple[Tensor, Callable[[Tensor, Any], Tensor]]:
    """(T, B, 1) noise, and the loss of its echo."""
    x = torch.rand(AUDIT_STEPS, BATCH, 1, generator=generator)
    target = torch.cat([torch.zeros(AUDIT_LAG, BATCH, 1), x[:-AUDIT_LAG]])

    def loss(output: Tensor, window: bptt.Window) -> Tensor:
        share = (window.end - window.begin) / AUDIT_STEPS
        return F.mse_loss(output, target[window.steps]) * share

    return x, loss


def audits() -> dict[str, list[dict[str, Any]]]:
    """Cosines by model, after some training."""
    models = {
        "RNN": Echo(cells.RNN),
        "LSTM": Echo(cells.LSTM),
        "LSTM, chrono": Echo(cells.LSTM, scheme="chrono", max_steps=2 * AUDIT_LAG),
    }
    found = {}
    policies: list[Any] = [*AUDITED, bptt.RandomTruncated(20), bptt.RandomTruncated(100)]
    for name, model in models.items():
        generator = torch.Generator().manual_seed(1)
        optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        for _ in range(AUDIT_TRAINING):
            x, loss = echo_batch(generator)
            optimizer.zero_grad()
            bptt.backward(model, x, loss)
            optimizer.step()
        x, loss = echo_batch(generator)
        audit = truncation_audit(model, x, policies, loss=loss)
        print(f"\n{name}, an echo of {AUDIT_LAG} steps, T={AUDIT_STEPS}\n{audit.summary()}")
        found[name] = audit.to_dict()["rows"]
    return found


# -- streams ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Streamed:
    """Training on a stream of so many steps in all, read from disk."""

    steps: int
    bytes: int
    seconds: float


def stream(steps: int) -> Streamed:
    """In this process, which must have done nothing else: what it held while it trained."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "stream.npy"
        _write_stream(path, steps)
        layer = Echo(cells.LSTM)
        trainer = StreamTrainer(layer, F.mse_loss, policy=bptt.Truncated(WINDOW), lr=1e-3)
        warm_up = np.zeros((STREAMS * WINDOW * 2, 1), dtype=np.float32)
        trainer.fit(Streams.from_array(warm_up, STREAMS, shift=1))
        trainer.state = None
        streams = Streams.from_array(path, min(STREAMS, steps // 10), shift=1)
        before, most, begin = held(), 0, time.perf_counter()
        for number, _ in enumerate(trainer.run(streams)):
            if number % 20 == 0:
                most = max(most, held())
        seconds = time.perf_counter() - begin
    return Streamed(steps, max(0, most - before), seconds)


def _write_stream(path: Path, steps: int) -> None:
    """A file of noise, written in pieces."""
    rows = np.lib.format.open_memmap(path, mode="w+", dtype=np.float32, shape=(steps, 1))
    generator = np.random.default_rng(0)
    for begin in range(0, steps, 100_000):
        end = min(begin + 100_000, steps)
        rows[begin:end] = generator.random((end - begin, 1))
    rows.flush()


def stream_line(found: Streamed) -> str:
    """A row of the table."""
    return (
        f"{found.steps:>12,}{found.bytes / 2**20:>10.1f} MiB{found.seconds:>9.2f} s"
        f"{1e6 * found.seconds / found.steps:>9.3f} us a step"
    )


# -- all of it ----------------------------------------------------------------------------------


def stream_apart(steps: int, threads: int) -> Streamed:
    """In a process of its own."""
    arguments = ["--one-stream", str(steps), "--threads", str(threads)]
    return Streamed(**in_a_process("benchmarks.bptt", arguments))


def metrics(
    rows: Sequence[Measured], streams: Sequence[Streamed], cosines: dict[str, Any]
) -> dict[str, float]:
    """The few figures that stand for the whole."""
    found = {(row.way, row.steps): row for row in rows}
    longest = max((row.steps for row in rows if row.way.startswith("torch.nn full")), default=0)
    least = min(
        (row.bytes for row in rows if row.way.startswith("torch.nn full") and row.steps == longest),
        default=0,
    )
    judged = {}
    for way in ("checkpointed", "truncated(100, 100)"):
        row = found.get((f"rnnkit {way}", longest))
        full = found.get(("rnnkit full", longest))
        if row and full and least:
            judged[f"T={longest:,}: {way}, memory of torch's"] = round(row.bytes / least, 5)
            judged[f"T={longest:,}: {way}, time of full"] = round(row.seconds / full.seconds, 3)
    if streams:
        judged["stream: largest memory, MiB"] = round(max(s.bytes for s in streams) / 2**20, 2)
    for model, audited in cosines.items():
        row = next(r for r in audited if r["policy"].startswith("Truncated(k1=20, k2=20"))
        judged[f"{model}: cosine of truncated(20, 20)"] = round(row["cosine"], 4)
    return judged


def main() -> None:
    """Prove, measure, print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bptt", description=__doc__)
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="lengths T")
    parser.add_argument("--stream-steps", type=int, nargs="+", default=STREAM_STEPS)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--json", metavar="FILE", help="write the result there ('-': print it)")
    parser.add_argument("--one", choices=WAYS, help=argparse.SUPPRESS)  # what a process is given
    parser.add_argument("--one-stream", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.one:
        print(json.dumps(asdict(measure_one(options.one, options.steps[0]))))
        return
    if options.one_stream:
        print(json.dumps(asdict(stream(options.one_stream))))
        return
    began = time.perf_counter()
    prove()
    for name, value in versions().items():
        print(f"{name:<12}{value}")
    print(f"LSTM, B={BATCH}, I={INPUT}, H={HIDDEN}; our kernel: {cells.LSTM(1, 1).kernel}\n")
    rows = []
    apart = partial(measure_apart, threads=options.threads)
    for one in measure_all(WAYS, options.steps, apart):
        print(line(one), flush=True)
        if isinstance(one, Measured):
            rows.append(one)
    cosines = audits()
    print(f"\nstreams from disk: {STREAMS} side by side, truncated({WINDOW}, {WINDOW}), Adam")
    streamed = []
    for steps in options.stream_steps:
        streamed.append(stream_apart(steps, options.threads))
        print(stream_line(streamed[-1]), flush=True)
    judged = metrics(rows, streamed, cosines)
    print()
    for name, value in judged.items():
        print(f"{name}: {value}")
    write(
        options.json,
        name="bptt",
        metrics=judged,
        baselines={},
        seconds=time.perf_counter() - began,
        settings={"B": BATCH, "I": INPUT, "H": HIDDEN, "runs": RUNS, "threads": options.threads},
        rows=[
            *map(asdict, rows),
            *({"stream": True, **asdict(one)} for one in streamed),
            *({"model": name, **row} for name, audited in cosines.items() for row in audited),
        ],
    )


if __name__ == "__main__":
    main()
