"""The examples in the pages run, from top to bottom."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rnnkit.bptt import POLICIES

DOCS = Path(__file__).parents[1] / "docs"
PAGES = sorted(DOCS.glob("*.md"))


def code_of(page: Path) -> list[str]:
    text = page.read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("page", [page for page in PAGES if code_of(page)], ids=lambda p: p.stem)
def test_the_examples_of_a_page_run(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    scope: dict[str, object] = {"__name__": "example"}
    for block in code_of(page):
        exec(compile(block, page.name, "exec"), scope)
    if page.stem == "bptt":
        assert scope["gone"].windows == 20
        assert "gradient: " in capsys.readouterr().out


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_every_file_that_a_page_links_exists(page):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_policy_is_on_its_page():
    text = (DOCS / "bptt.md").read_text(encoding="utf-8").lower()
    for name in POLICIES:
        assert f"| `{name}(" in text, name
