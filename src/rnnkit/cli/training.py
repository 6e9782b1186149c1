"""`rnnkit train`: fit an estimator on a file and save it."""

from __future__ import annotations

import tempfile
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnkit import tasks
from rnnkit.cli.datasets import Dataset, check_known
from rnnkit.cli.guard import FAILURE, fail
from rnnkit.cli.output import human_size, print_json, print_line, say
from rnnkit.cli.specs import SPECS
from rnnkit.errors import ArchiveError, DataError, InputError, OptionError, TrainingError
from rnnkit.tasks import SequenceClassifier, SequenceEstimator, SequenceRegressor

__all__ = [
    "Fitted",
    "check_writable",
    "estimator_of",
    "fit",
    "labels_in",
    "save",
    "task_of",
    "train",
]


@dataclass(frozen=True)
class Fitted:
    """A trained model, how long it took, and whether it was stopped by Ctrl-C."""

    model: SequenceEstimator
    seconds: float
    interrupted: bool


def train(
    task: str,
    parameters: dict[str, Any],
    dataset: Dataset,
    valid: Dataset | None,
    *,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train, save and tell what came out."""
    if out.exists() and any(one is not None and out.samefile(one.path) for one in (dataset, valid)):
        raise OptionError(f"--out {out} is the data itself: give another name.")
    known = _check_labels(task, dataset)
    if valid is not None:
        check_known(valid, known, SPECS[task].labels)
    if not quiet:
        say(dataset.describe(SPECS[task].noun))
        if valid is not None:
            say(valid.describe(f"{SPECS[task].noun} to validate with"))
    model = estimator_of(task)(**{"random_state": 0, "verbose": int(not quiet), **parameters})
    fitted = fit(model, dataset, valid, out=out)
    size = save(fitted.model, out)
    report = _report(fitted, dataset, out, size)
    if as_json:
        print_json(report)
    else:
        _print_report(report, SPECS[task].step)
    if fitted.interrupted:
        raise fail(f"interrupted: the best model so far is in {out}.", FAILURE)


def estimator_of(task: str) -> type[SequenceEstimator]:
    """The class that a task trains."""
    estimator: type[SequenceEstimator] = getattr(tasks, SPECS[task].estimator)
    return estimator


def task_of(model: SequenceEstimator) -> str:
    """The name of the command that trains such a model."""
    if isinstance(model, SequenceClassifier) and model.kind_ == "series":
        return "series"
    if isinstance(model, SequenceRegressor) and not model.forecasts_:
        raise InputError(
            "this model answers with numbers that it was given for its series, which no command "
            "reads. Use it from Python: rnnkit.load(...)."
        )
    return next(name for name in SPECS if type(model) is estimator_of(name))


def labels_in(task: str, dataset: Dataset) -> list[Any]:
    """The labels of all targets, in order; none where the task has none."""
    apart = SPECS[task].labels
    return [] if apart is None else [label for target in dataset.y or [] for label in apart(target)]


def check_writable(out: Path, *, what: str = "model", example: str = "model.rnn") -> None:
    """Refuse a file that could not be saved in the end, before any work is done."""
    if out.is_dir():
        raise OptionError(f"--out {out} is a folder, but a file is expected, such as {example}.")
    try:
        with tempfile.TemporaryFile(dir=out.parent):
            pass
    except OSError as error:
        raise ArchiveError(
            f"{out}: no {what} could be saved there: {error.strerror}. Give --out a file in an "
            f"existing folder that you may write to."
        ) from None


def fit(model: SequenceEstimator, dataset: Dataset, valid: Dataset | None, *, out: Path) -> Fitted:
    """Fit the model; Ctrl-C ends that early and keeps the best epoch.

    out: where the best epoch is saved if training cannot go on.
    """
    began = time.perf_counter()
    with warnings.catch_warnings():
        # Told below, in the words of the command line.
        warnings.filterwarnings("ignore", "training was interrupted", RuntimeWarning)
        try:
            model.fit(
                dataset.X, dataset.y, validation=None if valid is None else (valid.X, valid.y)
            )
        except TrainingError as error:
            raise _keep_best(model, out, error) from None
    seconds = time.perf_counter() - began
    return Fitted(model, seconds, model.history_.stopped == "interrupted")


def save(model: SequenceEstimator, out: Path) -> int:
    """Write the model, without the progress bar that this run had; returns the bytes written."""
    model.set_params(verbose=0)
    model.save(out)
    return out.stat().st_size


def _keep_best(model: SequenceEstimator, out: Path, error: TrainingError) -> Exception:
    """What to raise; hours of training before the error are not lost."""
    # Where nothing was validated, the last weights may be what is broken.
    whole = all(bool(weight.isfinite().all()) for weight in model.module_.parameters())
    if not model.history_.epochs or not whole:
        return error
    save(model, out)
    return fail(f"{error} The best model so far is in {out}.")


def _check_labels(task: str, dataset: Dataset) -> list[str]:
    """The sorted labels; fewer than two cannot be told apart."""
    labels = sorted(set(labels_in(task, dataset)))
    if len(labels) == 1:
        raise DataError(
            f"every label is {labels[0]!r}, but at least two different ones are needed to tell "
            f"apart.",
            path=dataset.path,
        )
    return labels


def _report(fitted: Fitted, dataset: Dataset, out: Path, size: int) -> dict[str, Any]:
    history = fitted.model.history_
    best = history.best or {}
    metrics = {name: value for name, value in best.items() if name.startswith("valid_")}
    return {
        "model": str(out),
        "estimator": type(fitted.model).__name__,
        "examples": len(dataset),
        "skipped": dataset.skipped,
        "parameters": fitted.model.num_parameters_,
        "epochs": len(history.epochs),
        "best_epoch": history.best_epoch,
        "stopped": history.stopped,
        "seconds": round(fitted.seconds, 3),
        "bytes": size,
        **metrics,
    }


def _print_report(report: dict[str, Any], step: str) -> None:
    if "valid_accuracy" in report:
        unit = f"{step} " if step else ""
        print_line(
            f"validation: {unit}accuracy {_figure(report['valid_accuracy'])}, "
            f"loss {_figure(report['valid_loss'])} (epoch {report['best_epoch']} of "
            f"{report['epochs']})"
        )
    elif "valid_loss" in report:
        perplexity = report.get("valid_perplexity")
        shown = "" if perplexity is None else f"perplexity {_figure(perplexity)}, "
        print_line(
            f"validation: {shown}loss {_figure(report['valid_loss'])} "
            f"(epoch {report['best_epoch']} of {report['epochs']})"
        )
    else:
        print_line("validation: none, too few examples to set some aside (see --valid)")
    print_line(f"parameters: {report['parameters']:,}")
    print_line(f"time: {report['seconds']:,.1f} seconds")
    print_line(f"model: {report['model']} ({human_size(report['bytes'])})")


def _figure(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"
