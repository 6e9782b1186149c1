"""`rnnkit train` and `rnnkit compare`: a command for each task."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import typer

from rnnkit.cli import options as opt
from rnnkit.cli.parameters import defaults, estimator_parameters, named_options
from rnnkit.cli.signature import with_options
from rnnkit.cli.tasks import TASKS, AnyDataset, AnyTask, Value, columns_of

__all__ = ["compare_app", "train_app"]

train_app = typer.Typer(no_args_is_help=True, help="Train a model on a file and save it.")
compare_app = typer.Typer(
    no_args_is_help=True,
    help="Train the feed-forward contrast, a simple recurrent network, a GRU and an LSTM on a "
    "file, alike, and show what memory buys.",
)

# Options that say something of one cell, where `compare` trains several.
ONE_CELL = ("cell", "language_model")


def _add_train(task: AnyTask) -> None:
    def command(
        data: opt.DataFile,
        out: opt.Out,
        settings: opt.Set = None,
        quiet: opt.Quiet = False,
        as_json: opt.Json = False,
        **given: Value,
    ) -> None:
        from rnnkit.cli import training

        # Everything that can be checked is checked before a long file is read.
        training.check_writable(out)
        parameters = estimator_parameters(task, given, settings or [])
        dataset, valid = _read(task, data, given), _read_valid(task, given)
        training.train(task, parameters, dataset, valid, out=out, quiet=quiet, as_json=as_json)

    options = {
        **columns_of(task.read),
        "valid": opt.Valid,
        **dict(task.valid_columns.values()),
        **named_options(task),
    }
    train_app.command(task.name, help=task.help)(with_options(command, options, defaults(task)))


def _add_compare(task: AnyTask) -> None:
    def command(
        data: opt.DataFile,
        cells: opt.Cells = None,
        test: opt.Test = None,
        settings: opt.Set = None,
        quiet: opt.Quiet = False,
        as_json: opt.Json = False,
        **given: Value,
    ) -> None:
        from rnnkit.cli import comparing

        parameters = estimator_parameters(task, given, settings or [])
        comparing.compare(
            task,
            parameters,
            _read(task, data, given),
            None if test is None else _read(task, test, given),
            cells=cells or opt.cells_to_compare(),
            quiet=quiet,
            as_json=as_json,
        )

    options = {**columns_of(task.read), **named_options(task)}
    for name in ONE_CELL:
        options.pop(name, None)
    compare_app.command(task.name, help=task.help)(with_options(command, options, defaults(task)))


def _read(task: AnyTask, path: Path, given: Mapping[str, Value]) -> AnyDataset:
    return task.read(path, **{name: given[name] for name in columns_of(task.read)})


def _read_valid(task: AnyTask, given: Mapping[str, Value]) -> AnyDataset | None:
    """The examples to validate with, of which the file may have columns of its own."""
    path = given["valid"]
    if path is None:
        return None
    own = {name: given[option] for name, (option, _) in task.valid_columns.items()}
    return _read(task, Path(str(path)), {**given, **own})


for _task in TASKS:
    _add_train(_task)
    _add_compare(_task)
