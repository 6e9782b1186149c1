"""`language`: what comes next in a text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset, OneText
from rnnkit.cli.tasks.tables import SUFFIXES, cells, is_text
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task
from rnnkit.cli.tasks.texts import read_texts
from rnnkit.errors import OptionError

if TYPE_CHECKING:
    from rnnkit.tasks import LanguageModel

__all__ = ["Language"]


class Language(Task["LanguageModel", str, None]):
    """One text file, or the texts of a table's column."""

    name = "language"
    help = "What comes next in a text: a text file, or the texts of a table's column."
    estimator = "LanguageModel"
    noun = "lines"
    score_name = "log-probability"
    options = ("level", "bptt_steps")

    def read(self, path: Path, *, text: opt.Text) -> Dataset[str, None]:
        """One text, or several."""
        from rnnkit import data
        from rnnkit.data.textfile import extension

        if extension(path) in SUFFIXES:
            name = text or "text"
            table = data.read_table(path, [name], required=[name], skip_empty=True)
            texts = cells(table, name, is_text, "a text")
            return Dataset(texts, None, table.lines, table.path, table.skipped)
        if text is not None:
            raise OptionError(
                f"--text names a column, but {path} is read as one text: leave it out."
            )
        lines = [f"{line}\n" for line in data.read_lines(path)]
        return OneText(lines, None, range(1, len(lines) + 1), path)

    def predict(
        self,
        model: LanguageModel,
        inputs: Sequence[str],
        asked: Asked,  # noqa: ARG002 - there is one probability
        *,
        text: opt.Texts,
    ) -> Iterator[Answer]:
        """The log-probability of each text."""
        for texts in read_texts(inputs, text):
            for one, log_prob in zip(texts, model.log_prob(texts).tolist(), strict=True):
                yield Answer([[f"{log_prob:.4f}", one]], {"text": one, "log_prob": log_prob})

    def evaluate(self, model: LanguageModel, dataset: Dataset[str, None]) -> Report:
        """Perplexity."""
        loss = -model.score(dataset.X)
        perplexity = math.exp(loss)
        return Report(
            {"loss": loss, "perplexity": perplexity},
            [f"perplexity: {perplexity:.4f}", f"loss: {loss:.4f} nats a token"],
        )
