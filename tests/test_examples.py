"""The examples run, on toy sizes, and say what their page says."""

from __future__ import annotations

import importlib.util
import json
import re
import runpy
import shutil
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnkit.data import read_videos

ROOT = Path(__file__).parents[1]


def load(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / f"examples/{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def example(name):
    yield load(name)
    del sys.modules[name]


@pytest.fixture(scope="module")
def two_limits():
    yield from example("two_limits")


@pytest.fixture(scope="module")
def tagging():
    yield from example("tagging")


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


def test_the_series_example_tells_what_memory_buys(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["series", "--quick"])
    runpy.run_path(str(ROOT / "examples/series.py"), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if line.startswith("  ")] == [
        "cell=none",
        "cell=gru",
        "nothing",
        "learnt",
        "one",
    ]
    # What is said one step at a time is what is said of the whole.
    assert abs(float(lines[-1].split()[-1]) - float(lines[-2].split()[-1])) < 0.2


def test_the_language_model_learns_a_file_and_writes_on(tmp_path, monkeypatch, capsys):
    (tmp_path / "text.txt").write_text("하나 둘 셋\n" * 60, encoding="utf-8")
    arguments = [str(tmp_path / "text.txt"), "--prompt", "하나", "--quick"]
    monkeypatch.setattr(sys, "argv", ["language_model", *arguments])
    load("language_model").main()
    del sys.modules["language_model"]
    shown = capsys.readouterr().out
    assert shown.count("perplexity") == 2
    assert shown.count("\n하나") >= 3


def test_a_language_model_knows_of_adjectives_that_have_no_label(capsys):
    runpy.run_path(str(ROOT / "examples/sentiment.py"), run_name="__main__")
    from_scratch, started = (int(n) for n in re.findall(r"(\d+)%", capsys.readouterr().out))
    assert from_scratch == 50  # of which it knows nothing
    assert started > 90


# -- tagging ------------------------------------------------------------------------------------


def test_every_tagger_is_compared_on_words_that_were_never_seen(tagging, monkeypatch, capsys):
    train, test = tagging.made_up(30, 0), tagging.made_up(20, 1)
    known, new = ({word for words in part[0] for word in words} for part in (train, test))
    assert len(new - known) > 0.95 * len(new)
    monkeypatch.setattr(sys, "argv", ["tagging", "--quick"])
    tagging.main()
    lines = capsys.readouterr().out.splitlines()
    assert [line.rstrip(" %.0123456789") for line in lines] == list(tagging.MODELS)


def test_the_taggers_can_be_compared_on_files_of_ones_own(tagging, tmp_path, monkeypatch, capsys):
    rows = [
        "\t".join([str(i), word, "_", tag, *["_"] * 6])
        for i, (word, tag) in enumerate([("dogs", "NOUN"), ("bark", "VERB")], 1)
    ]
    path = tmp_path / "tiny.conllu"
    path.write_text("\n".join([*rows, "", ""]) * 4)
    monkeypatch.setattr(sys, "argv", ["tagging", "--quick", str(path), str(path)])
    tagging.main()
    assert len(capsys.readouterr().out.splitlines()) == len(tagging.MODELS)
    monkeypatch.setattr(sys, "argv", ["tagging", str(path)])
    with pytest.raises(SystemExit):
        tagging.main()


# -- translation --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def translation():
    yield from example("translation")


@pytest.mark.filterwarnings("ignore:Glyph")  # where no font has Hangul
def test_the_numbers_example_runs_and_draws_where_it_looks(
    translation, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(sys, "argv", ["translation", "--quick", "--out", str(tmp_path)])
    translation.main()
    printed = capsys.readouterr().out
    assert all(name in printed for name in translation.MODELS)
    assert printed.count("->") == 3
    assert (tmp_path / "alignment.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("number", "english", "korean"),
    [
        (0, "zero", "영"),
        (10, "ten", "십"),
        (42, "forty-two", "사십이"),
        (101, "one hundred one", "백일"),
        (10_000, "ten thousand", "만"),
        (10_010, "ten thousand ten", "만 십"),
        (110_000, "one hundred ten thousand", "십일만"),
        (
            999_999,
            "nine hundred ninety-nine thousand nine hundred ninety-nine",
            "구십구만 구천구백구십구",
        ),
    ],
)
def test_numbers_are_read_as_in_both_languages(translation, number, english, korean):
    assert (translation.english(number), translation.korean(number)) == (english, korean)


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
    assert ", column " in shown


# -- frames -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def frames():
    yield from example("frames")


def test_no_single_frame_tells_where_a_shape_goes(frames):
    generator = np.random.default_rng(0)
    video, labels = frames.draw(60, generator)
    assert (video.shape, len(labels)) == ((60, 32, 32, 3), 60)
    moved = [not np.array_equal(*pair) for pair in pairwise(video)]
    assert moved == [label != "still" for label in labels[1:]]


def test_what_is_written_as_files_is_read_as_it_was_drawn(frames, tmp_path):
    pytest.importorskip("av", reason="av (the video extra) is not installed")
    drawn = [frames.draw(25, np.random.default_rng(seed)) for seed in range(3)]
    table = frames.write(*zip(*drawn, strict=True), tmp_path)
    found = read_videos(table, unit="seconds")
    assert found.labels == [labels for _, labels in drawn]
    for read, (video, _) in zip(found.videos, drawn, strict=True):
        assert np.abs(read.load().astype(int) - video).mean() < 12


@pytest.mark.parametrize("with_av", [True, False])
def test_networks_of_frames_are_compared_with_files_and_without(
    frames, with_av, monkeypatch, capsys
):
    if with_av:
        pytest.importorskip("av", reason="av (the video extra) is not installed")
    else:
        monkeypatch.setitem(sys.modules, "av", None)
    assert set(frames.main(["--quick"])) == {*frames.MODELS, "always the same"}
    assert ("files of video" if with_av else "arrays") in capsys.readouterr().out
