"""`tag`: a tag for each word of a sentence."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.labels import step_labels, step_report
from rnnkit.cli.tasks.tables import cells, is_words
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task
from rnnkit.cli.tasks.texts import Sentence, read_sentences
from rnnkit.errors import DataError, OptionError

if TYPE_CHECKING:
    from rnnkit.tasks import AnyEstimator, SequenceTagger

__all__ = ["Tag"]

Words = list[str]


class Tag(Task["SequenceTagger", Words, Words]):
    """CoNLL-U, columns of words and tags, or lists of both in JSONL or Parquet."""

    name = "tag"
    help = "A tag for each word of a sentence (CoNLL-U, columns, or lists in JSONL)."
    estimator = "SequenceTagger"
    noun = "sentences"
    step = "token"

    def recognizes(self, model: AnyEstimator) -> bool:
        """A tagger of words."""
        return super().recognizes(model) and model.kind_ == "text"

    def read(self, path: Path, *, form: opt.Form, tag: opt.Tag) -> Dataset[Words, Words]:
        """Words and tags."""
        from rnnkit import data
        from rnnkit.data.textfile import extension

        if extension(path) in (".jsonl", ".ndjson", ".parquet"):
            return _read_lists(path, form or "tokens", tag or "tags")
        if extension(path) == ".conllu":
            found = data.read_tagged(path, form=form, tag=tag)
        else:
            found = data.read_tagged(path, form=_place(form, "form"), tag=_place(tag, "tag"))
        return Dataset(found.tokens, found.tags, found.lines, found.path)

    def predict(
        self, model: SequenceTagger, inputs: Sequence[str], asked: Asked, *, text: opt.Texts
    ) -> Iterator[Answer]:
        """Each sentence as word/tag."""
        for sentences in read_sentences(inputs, text):
            words = [_words(one) for one in sentences]
            for tokens, found in zip(words, step_labels(model, words), strict=True):
                pairs = zip(tokens, found.labels, strict=True)
                yield Answer(
                    [[" ".join(f"{word}/{tag}" for word, tag in pairs)]],
                    {"tokens": tokens, **found.plain("tags", proba=asked.proba)},
                )

    def labels(self, target: Words) -> Sequence[str]:
        """The tags."""
        return target

    def place(self, dataset: Dataset[Words, Words], example: int, step: int) -> str:  # noqa: ARG002
        """The token in the sentence."""
        return f" (token {step + 1} of the sentence)"

    def show(self, example: Words) -> str:
        """The sentence."""
        return " ".join(example)

    def evaluate(self, model: SequenceTagger, dataset: Dataset[Words, Words]) -> Report:
        """Accuracy, macro-F1 and others of the tags."""
        return step_report(model, dataset.examples, dataset.y or (), self.step)


def _words(sentence: Sentence) -> Words:
    return sentence.split() if isinstance(sentence, str) else sentence


def _read_lists(path: Path, form: str, tag: str) -> Dataset[Words, Words]:
    from rnnkit import data

    table = data.read_table(path, [form, tag], required=[form, tag])
    tokens, tags = (cells(table, name, is_words, "a list of strings") for name in (form, tag))
    for line, words, labels in zip(table.lines, tokens, tags, strict=True):
        if len(words) != len(labels):
            raise DataError(
                f"there are {len(words)} tokens in {form!r} but {len(labels)} tags in {tag!r}; "
                f"each token needs one.",
                path=path,
                line=line,
            )
    return Dataset(tokens, tags, table.lines, table.path)


def _place(name: str | None, option: str) -> int | None:
    """Columns of a file without a header are counted from 0."""
    if name is None:
        return None
    try:
        return int(name)
    except ValueError:
        raise OptionError(
            f"--{option} {name!r}: only CoNLL-U files (.conllu) have named columns; here it is a "
            f"place, 0 for the first column and -1 for the last."
        ) from None
