"""Results on standard output, everything else on standard error."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence

from rnnkit.nest import Json

__all__ = ["human_size", "print_json", "print_line", "print_table", "say"]

# Wide enough that no table is cut where output is not a terminal.
_PIPE_WIDTH = 400


def say(message: str) -> None:
    """One line about what goes on, for people."""
    print(message, file=sys.stderr, flush=True)


def print_line(*fields: str) -> None:
    r"""One line of results, its fields separated by tabs.

    A tab or a line end inside a field becomes a space, so that a line stays a line.

    >>> print_line("1", "two\nlines")
    1 two lines
    """
    print("\t".join(" ".join(field.splitlines()).replace("\t", " ") for field in fields))


def print_json(value: Json) -> None:
    """One JSON value on one line.

    >>> print_json({"label": "긍정", "probability": 0.5})
    {"label": "긍정", "probability": 0.5}
    """
    # Without UTF-8, escapes keep the line valid JSON: not every replacement would.
    encoding = (getattr(sys.stdout, "encoding", None) or "utf-8").lower().replace("-", "")
    print(json.dumps(value, ensure_ascii=encoding != "utf8"))


def print_table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """A table for people; the first column is text, the others are figures."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    if not console.is_terminal:
        console = Console(width=_PIPE_WIDTH)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for position, column in enumerate(columns):
        table.add_column(Text(column), justify="right" if position else "left", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def human_size(size: int) -> str:
    """Bytes for people.

    >>> human_size(512), human_size(1_250_000)
    ('512 bytes', '1.2 MB')
    """
    return f"{size / 1e6:,.1f} MB" if size >= 100_000 else f"{size:,} bytes"
