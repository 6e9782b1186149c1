"""What a quality benchmark found."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import report


@dataclass(frozen=True)
class Result:
    """metrics, settings: of the model; baselines: name to metrics of the same kind."""

    metrics: dict[str, Any]
    baselines: dict[str, dict[str, Any]]
    settings: dict[str, Any]

    def table(self, name: str, seconds: float) -> str:
        """The figures as lines of text."""
        lines = [f"{name}  ({seconds / 60:.1f} minutes in all)"]
        rows = {"rnnkit": self.metrics, **self.baselines}
        width = max(map(len, rows))
        for row, metrics in rows.items():
            figures = "  ".join(f"{key} {report.figure(value)}" for key, value in metrics.items())
            lines.append(f"  {row:<{width}}  {figures}")
        return "\n".join(lines)


def corpora() -> Path:
    """The folder of the real corpora: $RNNKIT_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("RNNKIT_DATA", Path(__file__).parents[3] / "shared" / "data"))
    if not folder.is_dir():
        raise SystemExit(
            f"The corpora are not at {folder}. Set RNNKIT_DATA to the folder that holds pos/, "
            f"sentiment/ and the others (docs/benchmarks.md says which files)."
        )
    return folder
