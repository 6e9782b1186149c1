"""`rnnkit train` and `rnnkit compare`: a command for each task."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from rnnkit.cli import options as opt
from rnnkit.cli.signature import with_options
from rnnkit.cli.specs import SPECS, TRAINING, Spec

if TYPE_CHECKING:
    from rnnkit.cli.datasets import Dataset

__all__ = ["compare_app", "train_app"]

train_app = typer.Typer(no_args_is_help=True, help="Train a model on a file and save it.")
compare_app = typer.Typer(
    no_args_is_help=True,
    help="Train the feed-forward contrast, a simple recurrent network, a GRU and an LSTM on a "
    "file, alike, and show what memory buys.",
)

# Options that say something of one cell, where `compare` trains several.
ONE_CELL = ("cell", "language_model")


def _add_train(spec: Spec) -> None:
    def command(
        data: opt.DataFile,
        out: opt.Out,
        settings: opt.Set = None,
        quiet: opt.Quiet = False,
        as_json: opt.Json = False,
        **given: Any,
    ) -> None:
        from rnnkit.cli import training

        # Everything that can be checked is checked before a long file is read.
        training.check_writable(out)
        parameters = _parameters(spec, given, settings)
        read, read_valid = _readers(spec, given)
        training.train(
            spec.name,
            parameters,
            read(data),
            read_valid(),
            out=out,
            quiet=quiet,
            as_json=as_json,
        )

    options = {
        **spec.columns,
        "valid": opt.Valid,
        **dict(spec.valid_columns.values()),
        **_training_options(spec),
    }
    train_app.command(spec.name, help=spec.help)(with_options(command, options))


def _add_compare(spec: Spec) -> None:
    def command(
        data: opt.DataFile,
        cells: opt.Cells = None,
        test: opt.Test = None,
        settings: opt.Set = None,
        quiet: opt.Quiet = False,
        as_json: opt.Json = False,
        **given: Any,
    ) -> None:
        from rnnkit.cli import comparing

        chosen = {**dict.fromkeys(ONE_CELL), **given}
        parameters = _parameters(spec, chosen, settings)
        read, _ = _readers(spec, {**given, "valid": None})
        comparing.compare(
            spec.name,
            parameters,
            read(data),
            None if test is None else read(test),
            cells=cells or opt.cells_to_compare(),
            quiet=quiet,
            as_json=as_json,
        )

    options = {**spec.columns, **_training_options(spec)}
    for name in ONE_CELL:
        options.pop(name, None)
    compare_app.command(spec.name, help=spec.help)(with_options(command, options))


def _training_options(spec: Spec) -> dict[str, Any]:
    return {name: option for name, (option, _) in {**spec.parameters, **TRAINING}.items()}


def _parameters(spec: Spec, given: dict[str, Any], settings: list[str] | None) -> dict[str, Any]:
    """What the options say of the estimator."""
    from rnnkit.cli import training
    from rnnkit.cli.parameters import estimator_parameters

    chosen = {
        parameter: given[name]
        for name, (_, parameters) in {**TRAINING, **spec.parameters}.items()
        for parameter in parameters
    }
    estimator = training.estimator_of(spec.name)
    return estimator_parameters(estimator, {**chosen, **spec.fixed}, settings or [])


def _readers(
    spec: Spec, given: dict[str, Any]
) -> tuple[Callable[[Path], Dataset], Callable[[], Dataset | None]]:
    """What reads a file with the given columns, and what reads the one to validate with."""
    from rnnkit.cli.datasets import READERS

    read = partial(READERS[spec.name], **{name: given[name] for name in spec.columns})
    own = {name: given.get(option) for name, (option, _) in spec.valid_columns.items()}
    valid = given["valid"]
    return read, lambda: None if valid is None else read(valid, **own)


for _spec in SPECS.values():
    _add_train(_spec)
    _add_compare(_spec)
