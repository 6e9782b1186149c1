"""Captions through the commands, as a user runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rnnkit
from rnnkit import Captioner

COLORS = {"빨강": (220, 30, 30), "초록": (30, 200, 30), "blue": (40, 40, 230)}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    image = pytest.importorskip("PIL.Image", reason="pillow (the image extra) is not installed")
    folder = tmp_path_factory.mktemp("pictures")
    lines = ["image\tcaption"]
    for place in range(12):
        name, color = list(COLORS.items())[place % 3]
        pixels = np.full((8, 8, 3), color, np.uint8) - np.uint8(place)
        image.fromarray(pixels).save(folder / f"{place:02d}.png")
        lines.append(f"{place:02d}.png\t{name}")
    (folder / "captions.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def model(pictures, tmp_path_factory):
    from tests.cli.conftest import run_inside

    out = tmp_path_factory.mktemp("models") / "captions.rnn"
    options = ("--image-size", "8", "--epochs", "25", "--batch-size", "4", "--lr", "0.02")
    sizes = ("--hidden-size", "16", "--embedding-size", "16", "--set", "encoder_size=16")
    rest = ("--dropout", "0", "--set", "validation_fraction=0", "--quiet")
    table = pictures / "captions.tsv"
    result = run_inside("train", "caption", table, "-o", out, *options, *sizes, *rest)
    assert result.code == 0, result.err
    return out


def test_pictures_are_described_in_the_words_they_were_learnt_with(run, model, pictures):
    assert isinstance(rnnkit.load(model), Captioner)
    lines = run("predict", model, pictures).out.splitlines()
    assert [line.split("\t")[0] for line in lines] == list(COLORS) * 4
    assert lines[1].split("\t")[2].endswith("01.png")
    told = run("predict", model, pictures / "02.png", "--n-best", "2", "--json").out
    captions = json.loads(told)["captions"]
    assert [captions[0]["text"], len(captions)] == ["blue", 2]


def test_captions_are_scored_against_the_table(run, model, pictures):
    scores = json.loads(run("evaluate", model, pictures / "captions.tsv", "--json").out)
    assert scores["exact"] == 100.0
    assert scores["chrf"] == pytest.approx(100.0)
    assert "CIDEr-D: " in run("evaluate", model, pictures / "captions.tsv").out


def test_a_missing_image_is_told_with_its_line(run, pictures, tmp_path):
    table = tmp_path / "captions.tsv"
    table.write_text("image\tcaption\n00.png\tred\nnone.png\tblue\n")
    call = ("train", "caption", table, "--folder", pictures, "-o", tmp_path / "x.rnn")
    result = run(*call)
    assert (result.code, "line 3" in result.err, "none.png" in result.err) == (1, True, True)


def test_pictures_do_not_come_from_standard_input(run, model):
    result = run("predict", model, "-")
    assert (result.code, "not standard input" in result.err) == (1, True)


def test_the_width_of_the_search_is_chosen_for_scores_too(run, model, pictures, monkeypatch):
    searched, predict = [], Captioner.predict

    def watched(self, X):
        searched.append(self.beam_size)
        return predict(self, X)

    monkeypatch.setattr(Captioner, "predict", watched)
    call = ("evaluate", model, pictures / "captions.tsv")
    assert run(*call, "--beam-size", "1").code == 0
    assert run(*call).code == 0
    assert searched == [1, Captioner().beam_size]
