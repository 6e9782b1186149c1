"""`series`: a label for each series."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.labels import class_answers, class_report
from rnnkit.cli.tasks.steps import (
    Columns,
    check_one_label,
    names_of,
    read_series,
    read_table,
    show_series,
)
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task
from rnnkit.errors import DataError

if TYPE_CHECKING:
    import numpy as np

    from rnnkit.tasks import AnyEstimator, SequenceClassifier

__all__ = ["Series"]


class Series(Task["SequenceClassifier", "np.ndarray", str]):
    """A table with a row a step, or a .ts file."""

    name = "series"
    help = "A label for each series: a table with a row a step, or a .ts file."
    estimator = "SequenceClassifier"
    noun = "series"
    fixed = {"inputs": "series"}

    def recognizes(self, model: AnyEstimator) -> bool:
        """A classifier of series."""
        return super().recognizes(model) and model.kind_ == "series"

    def read(
        self,
        path: Path,
        *,
        id: opt.Id,  # noqa: A002 - the option's name
        time: opt.Time,
        feature: opt.Feature,
        ignore: opt.Ignore,
        label: opt.Label,
    ) -> Dataset[np.ndarray, str]:
        """Series and the label (as a string) that each has in all rows, or at the end of a line."""
        from rnnkit import data
        from rnnkit.data.textfile import extension

        columns = Columns(id, time, feature, ignore)
        if extension(path) == ".ts":
            columns.refuse_for(path, label=label)
            found = data.read_ts(path)
            if not found.labels:
                raise DataError("the file has no labels (@classLabel true).", path=path)
            return Dataset(found.series, list(map(str, found.labels)), found.lines, found.path)
        table = read_table(path, columns, label or "label")
        check_one_label(table, label or "label")
        last = [str(one) for one in table.last_labels()]
        return Dataset(table.series, last, table.lines, table.path, names=table.ids)

    def predict(
        self,
        model: SequenceClassifier,
        inputs: Sequence[str],
        asked: Asked,
        *,
        id: opt.Id,  # noqa: A002
        time: opt.Time,
        feature: opt.Feature,
        ignore: opt.Ignore,
    ) -> Iterator[Answer]:
        """The label of each series."""
        self.refuse_standard_input(inputs)
        for path in inputs:
            found = read_series(Path(path), Columns(id, time, feature, ignore))
            names = names_of(found)
            yield from class_answers(model, found.X, names, called="id", proba=asked.proba)

    def labels(self, target: str) -> Sequence[str]:
        """The one."""
        return (target,)

    def show(self, example: np.ndarray) -> str:
        """Its numbers."""
        return show_series(example)

    def evaluate(self, model: SequenceClassifier, dataset: Dataset[np.ndarray, str]) -> Report:
        """Accuracy, macro-F1 and others of the labels."""
        return class_report(model, dataset.examples, dataset.y or ())
