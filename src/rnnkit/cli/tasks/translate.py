"""`translate`: a translation for each text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.sentences import plain_sentences, sentence_report, width
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task
from rnnkit.cli.tasks.texts import read_texts
from rnnkit.errors import OptionError

if TYPE_CHECKING:
    from rnnkit.tasks import Translation, Translator

__all__ = ["Translate"]


class Translate(Task["Translator", str, str]):
    """Two columns of a table, or two files line by line."""

    name = "translate"
    help = "A translation for each text: two columns of a table, or two files line by line."
    estimator = "Translator"
    noun = "pairs"
    score_name = "chrF"
    searches = True
    options = ("level", "max_length")
    aliases = {"level": ("source_level", "target_level")}
    valid_columns = {"target_file": ("valid_target_file", opt.ValidTargetFile)}

    def read(
        self,
        path: Path,
        *,
        source: opt.Source,
        target: opt.Target,
        target_file: opt.TargetFile,
    ) -> Dataset[str, str]:
        """Sources and targets."""
        from rnnkit import data
        from rnnkit.data.textfile import extension

        if (source is None) != (target is None):
            raise OptionError("--source and --target go together: name both columns, or neither.")
        if target_file is not None and source is not None:
            raise OptionError(
                "--target-file is for two files of lines: leave --source/--target out."
            )
        named = extension(path) in (".jsonl", ".parquet")
        if named and source is None and target_file is None:
            raise OptionError(f"{path} has named columns: say which with --source and --target.")
        pairs = data.read_pairs(path, target_file, source=source, target=target, skip_empty=True)
        return Dataset(pairs.sources, pairs.targets, pairs.lines, pairs.path, pairs.skipped)

    def predict(
        self, model: Translator, inputs: Sequence[str], asked: Asked, *, text: opt.Texts
    ) -> Iterator[Answer]:
        """The best translations of each text, the most probable first."""
        for texts in read_texts(inputs, text):
            for one, found in zip(texts, _translations(model, texts, asked), strict=True):
                lines = [[best.text, f"{best.probability:.4f}"] for best in found]
                yield Answer(lines or [[""]], {"text": one, "translations": plain_sentences(found)})

    def evaluate(self, model: Translator, dataset: Dataset[str, str]) -> Report:
        """chrF, BLEU and exact matches."""
        from rnnkit.metrics import score_translations

        return sentence_report(score_translations(model.predict(dataset.X), dataset.y or ()))


def _translations(
    model: Translator, texts: list[str], asked: Asked
) -> Iterator[Sequence[Translation]]:
    """Of a blank line there is none: there is nothing to translate, and lines keep their places."""
    filled = [text for text in texts if text]
    beam_size = width(model, asked)
    found = iter(
        model.translate(filled, n_best=asked.n_best, beam_size=beam_size) if filled else ()
    )
    return (next(found) if text else () for text in texts)
