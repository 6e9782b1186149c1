"""`rnnkit diagnose`: where a saved model's gradients go, as a page that opens in any browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from rnnkit import __version__
from rnnkit.cli.output import print_json, print_line
from rnnkit.cli.tasks import AnyDataset, AnyTask, Value, own_columns, task_of
from rnnkit.cli.training import check_writable
from rnnkit.diagnose import (
    GradientFlow,
    LayerFlow,
    StateTrace,
    TruncationAudit,
    gradient_flow,
    trace,
    truncation_audit,
)
from rnnkit.errors import InputError
from rnnkit.learn.history import Record
from rnnkit.nest import Json
from rnnkit.ship import Section, load, page, write_page
from rnnkit.tasks import AnyEstimator

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["diagnose"]


@dataclass(frozen=True)
class Findings:
    """Everything that was looked at."""

    flow: GradientFlow
    audit: TruncationAudit
    shown: StateTrace
    text: str
    epochs: list[Record]

    def plain(self) -> dict[str, Json]:
        """For JSON."""
        return {
            "gradient_flow": self.flow.to_dict(),
            "truncation_audit": self.audit.to_dict(),
            "trace": self.shown.to_dict(),
            "epochs": self.epochs,
        }


def diagnose(
    path: Path,
    data: Path,
    columns: Mapping[str, Value],
    *,
    out: Path,
    examples: int,
    policies: list[str] | None,
    as_json: bool,
) -> None:
    """Look at a model on some examples of a file, print what is found, and write the page."""
    check_writable(out, what="report", example="report.html")
    model = load(path)
    task = task_of(model)
    dataset = task.read(data, **own_columns(task, columns))
    task.check_labels(dataset, task.known_labels(model))
    if model.get_params()["cell"] == "none":
        raise InputError(
            f"{path}: a feed-forward model (cell='none') has no memory: no gradient goes back "
            f"through time that could be looked at."
        )
    chosen = dataset.take(_spread(len(dataset), examples))
    facts = {
        "model": str(path),
        "estimator": f"{task.name}: {type(model).__name__}, cell={model.get_params()['cell']}",
        "parameters": f"{model.num_parameters_:,}",
        "examples": f"{len(chosen)} of {len(dataset):,} in {data}",
        "rnnkit": __version__,
    }
    found = _look(task, model, chosen, policies)
    plain = {"facts": facts, **found.plain()}
    write_page(out, page(f"Gradients of {path.name}", facts, list(_sections(found)), plain))
    if as_json:
        print_json({"report": str(out), **plain})
        return
    for line in [*found.flow.summary().splitlines(), "", *found.audit.summary().splitlines()]:
        print_line(line)
    print_line(f"report: {out}")


def _look(
    task: AnyTask, model: AnyEstimator, seen: AnyDataset, policies: list[str] | None
) -> Findings:
    first = seen.examples[0]
    return Findings(
        gradient_flow(model, (seen.X, seen.y)),
        truncation_audit(model, (seen.X, seen.y), policies),
        trace(model, first),
        task.show(first),
        model.history_.epochs if hasattr(model, "history_") else [],
    )


def _spread(available: int, wanted: int) -> list[int]:
    """Examples from all over the file: some are sorted by label."""
    count = min(available, wanted)
    return sorted({int(place) for place in np.linspace(0, available - 1, count)})


# -- the page -----------------------------------------------------------------------------------


def _sections(found: Findings) -> Iterator[Section]:
    yield Section(
        "How far gradients travel",
        [_verdict(found.flow)],
        ("layer", "kind", "horizon", "at the largest lag", "radius of W_hh", "remembers (median)"),
        [_row(layer) for layer in found.flow.layers],
        found.flow.panels(),
        "Through the recurrence: a loss enters each layer at the last step that it reads alone, so "
        "that what arrives at a lag has come all that way. The horizon (dotted) is the lag where "
        "1/1000 of the start is left. Radius: the largest spectral radius among the gates. "
        "Remembers: the steps after which a unit's memory has fallen to 1/e, by its mean forget "
        "gate.",
    )
    yield Section(
        "What truncation would cost",
        [found.audit.advice()],
        ("policy", "cosine", "|truncated| / |full|", "variance", "seconds"),
        [
            (
                str(row.policy),
                f"{row.cosine:.4f}",
                f"{row.norm_ratio:.3f}",
                f"{row.variance:.3f}",
                f"{row.seconds:.3f}",
            )
            for row in found.audit.rows
        ],
        found.audit.panels(),
        "Gradients of the recurrent layers' weights on these examples, against full "
        "back-propagation through time.",
    )
    yield Section(
        "What the states hold",
        [f"One example, step by step: {found.text:.300}"],
        panels=found.shown.panels(),
        note="Each row of a chart is a unit. Gates are between 0 (shut) and 1 (open).",
    )
    if found.epochs:
        yield _training(found.epochs)


def _verdict(flow: GradientFlow) -> str:
    known = [layer for layer in flow.layers if layer.growth is not None]
    horizons = [layer.horizon for layer in known if layer.horizon is not None]
    exploding = [layer.layer for layer in known if layer.exploding]
    if exploding:
        return (
            f"Gradients explode in {', '.join(exploding)}: clip them (clip_norm=1.0), and begin "
            f"with smaller or orthogonal recurrent weights."
        )
    if horizons:
        return (
            f"Gradients vanish within {min(horizons)} steps in at least one layer. What lies "
            f"further back is not learnt from: a gated cell, init='chrono' or a higher forget bias "
            f"carry it further."
        )
    return "On these examples gradients arrive from the first step to the last in every layer."


def _row(layer: LayerFlow) -> tuple[str, ...]:
    radius = list(layer.weights.spectral_radius.values()) if layer.weights else []
    scales = layer.gates.time_scales if layer.gates else None
    return (
        layer.layer,
        layer.kind,
        "none" if layer.horizon is None else f"{layer.horizon:,}",
        "" if layer.growth is None else f"{layer.growth:.1e}",
        f"{max(radius):.2f}" if radius else "",
        "" if scales is None else f"{np.median(scales):.1f} steps",
    )


def _training(epochs: list[Record]) -> Section:
    def curve(name: str) -> Callable[[Axes], None]:
        def draw(axes: Axes) -> None:
            # None, which stands for what is not finite, becomes NaN.
            epoch, values = (
                np.array([row[key] for row in epochs], dtype=float) for key in ("epoch", name)
            )
            axes.plot(epoch, values, marker="o")
            axes.set_xlabel("epoch")

        return draw

    return Section(
        "What training was like",
        panels={
            "Training loss": curve("loss"),
            "Norm of the gradient before clipping (mean)": curve("grad_norm_mean"),
            "Share of steps that were clipped": curve("clipped_share"),
        },
    )
