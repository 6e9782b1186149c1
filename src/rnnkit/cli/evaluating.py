"""`rnnkit evaluate`: how often a saved model is right on a file."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from sklearn.metrics import f1_score, precision_recall_fscore_support

from rnnkit.cli.datasets import (
    Dataset,
    check_known,
    read_classes,
    read_tags,
    read_translations,
)
from rnnkit.cli.output import print_json, print_line, print_table
from rnnkit.cli.predicting import load_for_text
from rnnkit.cli.training import ESTIMATORS, labels_of
from rnnkit.errors import OptionError
from rnnkit.tasks import SequenceEstimator, Translator
from rnnkit.tasks.scoring import score_translations

__all__ = ["check_labels", "evaluate", "read_for", "task_of"]

# Which options say where the data are, for each task.
COLUMNS = {
    "classify": ("text", "label"),
    "tag": ("form", "tag"),
    "translate": ("source", "target", "target_file"),
}


def evaluate(
    path: Path, data: Path, options: dict[str, Any], *, beam_size: int | None, as_json: bool
) -> None:
    """Print the model's scores on the data.

    options: the columns, as `train` takes them; those of other tasks must be None.
    """
    model = load_for_text(path)
    task, dataset = task_of(model), read_for(model, data, options)
    if beam_size is not None and task != "translate":
        raise OptionError("--beam-size is for models that translate.")
    scores = (
        _translation_scores(model, dataset, beam_size)
        if isinstance(model, Translator)
        else _label_scores(model, dataset, task)
    )
    report = {"examples": len(dataset), "skipped": dataset.skipped, **scores}
    if as_json:
        print_json({"model": str(path), "data": str(data), **report})
    else:
        _print_report(report)


def task_of(model: SequenceEstimator) -> str:
    """The name of the command that trains such a model."""
    return next(name for name, kind in ESTIMATORS.items() if isinstance(model, kind))


def read_for(model: SequenceEstimator, data: Path, options: dict[str, Any]) -> Dataset:
    """Examples of the kind that the model was trained on."""
    task = task_of(model)
    for name, value in options.items():
        if value is not None and name not in COLUMNS[task]:
            wanted = ", ".join(f"--{column.replace('_', '-')}" for column in COLUMNS[task])
            raise OptionError(
                f"--{name.replace('_', '-')} does not fit a {ESTIMATORS[task].__name__}, which "
                f"takes {wanted}."
            )
    chosen = {name: options[name] for name in COLUMNS[task]}
    readers: dict[str, Any] = {
        "classify": read_classes,
        "tag": read_tags,
        "translate": read_translations,
    }
    dataset: Dataset = readers[task](data, **chosen)
    return dataset


def _label_scores(model: Any, dataset: Dataset, task: str) -> dict[str, Any]:
    names = check_labels(model, dataset)
    guesses = model.predict(dataset.X)
    if task == "tag":
        guesses = [label for row in guesses for label in row]
    guesses = [str(label) for label in (guesses if task == "tag" else guesses.tolist())]
    labels = [label for target in dataset.y for label in labels_of(task)(target)]
    right = sum(guess == label for guess, label in zip(guesses, labels, strict=True))
    return {
        "labels": len(labels),
        "accuracy": right / len(labels),
        "macro_f1": float(f1_score(labels, guesses, average="macro", zero_division=0)),
        "per_label": _per_label(labels, guesses, names),
    }


def check_labels(model: Any, dataset: Dataset) -> list[str]:
    """The model's labels, after a look whether the data have others; none of a translator."""
    if isinstance(model, Translator):
        return []
    # As strings: a file has no other labels, whatever the model was trained with.
    names = [str(label) for label in model.classes_.tolist()]
    check_known(dataset, names, labels_of(task_of(model)))
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
    scores = asdict(score_translations([best[0].text for best in found], dataset.y))
    return {name: value for name, value in scores.items() if name != "count"}


def _print_report(report: dict[str, Any]) -> None:
    print_line(f"examples: {report['examples']:,}")
    if report["skipped"]:
        print_line(f"left out: {report['skipped']:,} (empty)")
    if "chrf" in report:
        print_line(f"chrF: {report['chrf']:.2f} ({report['chrf_signature']})")
        print_line(f"BLEU: {report['bleu']:.2f} ({report['bleu_signature']})")
        print_line(f"exact: {report['exact']:.2f} %")
        return
    if report["labels"] != report["examples"]:
        print_line(f"tokens: {report['labels']:,}")
    print_line(f"accuracy: {report['accuracy']:.4f}")
    print_line(f"macro-F1: {report['macro_f1']:.4f}")
    print_line("")
    rows = [
        [name, *(f"{row[key]:.4f}" for key in ("precision", "recall", "f1")), f"{row['support']:,}"]
        for name, row in report["per_label"].items()
    ]
    print_table(["label", "precision", "recall", "F1", "support"], rows)
