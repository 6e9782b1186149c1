"""`rnnkit train`: its three commands, and their options."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rnnkit.cli import options as opt

if TYPE_CHECKING:
    from rnnkit.cli.datasets import Dataset

__all__ = ["train_app"]

train_app = typer.Typer(no_args_is_help=True, help="Train a model on a file and save it.")


@dataclass(frozen=True)
class Plan:
    """What to train, and where it goes."""

    task: str
    parameters: dict[str, Any]
    settings: list[str]
    out: Path
    quiet: bool
    as_json: bool


@train_app.command("classify")
def train_classify(
    data: opt.DataFile,
    out: opt.Out,
    text: opt.Text = None,
    label: opt.Label = None,
    valid: opt.Valid = None,
    cell: opt.Cell = None,
    level: opt.Level = None,
    hidden_size: opt.HiddenSize = None,
    embedding_size: opt.EmbeddingSize = None,
    layers: opt.Layers = None,
    dropout: opt.Dropout = None,
    max_length: opt.MaxLength = None,
    epochs: opt.Epochs = None,
    batch_size: opt.BatchSize = None,
    lr: opt.Lr = None,
    bptt: opt.Bptt = None,
    patience: opt.Patience = None,
    seed: opt.Seed = None,
    settings: opt.Set = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """A label for each text of a table (CSV, TSV, JSONL, Parquet)."""
    from rnnkit.cli.datasets import read_classes

    parameters = {
        "cell": cell,
        "hidden_size": hidden_size,
        "embedding_size": embedding_size,
        "num_layers": layers,
        "dropout": dropout,
        "max_epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "bptt": bptt,
        "patience": patience,
        "random_state": seed,
        "level": level,
        "max_length": max_length,
    }
    plan = Plan("classify", parameters, settings or [], out, quiet, as_json)

    read = partial(read_classes, text=text, label=label)
    _train(plan, partial(read, data), None if valid is None else partial(read, valid))


@train_app.command("tag")
def train_tag(
    data: opt.DataFile,
    out: opt.Out,
    form: opt.Form = None,
    tag: opt.Tag = None,
    valid: opt.Valid = None,
    cell: opt.Cell = None,
    hidden_size: opt.HiddenSize = None,
    embedding_size: opt.EmbeddingSize = None,
    layers: opt.Layers = None,
    dropout: opt.Dropout = None,
    epochs: opt.Epochs = None,
    batch_size: opt.BatchSize = None,
    lr: opt.Lr = None,
    bptt: opt.Bptt = None,
    patience: opt.Patience = None,
    seed: opt.Seed = None,
    settings: opt.Set = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """A tag for each word of a sentence (CoNLL-U, columns, or lists in JSONL)."""
    from rnnkit.cli.datasets import read_tags

    parameters = {
        "cell": cell,
        "hidden_size": hidden_size,
        "embedding_size": embedding_size,
        "num_layers": layers,
        "dropout": dropout,
        "max_epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "bptt": bptt,
        "patience": patience,
        "random_state": seed,
    }
    plan = Plan("tag", parameters, settings or [], out, quiet, as_json)

    read = partial(read_tags, form=form, tag=tag)
    _train(plan, partial(read, data), None if valid is None else partial(read, valid))


@train_app.command("translate")
def train_translate(
    data: opt.DataFile,
    out: opt.Out,
    source: opt.Source = None,
    target: opt.Target = None,
    target_file: opt.TargetFile = None,
    valid: opt.Valid = None,
    valid_target_file: opt.ValidTargetFile = None,
    cell: opt.Cell = None,
    level: opt.Level = None,
    hidden_size: opt.HiddenSize = None,
    embedding_size: opt.EmbeddingSize = None,
    layers: opt.Layers = None,
    dropout: opt.Dropout = None,
    max_length: opt.MaxLength = None,
    epochs: opt.Epochs = None,
    batch_size: opt.BatchSize = None,
    lr: opt.Lr = None,
    bptt: opt.Bptt = None,
    patience: opt.Patience = None,
    seed: opt.Seed = None,
    settings: opt.Set = None,
    quiet: opt.Quiet = False,
    as_json: opt.Json = False,
) -> None:
    """A translation for each text: two columns of a table, or two files line by line."""
    from rnnkit.cli.datasets import read_translations

    parameters = {
        "cell": cell,
        "hidden_size": hidden_size,
        "embedding_size": embedding_size,
        "num_layers": layers,
        "dropout": dropout,
        "max_epochs": epochs,
        "batch_size": batch_size,
        "lr": lr,
        "bptt": bptt,
        "patience": patience,
        "random_state": seed,
        "source_level": level,
        "target_level": level,
        "max_length": max_length,
    }
    plan = Plan("translate", parameters, settings or [], out, quiet, as_json)

    read = partial(read_translations, source=source, target=target)
    read_valid = None if valid is None else partial(read, valid, target_file=valid_target_file)
    _train(plan, partial(read, data, target_file=target_file), read_valid)


def _train(
    plan: Plan, read: Callable[[], Dataset], read_valid: Callable[[], Dataset] | None
) -> None:
    """Check everything that can be checked before a long file is read, then train."""
    from rnnkit.cli import training
    from rnnkit.cli.parameters import estimator_parameters

    training.check_writable(plan.out)
    estimator = training.ESTIMATORS[plan.task]
    parameters = estimator_parameters(estimator, plan.parameters, plan.settings)
    training.train(
        plan.task,
        parameters,
        read(),
        None if read_valid is None else read_valid(),
        out=plan.out,
        quiet=plan.quiet,
        as_json=plan.as_json,
    )
