"""`rnnkit train`: fit an estimator on a file and save it."""

from __future__ import annotations

import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from rnnkit.cli.guard import FAILURE, fail
from rnnkit.cli.output import human_size, print_json, print_line, say
from rnnkit.cli.tasks import AnyDataset, AnyTask
from rnnkit.errors import ArchiveError, DataError, OptionError, TrainingError
from rnnkit.tasks import AnyEstimator

__all__ = ["Fitted", "check_writable", "fit", "save", "train"]


@dataclass(frozen=True)
class Fitted:
    """A trained model, how long it took, and whether it was stopped by Ctrl-C."""

    model: AnyEstimator
    seconds: float
    interrupted: bool


@dataclass(frozen=True)
class Summary:
    """What came out of training; `bytes` is the size of the file."""

    model: str
    estimator: str
    examples: int
    skipped: int
    parameters: int
    epochs: int
    best_epoch: int | None
    stopped: str | None
    seconds: float
    bytes: int


def train(
    task: AnyTask,
    parameters: Mapping[str, object],
    dataset: AnyDataset,
    valid: AnyDataset | None,
    *,
    out: Path,
    quiet: bool,
    as_json: bool,
) -> None:
    """Train, save and tell what came out."""
    if out.exists() and any(one is not None and out.samefile(one.path) for one in (dataset, valid)):
        raise OptionError(f"--out {out} is the data itself: give another name.")
    known = _several_labels(task, dataset)
    if valid is not None:
        task.check_labels(valid, known)
    if not quiet:
        say(dataset.describe(task.noun))
        if valid is not None:
            say(valid.describe(f"{task.noun} to validate with"))
    model = task.estimator_class()(**{"verbose": int(not quiet), **parameters})
    fitted = fit(model, dataset, valid, out=out)
    summary, figures = _summary(fitted, dataset, out, save(fitted.model, out)), _figures(model)
    if as_json:
        print_json({**asdict(summary), **figures})
    else:
        for line in _lines(summary, figures, task.step):
            print_line(line)
    if fitted.interrupted:
        raise fail(f"interrupted: the best model so far is in {out}.", FAILURE)


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


def fit(model: AnyEstimator, dataset: AnyDataset, valid: AnyDataset | None, *, out: Path) -> Fitted:
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
            raise _keep_best(out, error) from None
    seconds = time.perf_counter() - began
    return Fitted(model, seconds, model.history_.stopped == "interrupted")


def save(model: AnyEstimator, out: Path) -> int:
    """Write the model, without the progress bar that this run had; returns the bytes written."""
    model.set_params(verbose=0)
    model.save(out)
    return out.stat().st_size


def _keep_best(out: Path, error: TrainingError) -> Exception:
    """What to raise; hours of training before the error are not lost."""
    model: AnyEstimator = error.fitted
    # Where nothing was validated, the last weights may be what is broken.
    whole = all(bool(weight.isfinite().all()) for weight in model.module_.parameters())
    if not model.history_.epochs or not whole:
        return error
    save(model, out)
    return fail(f"{error} The best model so far is in {out}.")


def _several_labels(task: AnyTask, dataset: AnyDataset) -> list[str]:
    """The sorted labels; fewer than two cannot be told apart."""
    labels = task.labels_in(dataset)
    if len(labels) == 1:
        raise DataError(
            f"every label is {labels[0]!r}, but at least two different ones are needed to tell "
            f"apart.",
            path=dataset.path,
        )
    return labels


def _summary(fitted: Fitted, dataset: AnyDataset, out: Path, size: int) -> Summary:
    history = fitted.model.history_
    return Summary(
        str(out),
        type(fitted.model).__name__,
        len(dataset),
        dataset.skipped,
        fitted.model.num_parameters_,
        len(history.epochs),
        history.best_epoch,
        history.stopped,
        round(fitted.seconds, 3),
        size,
    )


def _figures(model: AnyEstimator) -> dict[str, float | None]:
    """What was validated, in the best epoch."""
    best = model.history_.best or {}
    return {name: value for name, value in best.items() if name.startswith("valid_")}


def _lines(summary: Summary, figures: Mapping[str, float | None], step: str) -> Iterator[str]:
    if figures:
        shown = {
            f"{step} accuracy".lstrip(): "valid_accuracy",
            "perplexity": "valid_perplexity",
            "loss": "valid_loss",
        }
        told = [f"{name} {_figure(figures[key])}" for name, key in shown.items() if key in figures]
        epoch = f"(epoch {summary.best_epoch} of {summary.epochs})"
        yield f"validation: {', '.join(told)} {epoch}"
    else:
        yield "validation: none, too few examples to set some aside (see --valid)"
    yield f"parameters: {summary.parameters:,}"
    yield f"time: {summary.seconds:,.1f} seconds"
    yield f"model: {summary.model} ({human_size(summary.bytes)})"


def _figure(value: float | None) -> str:
    return "not finite" if value is None else f"{value:.4f}"
