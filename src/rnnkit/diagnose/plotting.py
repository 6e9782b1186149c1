"""Figures with matplotlib, which is imported when something is plotted."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from io import StringIO
from typing import TYPE_CHECKING, Any, TypeAlias

from rnnkit.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Draw", "Panels", "figure", "svg"]

Draw: TypeAlias = "Callable[[Axes], None]"
"""What draws a chart."""

Panels: TypeAlias = Mapping[str, Draw]
"""What draws each chart, by its title."""

_COLUMNS, _WIDTH, _HEIGHT = 2, 6.0, 3.6  # inches a chart

# Fonts that have Hangul, on Linux, Windows and macOS.
_HANGUL = ("Noto Sans CJK KR", "NanumGothic", "Malgun Gothic", "Apple SD Gothic Neo")

_STYLE: dict[Any, Any] = {
    "axes.grid": True,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "grid.alpha": 0.3,
    "font.size": 9,
    "axes.titlesize": 10,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "svg.fonttype": "none",  # text stays text, to be read, searched and drawn by the browser
    "svg.hashsalt": "rnnkit",  # the same figure is the same file
    "axes.unicode_minus": False,
}


def figure(panels: Panels, *, columns: int = _COLUMNS) -> Figure:
    """All charts in one figure, which no window shows: `figure.savefig(path)` writes it.

    Raises MissingDependencyError where matplotlib is not installed.
    """
    with _styled():
        from matplotlib.figure import Figure

        columns = min(columns, len(panels))
        rows = math.ceil(len(panels) / columns)
        drawn = Figure(figsize=(columns * _WIDTH, rows * _HEIGHT), layout="constrained")
        for place, (title, draw) in enumerate(panels.items(), start=1):
            axes = drawn.add_subplot(rows, columns, place)
            axes.set_title(title)
            draw(axes)
        return drawn


def svg(panel: Draw) -> str:
    """One chart as an SVG element, to be put into a page."""
    with _styled(), warnings.catch_warnings():
        # A browser has glyphs that matplotlib's fonts lack.
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        drawn = figure({"": panel})
        text = StringIO()
        drawn.savefig(text, format="svg", metadata={"Date": None})
    whole = text.getvalue()
    return whole[whole.index("<svg") :]


@contextmanager
def _styled() -> Iterator[None]:
    try:
        import matplotlib as mpl
        from matplotlib import font_manager
    except ImportError:
        raise MissingDependencyError(
            "plots need matplotlib, which is not installed: pip install 'rnnkit[plot]'."
        ) from None
    installed = {font.name for font in font_manager.fontManager.ttflist}
    hangul = [name for name in _HANGUL if name in installed]
    style = {**_STYLE, "font.family": ["DejaVu Sans", *hangul]}
    with mpl.rc_context(style):
        yield
