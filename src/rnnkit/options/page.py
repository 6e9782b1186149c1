"""The options of the estimators as a page, and as the "Parameters" of a docstring.

`python -m rnnkit.options.page > docs/options.md` writes the page anew.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from itertools import groupby

from rnnkit.options.estimators import ESTIMATORS
from rnnkit.options.table import Option, options_of

__all__ = ["page", "parameters"]

HEAD = """\
# Options of the estimators

Every option of every estimator: its name and default, what it means, what it may be. From Python
it is a keyword of the constructor; on the command line it is an option of `rnnkit train`, or
`--set NAME=VALUE`. This page is written by `python -m rnnkit.options.page`.
"""

GROUPS = ("Data", "Network", "Training", "Answers")


def page() -> str:
    """The page, as Markdown."""
    return "\n".join([HEAD, *_sections()])


def parameters(cls: type) -> str:
    """The options of a class as a docstring's section, as numpydoc has it.

    >>> print(parameters(ESTIMATORS["LanguageModel"]).splitlines()[2])
    lower : default False
    """
    lines = ["Parameters", "----------"]
    for one in _grouped(cls):
        lines.append(f"{one.name} : default {one.default!r}")
        lines += textwrap.wrap(
            f"{one.meaning}: {one.allowed}", 96, initial_indent="    ", subsequent_indent="    "
        )
    return "\n".join(lines)


def _grouped(cls: type) -> list[Option]:
    """Data first, then the network, training, and answers."""
    return sorted(options_of(cls).values(), key=lambda one: GROUPS.index(one.group))


def _sections() -> Iterator[str]:
    for name, cls in ESTIMATORS.items():
        yield f"## {name}\n"
        for group, several in groupby(_grouped(cls), key=lambda one: one.group):
            yield f"### {group}\n\n| option | default | meaning | may be |\n|---|---|---|---|"
            yield from map(_row, several)
            yield ""


def _row(one: Option) -> str:
    return f"| `{one.name}` | `{one.default!r}` | {one.meaning} | {one.allowed} |"


if __name__ == "__main__":
    print(page(), end="")
