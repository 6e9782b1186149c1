"""What docs/benchmarks.md shows is what the kept results say."""

from __future__ import annotations

import json

import pytest

from benchmarks import table

RESULTS = sorted((table.ROOT / "benchmarks" / "results").glob("*.json"))
KEYS = {"name", "metrics", "baselines", "seconds", "settings", "versions"}
MANY = KEYS | {"rows"}  # of a benchmark that measures many cases


def test_the_page_shows_the_kept_results():
    page = table.PAGE.read_text(encoding="utf-8")
    assert table.filled(page) == page
    assert len(RESULTS) >= 4


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_a_result_says_what_was_run_on_what(path):
    result = json.loads(path.read_text(encoding="utf-8"))
    assert set(result) in (KEYS, MANY)
    assert {"python", "torch", "processor", "cores"} <= set(result["versions"])
    assert "/" not in result["versions"]["system"]
