"""Commands whose options are put together, not written out: what typer reads is the signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from types import MappingProxyType

__all__ = ["with_options"]

Command = Callable[..., None]


def with_options(
    command: Command,
    options: Mapping[str, object],
    defaults: Mapping[str, object] = MappingProxyType({}),
) -> Command:
    """The command with the options as keyword arguments besides those that it names itself.

    options: name -> `Annotated` type. defaults: of them; None of those that are not in it. The
    command takes them as **options, and keeps the order: its own without a default, the options,
    and its others.
    """
    own = [
        _keyword(one.name, one.annotation, one.default)
        for one in inspect.signature(command, eval_str=True).parameters.values()
        if one.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    needed = [one for one in own if one.default is inspect.Parameter.empty]
    rest = [one for one in own if one.default is not inspect.Parameter.empty]
    added = [_keyword(name, option, defaults.get(name)) for name, option in options.items()]
    parameters = [*needed, *added, *rest]

    def called(**given: object) -> None:
        command(**given)

    called.__doc__, called.__name__ = command.__doc__, command.__name__
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called


def _keyword(name: str, annotation: object, default: object) -> inspect.Parameter:
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default
    )
