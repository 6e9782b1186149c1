"""Where a decoder looked while it said each token, and how that is drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from rnnkit.diagnose import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["Alignment", "alignment_of", "places_of"]


@dataclass(frozen=True)
class Alignment:
    """The attention of one text that was said.

    text: what was said; target: its U tokens. source: the S steps of a source text, or the places
    of an image; grid: (S,) of a text, (h, w) of an image, over which `weights[u].reshape(grid)`
    lies, its first row on top.
    weights: (U, S), row u how much of each step or place entered token u; rows sum to 1. What was
    read around a step is in its state too, so that weights say where was looked and not more.
    """

    text: str
    source: list[str]
    target: list[str]
    weights: np.ndarray
    grid: tuple[int, ...]

    def plot(self) -> Figure:
        """The weights as a matplotlib figure, a row a target token, dark where they are large.

        Raises MissingDependencyError where matplotlib is not installed.
        """
        return figure({"Attention": self._draw})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return {
            "text": self.text,
            "source": self.source,
            "target": self.target,
            "weights": self.weights.tolist(),
            "grid": list(self.grid),
        }

    def _draw(self, axes: Axes) -> None:
        axes.imshow(self.weights, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
        axes.set_xticks(range(len(self.source)), self.source, rotation=60, ha="right")
        axes.set_yticks(range(len(self.target)), self.target)
        axes.grid(visible=False)


def alignment_of(
    text: str,
    source: list[str],
    target: list[str],
    rows: Tensor,
    grid: tuple[int, ...] | None = None,
) -> Alignment:
    """rows: (U + 1, S or more) as the decoder gives them: the last one is that of the target's end,
    and past the end of the source all weights are 0. grid: None is (S,)."""
    weights = rows[: len(target), : len(source)].numpy()
    return Alignment(text, source, target, weights, grid or (len(source),))


def places_of(grid: tuple[int, ...]) -> list[str]:
    """What the places of a grid are called.

    >>> places_of((2, 2))
    ['0, 0', '0, 1', '1, 0', '1, 1']
    """
    return [", ".join(map(str, place)) for place in np.ndindex(grid)]
