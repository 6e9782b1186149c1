"""The options of an estimator on the command line: how they are shown, checked and passed on.

All of it comes from the table in `rnnkit.options`, which needs no estimator.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from rnnkit.cli.tasks import AnyTask, Value
from rnnkit.errors import OptionError, check_option
from rnnkit.options import ESTIMATORS, Choice, Option, PathName, Share, Whole, options_of, parse

__all__ = ["check_named", "defaults", "estimator_parameters", "named_options"]

# What every task offers by name; all other options of an estimator are given by --set.
COMMON = (
    *("cell", "hidden_size", "embedding_size", "layers", "dropout"),
    *("epochs", "batch_size", "lr", "bptt", "patience", "seed"),
)
ALIASES = {"layers": ("num_layers",), "epochs": ("max_epochs",), "seed": ("random_state",)}

# A command that is run twice gives the same twice, where an estimator draws anew.
SEED = Option("random_state", 0, "seed of all that is random", Whole(0), True, "Training")


def named_options(task: AnyTask) -> dict[str, object]:
    """What `train` offers by name for a task: name -> `Annotated` type, as typer reads it."""
    return {name: _typed(one) for name, one in _named(task).items()}


def defaults(task: AnyTask) -> dict[str, object]:
    """The default of each of `named_options`: the estimator's own."""
    return {name: one.default for name, one in _named(task).items()}


def check_named(task: AnyTask, name: str, value: object) -> None:
    """Raises OptionError, which says --NAME, for a value that the option cannot have."""
    _check(_named(task)[name], f"--{name.replace('_', '-')}", value)


def estimator_parameters(
    task: AnyTask, given: Mapping[str, Value], settings: Iterable[str]
) -> dict[str, object]:
    """Keyword arguments of a task's estimator: its named options, then NAME=VALUE settings.

    given: by the names of `named_options`, and others that are not looked at. A VALUE is JSON, or a
    string where it is none. Raises OptionError for a name that the estimator does not have, and for
    a value that it cannot be.

    >>> from rnnkit.cli.tasks.classify import Classify
    >>> estimator_parameters(Classify(), {"layers": 2, "lr": None}, ["lower=false"])
    {'num_layers': 2, 'lower': False}
    """
    chosen: dict[str, object] = {}
    for name in _named(task):
        value = given.get(name)
        if value is not None:
            check_named(task, name, value)
            chosen |= dict.fromkeys(_parameters(task, name), value)
    return {**chosen, **task.fixed, **_set(task, settings)}


def _set(task: AnyTask, settings: Iterable[str]) -> dict[str, object]:
    # Some options only Python can give, such as functions.
    known = {name: one for name, one in _table(task).items() if one.domain.kinds}
    chosen = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise OptionError(f"--set {setting!r}: NAME=VALUE is expected, such as clip_norm=1.0.")
        check_option("--set", name, known)
        try:
            chosen[name] = parse(known[name], text)
        except OptionError as error:
            raise OptionError(f"--set {error}") from None
        _check(known[name], f"--set {name}", chosen[name])
    return chosen


@cache
def _table(task: AnyTask) -> dict[str, Option]:
    return {**options_of(ESTIMATORS[task.estimator]), SEED.name: SEED}


def _named(task: AnyTask) -> dict[str, Option]:
    """The option behind each name; several behind one name are told together."""
    table, found = _table(task), {}
    for name in (*task.options, *COMMON):
        several = [table[parameter] for parameter in _parameters(task, name)]
        meaning = "; ".join(one.meaning for one in several)
        found[name] = replace(several[0], name=name, meaning=meaning)
    return found


def _parameters(task: AnyTask, name: str) -> tuple[str, ...]:
    return task.aliases.get(name) or ALIASES.get(name) or (name,)


def _check(one: Option, name: str, value: object) -> None:
    replace(one, name=name).check(value)


def _typed(one: Option) -> object:
    kind = Path if isinstance(one.domain, PathName) else one.domain.kinds[0]
    shown = typer.Option(
        min=one.domain.least if isinstance(one.domain, Whole) else None,
        metavar=one.name.upper() if isinstance(one.domain, Choice) else None,
        help=_help(one),
        rich_help_panel=one.group,
    )
    return Annotated[kind | None if one.default is None else kind, shown]


def _help(one: Option) -> str:
    """The meaning as a sentence, and what typer does not show by itself."""
    told = isinstance(one.domain, Choice | Share)
    return f"{one.meaning[0].upper()}{one.meaning[1:]}{f': {one.domain}' if told else ''}."
