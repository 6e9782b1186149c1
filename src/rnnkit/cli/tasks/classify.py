"""`classify`: a label for each text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.labels import class_answers, class_report
from rnnkit.cli.tasks.tables import cells, is_label, is_text
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task
from rnnkit.cli.tasks.texts import read_texts
from rnnkit.errors import OptionError

if TYPE_CHECKING:
    from rnnkit.tasks import AnyEstimator, SequenceClassifier

__all__ = ["Classify"]


class Classify(Task["SequenceClassifier", str, str]):
    """A table with a column of texts and one of labels."""

    name = "classify"
    help = "A label for each text of a table (CSV, TSV, JSONL, Parquet)."
    estimator = "SequenceClassifier"
    noun = "texts"
    options = ("level", "max_length", "language_model")

    def recognizes(self, model: AnyEstimator) -> bool:
        """A classifier of texts."""
        return super().recognizes(model) and model.kind_ == "text"

    def read(self, path: Path, *, text: opt.Text, label: opt.Label) -> Dataset[str, str]:
        """Texts and labels, as strings, whatever their type in the file."""
        from rnnkit import data

        names = text or "text", label or "label"
        if names[0] == names[1]:
            raise OptionError(
                f"--text and --label are both {names[0]!r}, but two columns are needed."
            )
        table = data.read_table(path, names, required=names, skip_empty=True)
        texts = cells(table, names[0], is_text, "a text")
        labels = [str(one) for one in cells(table, names[1], is_label, "one label")]
        return Dataset(texts, labels, table.lines, table.path, table.skipped)

    def predict(
        self, model: SequenceClassifier, inputs: Sequence[str], asked: Asked, *, text: opt.Texts
    ) -> Iterator[Answer]:
        """The label of each text."""
        for texts in read_texts(inputs, text):
            yield from class_answers(model, texts, texts, called="text", proba=asked.proba)

    def labels(self, target: str) -> Sequence[str]:
        """The one."""
        return (target,)

    def evaluate(self, model: SequenceClassifier, dataset: Dataset[str, str]) -> Report:
        """Accuracy, macro-F1 and others of the labels."""
        return class_report(model, dataset.examples, dataset.y or ())
