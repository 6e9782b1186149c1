"""`rnnkit evaluate`: how often a saved model is right on a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import (
    average_precision_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    roc_auc_score,
)

from rnnkit.baselines import NaiveForecast
from rnnkit.cli.datasets import READERS, Dataset, check_known
from rnnkit.cli.output import print_json, print_line, print_table
from rnnkit.cli.specs import SPECS, own_columns
from rnnkit.cli.training import task_of
from rnnkit.errors import OptionError
from rnnkit.metrics import score_captions, score_forecasts, score_translations
from rnnkit.ship import load
from rnnkit.tasks import (
    Captioner,
    LanguageModel,
    SequenceClassifier,
    SequenceEstimator,
    SequenceRegressor,
    Translator,
)

__all__ = ["check_labels", "evaluate", "read_for"]


def evaluate(
    path: Path, data: Path, options: dict[str, Any], *, beam_size: int | None, as_json: bool
) -> None:
    """Print the model's scores on the data.

    options: the columns, as `train` takes them; those of other tasks must be None.
    """
    model = load(path)
    task, dataset = task_of(model), read_for(model, data, options)
    if beam_size is not None and task != "translate":
        raise OptionError("--beam-size is for models that translate.")
    if isinstance(model, Captioner):
        scores = asdict(score_captions(model.predict(dataset.X), dataset.y or []))
    elif isinstance(model, Translator):
        scores = _translation_scores(model, dataset, beam_size)
    elif isinstance(model, LanguageModel):
        loss = -model.score(dataset.X)
        scores = {"loss": loss, "perplexity": float(np.exp(loss))}
    elif isinstance(model, SequenceRegressor):
        scores = _forecast_scores(model, dataset)
    else:
        scores = _label_scores(model, dataset, task)
    report = {"examples": len(dataset), "skipped": dataset.skipped, **scores}
    if as_json:
        print_json({"model": str(path), "data": str(data), **report})
    else:
        _print_report(report, SPECS[task].step)


def read_for(model: SequenceEstimator, data: Path, options: dict[str, Any]) -> Dataset:
    """Examples of the kind that the model was trained on.

    options: of all tasks; those of others must not have been given.
    """
    task = task_of(model)
    return READERS[task](data, **own_columns(task, options))


def _label_scores(model: Any, dataset: Dataset, task: str) -> dict[str, Any]:
    names = check_labels(model, dataset)
    guesses, labels = model.predict(dataset.X), dataset.y or []
    if SPECS[task].step:
        guesses, labels = _steps(guesses, labels)
    guesses = [str(label) for label in guesses]
    right = sum(guess == label for guess, label in zip(guesses, labels, strict=True))
    return {
        "labels": len(labels),
        "accuracy": right / len(labels),
        "macro_f1": float(f1_score(labels, guesses, average="macro", zero_division=0)),
        "mcc": float(matthews_corrcoef(labels, guesses)),
        **_ranking_scores(model, dataset, names),
        "per_label": _per_label(labels, guesses, names),
    }


def _steps(guesses: list[list[Any]], labels: list[list[Any]]) -> tuple[list[Any], list[Any]]:
    """One after the other, without those that have no label."""
    pairs = [
        pair
        for said, known in zip(guesses, labels, strict=True)
        for pair in zip(said, known, strict=True)
        if pair[1] is not None
    ]
    return [guess for guess, _ in pairs], [label for _, label in pairs]


def _ranking_scores(model: Any, dataset: Dataset, names: list[str]) -> dict[str, float]:
    """Of two classes: how well the probability of the second one sorts the examples."""
    if (
        not isinstance(model, SequenceClassifier)
        or len(names) != 2
        or len(set(dataset.y or [])) < 2
    ):
        return {}
    truth = [label == names[1] for label in dataset.y or []]
    chances = model.predict_proba(dataset.X)[:, 1]
    return {
        "roc_auc": float(roc_auc_score(truth, chances)),
        "average_precision": float(average_precision_score(truth, chances)),
    }


def _forecast_scores(model: SequenceRegressor, dataset: Dataset) -> dict[str, Any]:
    """Of the next step at every step, beside the forecast that nothing changes."""
    found = score_forecasts(model.predict(dataset.X), dataset.X)
    naive = score_forecasts(NaiveForecast().predict(dataset.X), dataset.X)
    return {**asdict(found), "naive_mae": naive.mae, "naive_rmse": naive.rmse}


def check_labels(model: Any, dataset: Dataset) -> list[str]:
    """The model's labels, after a look whether the data have others; none where it has none."""
    labels = SPECS[task_of(model)].labels
    if labels is None:
        return []
    # As strings: a file has no other labels, whatever the model was trained with.
    names = [str(label) for label in model.classes_.tolist()]
    check_known(dataset, names, labels)
    return names


def _per_label(labels: list[str], guesses: list[str], names: list[str]) -> dict[str, Any]:
    figures = precision_recall_fscore_support(labels, guesses, labels=names, zero_division=0)
    precision, recall, f1, support = (figure.tolist() for figure in figures)
    return {
        name: {"precision": p, "recall": r, "f1": f, "support": int(n)}
        for name, p, r, f, n in zip(names, precision, recall, f1, support, strict=True)
        if n or name in guesses
    }


def _translation_scores(
    model: Translator, dataset: Dataset, beam_size: int | None
) -> dict[str, Any]:
    found = model.translate(dataset.X, beam_size=beam_size)
    scores = asdict(score_translations([best[0].text for best in found], dataset.y or []))
    return {name: value for name, value in scores.items() if name != "count"}


def _print_report(report: dict[str, Any], step: str) -> None:
    print_line(f"examples: {report['examples']:,}")
    if report["skipped"]:
        print_line(f"left out: {report['skipped']:,} (empty)")
    if "chrf" in report:
        print_line(f"chrF: {report['chrf']:.2f} ({report['chrf_signature']})")
        print_line(f"BLEU: {report['bleu']:.2f} ({report['bleu_signature']})")
        if "cider" in report:
            print_line(f"CIDEr-D: {report['cider']:.2f}")
        print_line(f"exact: {report['exact']:.2f} %")
        return
    if "perplexity" in report:
        print_line(f"perplexity: {report['perplexity']:.4f}")
        print_line(f"loss: {report['loss']:.4f} nats a token")
        return
    if "mae" in report:
        print_line(f"steps: {report['steps']:,}")
        for name in ("mae", "rmse"):
            naive = report[f"naive_{name}"]
            print_line(f"{name.upper()}: {report[name]:.6g} (nothing changes: {naive:.6g})")
        return
    if report["labels"] != report["examples"]:
        print_line(f"{step}s: {report['labels']:,}")
    print_line(f"accuracy: {report['accuracy']:.4f}")
    print_line(f"macro-F1: {report['macro_f1']:.4f}")
    print_line(f"MCC: {report['mcc']:.4f}")
    if "roc_auc" in report:
        print_line(f"ROC-AUC: {report['roc_auc']:.4f}")
        print_line(f"average precision: {report['average_precision']:.4f}")
    print_line("")
    rows = [
        [name, *(f"{row[key]:.4f}" for key in ("precision", "recall", "f1")), f"{row['support']:,}"]
        for name, row in report["per_label"].items()
    ]
    print_table(["label", "precision", "recall", "F1", "support"], rows)
