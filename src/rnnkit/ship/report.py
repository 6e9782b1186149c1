"""One self-contained page about a model: charts, tables and the numbers behind them."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rnnkit.diagnose import svg
from rnnkit.errors import ArchiveError

__all__ = ["Section", "page", "write_page"]


@dataclass(frozen=True)
class Section:
    """A part of a page.

    text: paragraphs. table: columns and rows. panels: what draws each chart, by its title (see
    `GradientFlow.panels`). note: how to read the charts.
    """

    title: str
    text: Sequence[str] = ()
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    panels: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""


def write_page(path: str | Path, content: str) -> None:
    """Write a page. Raises ArchiveError if the disk refuses."""
    try:
        Path(path).write_text(content, encoding="utf-8")
    except OSError as error:
        raise ArchiveError(
            f"{path}: the report could not be written: {error.strerror}. Give a file in an "
            f"existing folder that you may write to."
        ) from None


def page(
    title: str, facts: Mapping[str, str], sections: Sequence[Section], data: Mapping[str, Any]
) -> str:
    """The whole page as HTML. It asks for nothing from elsewhere, and runs no script.

    facts: name and value of what stands at the top. data: plain JSON, kept in the page under the
    id "data". Raises MissingDependencyError where matplotlib is not installed.

    >>> text = page("A & B", {"cell": "lstm"}, [Section("Charts", ["None."])], {"a": 1})
    >>> "<h1>A &amp; B</h1>" in text, '<script type="application/json" id="data">' in text
    (True, True)
    """
    body = [f"<h1>{html.escape(title)}</h1>", _facts(facts)]
    for number, section in enumerate(sections, start=1):
        body.append(_section(section, number))
    # A "<" would end the script element if "/script>" followed.
    kept = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    body.append(f'<script type="application/json" id="data">{kept}</script>')
    return _PAGE.format(title=html.escape(title), style=_STYLE, body="\n".join(body))


def _facts(facts: Mapping[str, str]) -> str:
    rows = "".join(
        f"<dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd>"
        for name, value in facts.items()
    )
    return f"<dl>{rows}</dl>"


def _section(section: Section, number: int) -> str:
    parts = [f"<h2>{html.escape(section.title)}</h2>"]
    parts += [f"<p>{html.escape(paragraph)}</p>" for paragraph in section.text]
    if section.rows:
        parts.append(_table(section.columns, section.rows))
    if section.note:
        parts.append(f'<p class="note">{html.escape(section.note)}</p>')
    charts = [
        _figure(title, draw, f"s{number}c{place}")
        for place, (title, draw) in enumerate(section.panels.items(), start=1)
    ]
    if charts:
        parts.append(f'<div class="charts">{"".join(charts)}</div>')
    return f"<section>{''.join(parts)}</section>"


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    body = "".join(
        "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
    )
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="table">{table}</div>'


def _figure(title: str, draw: Any, prefix: str) -> str:
    # Each chart has names of its own: in one page they would mean each other's parts.
    drawn = re.sub(r'(\bid="|url\(#|href="#)', rf"\g<1>{prefix}-", svg(draw))
    name = html.escape(title, quote=True)
    drawn = drawn.replace("<svg", f'<svg role="img" aria-label="{name}"', 1)
    return f"<figure><figcaption>{name}</figcaption>{drawn}</figure>"


_STYLE = """
body { font: 16px/1.5 system-ui, "Noto Sans", "Noto Sans CJK KR", "Malgun Gothic", sans-serif;
  margin: 0 auto; max-width: 80rem; padding: 1.5rem; color: #222; background: #fff; }
h1 { font-size: 1.6rem; margin: 0 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; border-top: 1px solid #ddd; padding-top: 1rem; }
p { max-width: 48rem; }
p.note { color: #555; font-size: .9rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1.5rem; font-size: .95rem; }
dt { color: #555; } dd { margin: 0; overflow-wrap: anywhere; }
.table { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid #eee;
  white-space: nowrap; }
th:first-child, td:first-child { text-align: left; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 30rem), 1fr));
  gap: 1rem; }
figure { margin: 0; } figcaption { font-weight: 600; font-size: .95rem; }
figure svg { width: 100%; height: auto; }
"""

_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; img-src data:">
<title>{title}</title>
<style>{style}</style>
</head>
<body>
{body}
</body>
</html>
"""
