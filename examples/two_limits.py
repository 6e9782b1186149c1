"""The two limits of back-propagation through time, shown: gradients that vanish or explode, and
memory that does not reach. Trains SimpleRNN and LSTM on two tasks whose lag is known.

The adding problem (Hochreiter & Schmidhuber 1997): of T pairs (number, mark) the two marked numbers
are to be added after the last step. Always answering 1 has a mean squared error of 1/6.
The copy task: five symbols of eight, then T blanks, then the five again. Chance is 12.5 %.

`python examples/two_limits.py` writes the figures and tables of docs/two-limits.md and its Korean
twin (about half an hour on two cores); `--quick` runs everything on toy lengths in seconds.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from rnnkit import bptt, cells
from rnnkit.diagnose import figure, gradient_flow, truncation_audit
from rnnkit.learn import clip_grad_norm

SYMBOLS, TO_COPY = 8, 5
HIDDEN, BATCH, LR, CLIP = 64, 50, 2e-3, 1.0
MODELS = ("SimpleRNN", "LSTM, forget bias 0", "LSTM", "LSTM, chrono")
PAGES = {"two-limits.md": "en", "two-limits.ko.md": "ko"}


@dataclass(frozen=True)
class Size:
    """How long everything is."""

    adding: tuple[int, ...] = (50, 100, 200, 400)
    copy: tuple[int, ...] = (10, 30, 60, 120)
    steps: int = 2_500
    shown: int = 200  # T of the gradient flow, of explosion and of truncation
    reaches: tuple[int, ...] = (10, 50, 100, 200)
    test: int = 1_000


QUICK = Size((5, 8), (2, 4), steps=5, shown=8, reaches=(2, 8), test=20)


# -- tasks --------------------------------------------------------------------------------------


def adding(steps: int, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(T, B, 2) numbers and marks, (B,) the sum of the two marked numbers, one in each half."""
    numbers = torch.rand(steps, batch, generator=generator)
    first = torch.randint(0, steps // 2, (batch,), generator=generator)
    second = torch.randint(steps // 2, steps, (batch,), generator=generator)
    marks = torch.zeros(steps, batch)
    each = torch.arange(batch)
    marks[first, each] = marks[second, each] = 1.0
    return torch.stack([numbers, marks], dim=-1), numbers[first, each] + numbers[second, each]


def copying(delay: int, batch: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(5 + T + 5, B, 10) one-hot symbols, blanks and the sign to begin, (5, B) what to say."""
    symbols = torch.randint(0, SYMBOLS, (TO_COPY, batch), generator=generator)
    blank, begin = SYMBOLS, SYMBOLS + 1
    ids = torch.full((2 * TO_COPY + delay, batch), blank)
    ids[:TO_COPY] = symbols
    ids[TO_COPY + delay - 1] = begin
    return F.one_hot(ids, SYMBOLS + 2).float(), symbols


@dataclass(frozen=True)
class Task:
    """What is learnt: its examples, the sizes of input and output, its loss and its score."""

    draw: Callable[[int, int, torch.Generator], tuple[Tensor, Tensor]]
    inputs: int
    outputs: int
    loss: Callable[[Tensor, Tensor], Tensor]
    score: Callable[[Tensor, Tensor], float]


def _squared(output: Tensor, target: Tensor) -> Tensor:
    return F.mse_loss(output[-1, :, 0], target)


def _said(output: Tensor, target: Tensor) -> Tensor:
    return F.cross_entropy(output[-TO_COPY:].flatten(0, 1), target.flatten())


def _right(output: Tensor, target: Tensor) -> float:
    return float((output[-TO_COPY:].argmax(dim=-1) == target).float().mean())


ADDING = Task(adding, 2, 1, _squared, lambda y, t: float(_squared(y, t)))
COPYING = Task(copying, SYMBOLS + 2, SYMBOLS, _said, _right)


# -- models and their training ------------------------------------------------------------------


class Model(nn.Module):
    """One recurrent layer and a line on its output: (input, state) -> (output, state)."""

    def __init__(self, name: str, task: Task, max_steps: int) -> None:
        super().__init__()
        kind = cells.RNN if name == "SimpleRNN" else cells.LSTM
        self.layer = kind(task.inputs, HIDDEN)
        if "chrono" in name:
            cells.initialize_(self.layer, "chrono", max_steps=max(3, max_steps))
        else:
            cells.initialize_(self.layer, forget_bias=0.0 if "bias 0" in name else 1.0)
        self.head = nn.Linear(HIDDEN, task.outputs)

    def forward(self, x: Tensor, state: Any) -> tuple[Tensor, Any]:
        output, state = self.layer(x, state)
        return self.head(output), state


@dataclass
class Run:
    """What a training was like: its losses and gradient norms before clipping, step by step."""

    model: Model
    score: float
    seconds: float
    losses: list[float] = field(default_factory=list)
    norms: list[float] = field(default_factory=list)


def train(
    model: Model,
    task: Task,
    length: int,
    size: Size,
    *,
    policy: bptt.Policy | None = None,
    clip: float | None = CLIP,
    optimizer: Callable[..., torch.optim.Optimizer] = torch.optim.Adam,
    lr: float = LR,
    steps: int | None = None,
) -> Run:
    """Train on fresh examples at every step, and score on others."""
    generator, run = torch.Generator().manual_seed(1), Run(model, float("nan"), 0.0)
    stepper = optimizer(model.parameters(), lr=lr)
    began = time.perf_counter()
    for _ in range(steps or size.steps):
        x, target = task.draw(length, BATCH, generator)

        def loss(
            output: Tensor, window: bptt.Window, steps: int = len(x), target: Tensor = target
        ) -> Tensor | None:
            return task.loss(output, target) if window.end == steps else None

        stepper.zero_grad()
        gone = bptt.backward(model, x, loss, policy=policy)
        norm = clip_grad_norm(model.parameters(), clip)
        run.losses.append(float(gone.loss))
        run.norms.append(norm)
        if not np.isfinite([run.losses[-1], norm]).all():
            break  # there is no way back from a NaN
        stepper.step()
    run.seconds = time.perf_counter() - began
    x, target = task.draw(length, size.test, torch.Generator().manual_seed(2))
    with torch.no_grad():
        run.score = task.score(model(x, None)[0], target)
    return run


def build(name: str, task: Task, length: int) -> Model:
    torch.manual_seed(0)
    return Model(name, task, length)


# -- what is shown ------------------------------------------------------------------------------


def scores(task: Task, lengths: tuple[int, ...], size: Size) -> dict[str, list[Run]]:
    """Every model at every length."""
    found: dict[str, list[Run]] = {}
    for name in MODELS:
        for length in lengths:
            run = train(build(name, task, length), task, length, size)
            found.setdefault(name, []).append(run)
            print(f"{name:<22} T={length:<4} {run.score:.4f}  {run.seconds:.0f} s", flush=True)
    return found


def flows(trained: dict[str, Model], size: Size) -> dict[str, dict[str, np.ndarray]]:
    """dL/dh by lag on the adding problem, over its start: before training and after it."""
    x, target = adding(size.shown, BATCH, torch.Generator().manual_seed(3))

    def loss(output: Tensor, window: bptt.Window) -> Tensor | None:
        return _squared(output, target) if window.end == size.shown else None

    found: dict[str, dict[str, np.ndarray]] = {"before": {}, "after": {}}
    for name, after in trained.items():
        for when, model in (("before", build(name, ADDING, size.shown)), ("after", after)):
            by_lag = gradient_flow(model, x, loss=loss).layers[0].by_lag
            assert by_lag is not None
            found[when][name] = by_lag / by_lag[1]
    return found


def explosion(size: Size) -> dict[str, Run]:
    """A SimpleRNN by plain gradient descent, with and without clipping."""
    found = {}
    for name, clip in (("no clipping", None), (f"clipped at {CLIP:g}", CLIP)):
        found[name] = train(
            build("SimpleRNN", ADDING, size.shown),
            ADDING,
            size.shown,
            size,
            clip=clip,
            optimizer=torch.optim.SGD,
            lr=0.1,
            steps=min(300, size.steps),
        )
        run = found[name]
        print(f"{name:<22} {len(run.losses)} steps, loss {run.losses[-1]:.3g}", flush=True)
    return found


def truncation(size: Size) -> dict[int, Run]:
    """The LSTM on the adding problem, its gradients going back k steps."""
    found = {}
    for reach in size.reaches:
        model = build("LSTM, chrono", ADDING, size.shown)
        policy = bptt.Truncated(reach) if reach < size.shown else bptt.Full()
        found[reach] = train(model, ADDING, size.shown, size, policy=policy)
        print(f"{policy!s:<22} {found[reach].score:.4f}", flush=True)
    return found


def audit(model: Model, size: Size) -> list[dict[str, Any]]:
    """Cosines of truncated gradients of a model that is being trained."""
    x, target = adding(size.shown, BATCH, torch.Generator().manual_seed(3))

    def loss(output: Tensor, window: bptt.Window) -> Tensor | None:
        return _squared(output, target) if window.end == size.shown else None

    policies = [bptt.Truncated(reach) for reach in size.reaches if reach < size.shown]
    rows: list[dict[str, Any]] = truncation_audit(model, x, policies, loss=loss).to_dict()["rows"]
    return rows


# -- pictures and tables ------------------------------------------------------------------------


def lines(curves: dict[str, Any], x: Any, labels: tuple[str, str], **options: Any) -> Any:
    """A chart of curves over x."""

    def draw(axes: Any) -> None:
        for name, values in curves.items():
            places = np.arange(len(values)) if x is None else x
            heights = np.array(values, dtype=float)  # None is a hole
            axes.plot(places, heights, label=name, **options.get("style", {}))
        if "level" in options:
            axes.axhline(options["level"], color="black", ls="--", lw=0.8)
        if options.get("log", False):
            axes.set_yscale("log")
        axes.set_xlabel(labels[0])
        axes.set_ylabel(labels[1])
        axes.legend()

    return draw


def draw_figures(results: dict[str, Any], folder: Path) -> None:
    """PNG files of the four figures."""
    folder.mkdir(parents=True, exist_ok=True)
    marked = {"style": {"marker": "o"}}
    figures = {
        "scores": {
            "Adding problem: mean squared error": lines(
                results["adding"]["scores"],
                results["adding"]["lengths"],
                ("T (steps)", "test error (1/6: nothing learnt)"),
                level=1 / 6,
                log=True,
                **marked,
            ),
            "Copy task: share of symbols right": lines(
                results["copy"]["scores"],
                results["copy"]["lengths"],
                ("T (blanks)", "test accuracy (1/8: chance)"),
                level=1 / 8,
                **marked,
            ),
        },
        "flow": {
            f"dL/dh by lag, {when} training (T={results['shown']})": lines(
                results["flow"][when], None, ("lag (steps)", "norm over that at lag 1"), log=True
            )
            for when in ("before", "after")
        },
        "explosion": {
            "Norm of the gradient, before clipping": lines(
                {name: run["norms"] for name, run in results["explosion"].items()},
                None,
                ("training step", "norm"),
                log=True,
            ),
            "Training loss": lines(
                {name: run["losses"] for name, run in results["explosion"].items()},
                None,
                ("training step", "loss"),
                log=True,
            ),
        },
        "truncation": {
            "Training loss of the LSTM, gradients going back k steps": lines(
                {f"k = {k}": smooth(run["losses"]) for k, run in results["truncation"].items()},
                None,
                ("training step", "loss (mean of 50 steps)"),
                level=1 / 6,
                log=True,
            )
        },
    }
    for name, panels in figures.items():
        figure(panels).savefig(folder / f"two-limits-{name}.png", dpi=110)


def smooth(values: list[float], width: int = 50) -> list[float]:
    width = min(width, len(values))
    means: list[float] = np.convolve(values, np.full(width, 1 / width), mode="valid").tolist()
    return means


def tables(results: dict[str, Any], language: str) -> dict[str, str]:
    """The tables of a page, in Markdown, by name."""
    model, reach, score, cosine = {
        "en": ("model", "gradient goes back", "test error", "cosine with the full gradient"),
        "ko": ("모델", "기울기가 거슬러 가는 길이", "시험 오차", "전체 기울기와의 코사인"),
    }[language]
    found = {}
    for task, digits in (("adding", 4), ("copy", 3)):
        lengths = results[task]["lengths"]
        head = f"| {model} | " + " | ".join(f"T = {length}" for length in lengths) + " |"
        rows = [
            f"| {name} | " + " | ".join(f"{value:.{digits}f}" for value in values) + " |"
            for name, values in results[task]["scores"].items()
        ]
        found[task] = "\n".join([head, "|---" * (len(lengths) + 1) + "|", *rows])
    cosines = {str(k): row["cosine"] for k, row in zip(results["reaches"], results["audit"])}  # noqa: B905 - the last is full
    rows = [
        f"| {k} | {run['score']:.4f} | {cosines.get(str(k), 1.0):.3f} |"
        for k, run in results["truncation"].items()
    ]
    found["truncation"] = "\n".join([f"| {reach} | {score} | {cosine} |", "|---|---|---|", *rows])
    return found


def fill(page: str, found: dict[str, str]) -> str:
    """The page with each table between its marks."""
    for name, text in found.items():
        begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
        before, rest = page.split(begin)
        page = before + begin + text + "\n" + end + rest.split(end, 1)[1]
    return page


# -- all of it ----------------------------------------------------------------------------------


def run_all(size: Size) -> dict[str, Any]:
    """Train, look, and give everything that is shown as plain numbers."""
    print("adding problem")
    added = scores(ADDING, size.adding, size)
    print("copy task")
    copied = scores(COPYING, size.copy, size)
    place = size.adding.index(size.shown) if size.shown in size.adding else -1
    trained = {name: runs[place].model for name, runs in added.items()}
    print("explosion")
    exploded = explosion(size)
    print("truncation")
    truncated = truncation(size)
    early = train(build("LSTM, chrono", ADDING, size.shown), ADDING, size.shown, size, steps=300)

    def kept(run: Run) -> dict[str, Any]:
        return {"losses": finite(run.losses), "norms": finite(run.norms), "score": run.score}

    return {
        "shown": size.shown,
        "reaches": list(size.reaches),
        "adding": _scored(size.adding, added),
        "copy": _scored(size.copy, copied),
        "flow": {
            when: {name: finite(values.tolist()) for name, values in curves.items()}
            for when, curves in flows(trained, size).items()
        },
        "explosion": {name: kept(run) for name, run in exploded.items()},
        "truncation": {str(k): kept(run) for k, run in truncated.items()},
        "audit": audit(early.model, size),
    }


def finite(values: list[float]) -> list[float | None]:
    """For JSON, which knows no infinity; four digits are enough for a picture."""
    return [float(f"{value:.4g}") if np.isfinite(value) else None for value in values]


def _scored(lengths: tuple[int, ...], runs: dict[str, list[Run]]) -> dict[str, Any]:
    return {
        "lengths": list(lengths),
        "scores": {name: [run.score for run in several] for name, several in runs.items()},
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="toy lengths, seconds")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "docs")
    options = parser.parse_args()
    results = run_all(QUICK if options.quick else Size())
    draw_figures(results, options.out / "figures")
    for name, language in PAGES.items():
        page = options.out / name
        if page.exists():
            text = fill(page.read_text(encoding="utf-8"), tables(results, language))
            page.write_text(text, encoding="utf-8")
    (options.out / "figures" / "two-limits.json").write_text(
        json.dumps(results, allow_nan=False) + "\n"
    )


if __name__ == "__main__":
    main()
