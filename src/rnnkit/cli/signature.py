"""Commands whose options are put together, not written out: what typer reads is the signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

__all__ = ["with_options"]


def with_options(
    command: Callable[..., None], options: Mapping[str, object]
) -> Callable[..., None]:
    """The command with the options as keyword arguments besides those that it names itself.

    options: name -> `Annotated` type, None being the default. The command takes them as
    **options, and keeps the order: its own without a default, the options, and its others.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    named = [one for one in own if one.kind is not inspect.Parameter.VAR_KEYWORD]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=option, default=None)
        for name, option in options.items()
    ]
    needed = [one for one in named if one.default is inspect.Parameter.empty]
    rest = [one for one in named if one.default is not inspect.Parameter.empty]

    def called(**given: object) -> None:
        command(**given)

    called.__doc__, called.__name__ = command.__doc__, command.__name__
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in [*needed, *added, *rest]
    ]
    called.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    called.__annotations__ = {one.name: one.annotation for one in parameters}
    return called
