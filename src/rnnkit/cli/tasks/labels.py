"""What tasks share whose answers are labels: one for each example, or one for each step of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from rnnkit.cli.tasks.task import Answer, Report, Table
from rnnkit.nest import Json

if TYPE_CHECKING:
    from rnnkit.metrics import LabelScores, RankingScores
    from rnnkit.tasks import FrameTagger, SequenceClassifier, SequenceTagger

__all__ = ["StepLabels", "class_answers", "class_report", "step_labels", "step_report"]


def class_answers(
    model: SequenceClassifier,
    examples: Sequence[object],
    names: Iterable[Json],
    *,
    called: str,
    proba: bool,
) -> Iterator[Answer]:
    """The label of each example and its probability.

    names: what the examples are called in a line. called: the name of that in JSON.
    """
    labels = model.classes_.tolist()
    for name, row in zip(names, model.predict_proba(examples).tolist(), strict=True):
        chance = max(row)
        label = labels[row.index(chance)]
        plain: dict[str, Json] = {called: name, "label": label, "probability": chance}
        shares = [f"{chance:.4f}"]
        if proba:
            plain["probabilities"] = dict(zip(map(str, labels), row, strict=True))
            shares = [f"{one}={share:.4f}" for one, share in zip(labels, row, strict=True)]
        yield Answer([[str(label), *shares, str(name)]], plain)


@dataclass(frozen=True)
class StepLabels:
    """The best label of each step of an example, its probability, and those of all labels."""

    labels: list[str]
    chances: list[float]
    rows: list[dict[str, float]]

    def plain(self, called: str, *, proba: bool) -> dict[str, Json]:
        """For JSON; `called`: the name of the labels."""
        found: dict[str, Json] = {called: self.labels, "probability": self.chances}
        return {**found, "probabilities": self.rows} if proba else found


def step_labels(
    model: SequenceTagger | FrameTagger, examples: Sequence[object]
) -> Iterator[StepLabels]:
    """The labels of each example's steps."""
    names = model.classes_.tolist()
    for found in model.predict_proba(examples):
        rows = found.tolist()
        yield StepLabels(
            [names[row.index(max(row))] for row in rows],
            [max(row) for row in rows],
            [dict(zip(map(str, names), row, strict=True)) for row in rows],
        )


def class_report(
    model: SequenceClassifier, examples: Sequence[object], labels: Sequence[str]
) -> Report:
    """How good the labels of examples are; of two classes also how well chances sort."""
    from rnnkit.metrics import score_labels, score_ranking

    names = [str(name) for name in model.classes_.tolist()]
    scores = score_labels([str(one) for one in model.predict(examples)], labels, names)
    if len(names) != 2 or len(set(labels)) < 2:
        return _report(scores)
    chances = model.predict_proba(examples)[:, 1]
    return _report(scores, ranking=score_ranking(chances, [one == names[1] for one in labels]))


def step_report(
    model: SequenceTagger | FrameTagger,
    examples: Sequence[object],
    labels: Sequence[Sequence[str | None]],
    step: str,
) -> Report:
    """How good the labels of steps are, of those that have one; `step`: what a step is called."""
    from rnnkit.metrics import score_labels

    pairs = [
        (str(said), known)
        for guess, right in zip(model.predict(examples), labels, strict=True)
        for said, known in zip(guess, right, strict=True)
        if known is not None
    ]
    guesses, known = [said for said, _ in pairs], [label for _, label in pairs]
    names = [str(name) for name in model.classes_.tolist()]
    scores = score_labels(guesses, known, names)
    counted = [f"{step}s: {scores.count:,}"] if scores.count != len(examples) else []
    return _report(scores, counted)


def _report(
    scores: LabelScores, lines: Sequence[str] = (), ranking: RankingScores | None = None
) -> Report:
    figures: dict[str, Json] = asdict(scores)
    figures["labels"] = figures.pop("count")
    shown = [
        *lines,
        f"accuracy: {scores.accuracy:.4f}",
        f"macro-F1: {scores.macro_f1:.4f}",
        f"MCC: {scores.mcc:.4f}",
    ]
    if ranking is not None:
        figures |= asdict(ranking)
        shown += [
            f"ROC-AUC: {ranking.roc_auc:.4f}",
            f"average precision: {ranking.average_precision:.4f}",
        ]
    return Report(figures, shown, _table(scores))


def _table(scores: LabelScores) -> Table:
    rows = [
        [name, f"{one.precision:.4f}", f"{one.recall:.4f}", f"{one.f1:.4f}", f"{one.support:,}"]
        for name, one in scores.per_label.items()
    ]
    return Table(["label", "precision", "recall", "F1", "support"], rows)
