"""The kept results as one table: `python -m benchmarks.table` writes it into docs/benchmarks.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from benchmarks import report

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- results: begin -->\n", "<!-- results: end -->\n"


def main() -> None:
    PAGE.write_text(filled(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def filled(page: str) -> str:
    """The page with the table of benchmarks/results/*.json between its marks."""
    before, rest = page.split(BEGIN)
    _, after = rest.split(END)
    return before + BEGIN + table() + END + after


def table() -> str:
    """One row a model or baseline, in the order of the files' names."""
    lines = ["| benchmark | | figures |", "|---|---|---|"]
    for path in sorted((ROOT / "benchmarks" / "results").glob("*.json")):
        result = json.loads(path.read_text(encoding="utf-8"))
        rows = {"rnnkit": result["metrics"], **result["baselines"]}
        for row, metrics in rows.items():
            name = f"`{result['name']}`" if row == "rnnkit" else ""
            lines.append(f"| {name} | {row} | {_figures(metrics)} |")
    return "\n".join(lines) + "\n"


def _figures(metrics: dict[str, Any]) -> str:
    return ", ".join(f"{name} {report.figure(value)}" for name, value in metrics.items())


if __name__ == "__main__":
    main()
