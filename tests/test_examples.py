"""The examples run, on toy sizes, and say what their page says."""

from __future__ import annotations

import importlib.util
import json
import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def two_limits():
    spec = importlib.util.spec_from_file_location("two_limits", ROOT / "examples/two_limits.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules["two_limits"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["two_limits"]


def test_the_two_limits_are_drawn_and_put_into_their_pages(two_limits, tmp_path, monkeypatch):
    for name in two_limits.PAGES:
        shutil.copy(ROOT / "docs" / name, tmp_path / name)
    monkeypatch.setattr(sys, "argv", ["two_limits", "--quick", "--out", str(tmp_path)])
    two_limits.main()
    results = json.loads((tmp_path / "figures/two-limits.json").read_text())
    assert set(results["adding"]["scores"]) == set(two_limits.MODELS)
    for name, language in two_limits.PAGES.items():
        page = (tmp_path / name).read_text(encoding="utf-8")
        for table in two_limits.tables(results, language).values():
            assert table in page
        for picture in re.findall(r"\]\((figures/[^)]+)\)", page):
            assert (tmp_path / picture).stat().st_size > 1000
            assert (ROOT / "docs" / picture).exists()


def test_the_kept_figures_of_the_pages_are_those_of_the_kept_run(two_limits):
    results = json.loads((ROOT / "docs/figures/two-limits.json").read_text())
    for name, language in two_limits.PAGES.items():
        page = (ROOT / "docs" / name).read_text(encoding="utf-8")
        assert two_limits.fill(page, two_limits.tables(results, language)) == page


def test_both_pages_have_the_same_sections_and_pictures(two_limits):
    english, korean = ((ROOT / "docs" / name).read_text("utf-8") for name in two_limits.PAGES)
    for pattern in (r"^## ", r"^\|", r"!\[[^]]*\]\(([^)]+)\)"):
        found = [re.findall(pattern, text, re.MULTILINE) for text in (english, korean)]
        assert len(found[0]) == len(found[1]), pattern
        if "(" in pattern:
            assert found[0] == found[1]


def test_the_sum_to_be_learnt_is_that_of_the_marked_numbers(two_limits):
    x, target = two_limits.adding(10, 50, torch.Generator().manual_seed(0))
    assert torch.equal(x[..., 1].sum(dim=0), torch.full((50,), 2.0))
    assert torch.equal(x[:5, :, 1].sum(dim=0), torch.ones(50))
    torch.testing.assert_close((x[..., 0] * x[..., 1]).sum(dim=0), target)


def test_what_is_to_be_copied_stands_at_the_beginning(two_limits):
    x, target = two_limits.copying(7, 20, torch.Generator().manual_seed(0))
    assert x.shape == (17, 20, 10)
    assert torch.equal(x[:5].argmax(dim=-1), target)
    assert (x[5:].argmax(dim=-1) >= 8).all()
    assert (x[11].argmax(dim=-1) == 9).all()  # the sign, one step before the first answer


def test_shapes_that_are_drawn_are_named_in_two_languages(capsys):
    spec = importlib.util.spec_from_file_location("captioning", ROOT / "examples/captioning.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    drawn, english, korean = module.pictures(200, seed=0)
    assert {picture.shape for picture in drawn} == {(32, 32, 3)}
    assert len(set(english)) == len(set(korean)) == 4 * 3 * 2
    assert set(module.main(["--quick"])) == {"English", "Korean"}
    shown = capsys.readouterr().out
    assert "where it looked" in shown
    assert "(end)" in shown
