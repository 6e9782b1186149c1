"""Options of the command line to parameters of an estimator."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rnnkit.errors import OptionError, check_option
from rnnkit.options import options_of, parse
from rnnkit.options.names import CELLS

__all__ = ["CELLS", "estimator_parameters"]


def estimator_parameters(
    options: type, given: Mapping[str, Any], settings: Iterable[str]
) -> dict[str, Any]:
    """Keyword arguments of an estimator: what was given, then NAME=VALUE settings.

    options: the estimator, or its class of options. A VALUE is JSON, or a string where it is none.
    Raises OptionError for a name that the estimator does not have, and for a value of the wrong
    type.

    >>> from rnnkit.options import ClassifierOptions
    >>> estimator_parameters(ClassifierOptions, {"lr": None}, ["lower=false", "normalize=NFC"])
    {'lower': False, 'normalize': 'NFC'}
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if "cell" in chosen:
        check_option("--cell", chosen["cell"], CELLS)
    # Some options only Python can give, such as functions.
    known = {name: one for name, one in options_of(options).items() if one.domain.kinds}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator:
            raise OptionError(f"--set {setting!r}: NAME=VALUE is expected, such as clip_norm=1.0.")
        check_option("--set", name, known)
        try:
            chosen[name] = parse(known[name], text)
        except OptionError as error:
            raise OptionError(f"--set {error}") from None
    return chosen
