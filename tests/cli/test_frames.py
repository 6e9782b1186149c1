"""Labels of frames through the commands, as a user runs them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import rnnkit
from rnnkit import FrameTagger
from tests.cli.conftest import run_inside
from tests.videos import write_folder, write_video

SMALL = (
    *("--image-size", "8", "--epochs", "30", "--batch-size", "4", "--lr", "0.02", "--dropout", "0"),
    *("--hidden-size", "16", "--embedding-size", "16", "--set", "encoder_size=8", "--quiet"),
    *("--set", "validation_fraction=0", "--set", "channels=1"),
)


def lights(place):
    """Eight frames, of which some are light: (T, 32, 32, 3), and what each is."""
    on = (np.arange(8) + place) % (3 + place % 2) == 0
    pixels = np.where(on, 250 - 2 * place, 5 + place)[:, None, None, None]
    return np.broadcast_to(pixels, (8, 32, 32, 3)).astype(np.uint8), np.where(on, "on", "off")


@pytest.fixture(scope="module")
def videos(tmp_path_factory):
    """Folders of images, a file, and tables of their frames and of segments."""
    home = tmp_path_factory.mktemp("lights")
    rows, segments = ["clip\tframe\tlabel"], ["clip\tstart\tend\tlabel"]
    for place in range(8):
        frames, labels = lights(place)
        name = f"clip{place}" if place else "clip0.mp4"
        (write_folder if place else write_video)(home / name, frames)
        rows += [f"{name}\t{step}\t{label}" for step, label in enumerate(labels) if step != 5]
        segments += [f"{name}\t{step}\t{step + 1}\t{label}" for step, label in enumerate(labels)]
    (home / "frames.tsv").write_text("\n".join(rows))
    (home / "segments.tsv").write_text("\n".join(segments))
    return home


@pytest.fixture(scope="module")
def model(videos, tmp_path_factory):
    out = tmp_path_factory.mktemp("models") / "lights.rnn"
    result = run_inside("train", "frames", videos / "frames.tsv", "-o", out, *SMALL)
    assert result.code == 0, result.err
    return out


def test_every_frame_of_files_and_folders_gets_its_line(run, model, videos):
    assert isinstance(rnnkit.load(model), FrameTagger)
    told = run("predict", model, videos)
    lines = [line.split("\t") for line in told.out.splitlines()]
    assert len(lines) == 64
    assert [line[0] for line in lines[:8]] == lights(0)[1].tolist()
    assert lines[8][2:] == [str(videos / "clip1"), "0"]
    assert all(0.5 <= float(line[1]) <= 1 for line in lines)


def test_frames_are_told_as_json_with_their_seconds(run, model, videos):
    told = run("predict", model, videos / "clip0.mp4", "--every", 3, "--json", "--proba").out
    answer = json.loads(told)
    assert answer["video"] == str(videos / "clip0.mp4")
    assert answer["frames"] == [0, 3, 6]
    assert answer["seconds"] == pytest.approx([0, 0.3, 0.6])
    assert len(answer["labels"]) == 3
    assert all(sum(row.values()) == pytest.approx(1) for row in answer["probabilities"])
    answer = json.loads(run("predict", model, videos / "clip1", "--json").out)
    assert {"seconds", "probabilities"} & answer.keys() == set()


def test_labels_are_scored_where_there_are_some(run, model, videos):
    scores = json.loads(run("evaluate", model, videos / "frames.tsv", "--json").out)
    assert scores["labels"] == 56
    assert scores["examples"] == 8
    assert scores["accuracy"] > 0.95
    assert scores["per_label"]["on"]["support"] > 10
    told = run("evaluate", model, videos / "segments.tsv", "--start", "start").out
    assert "frames: 64\n" in told


def test_segments_train_too_and_the_accuracy_is_that_of_frames(run, videos, tmp_path):
    out = tmp_path / "m.rnn"
    call = ("train", "frames", videos / "segments.tsv", "--valid", videos / "frames.tsv")
    result = run(*call, "--every", 2, "--augment", "shift", "-o", out, *SMALL, "--epochs", 2)
    assert "validation: frame accuracy " in result.out
    assert rnnkit.load(out).augment == "shift"


def test_memory_is_compared_with_none(run, videos):
    call = ("compare", "frames", videos / "frames.tsv", "--cell", "none", "--cell", "gru")
    rows = json.loads(run(*call, *SMALL, "--epochs", 2, "--json").out)["rows"]
    assert [row["cell"] for row in rows] == ["none", "gru"]


def test_gradients_through_frames_are_shown(run, model, videos, tmp_path):
    pytest.importorskip("matplotlib")
    page = tmp_path / "report.html"
    result = run("diagnose", model, videos / "frames.tsv", "-o", page, "--bptt", "truncated(4)")
    assert result.code == 0, result.err
    assert "clip0.mp4" in page.read_text(encoding="utf-8")


def test_a_label_that_was_never_seen_is_told_with_its_video(run, model, videos, tmp_path):
    table = tmp_path / "labels.tsv"
    table.write_text("clip\tframe\tlabel\nclip1\t0\ton\nclip2\t3\tdim\n")
    result = run("evaluate", model, table, "--folder", videos)
    assert (result.code, "line 3: 'dim' (in clip2, " in result.err) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("-",), "not standard input"),
        (("none.mp4",), "there is no such video"),
        (("{}/clip1", "--fps", "5"), "folder of images, which has no clock"),
        (("{}/clip1", "--id", "x"), "--id is for models of series"),
        (("{}/clip1", "--feature", "x"), "--feature is for models of series"),
        (("{}/clip1", "--proba"), "one row a frame: add --json"),
        (("{}/clip1", "--n-best", "2"), "this is a FrameTagger"),
    ],
)
def test_what_does_not_fit_is_told(run, model, videos, arguments, words):
    result = run("predict", model, *(one.format(videos) for one in arguments))
    assert result.code in (1, 2)
    assert words in result.err


def test_features_are_not_read_by_a_command(run, videos, tmp_path):
    model = FrameTagger(encoder="none", max_epochs=1, hidden_size=4, validation_fraction=0)
    model.fit([np.zeros((3, 2)), np.ones((2, 2))], [["a", "b", "a"], ["a", "b"]])
    model.save(tmp_path / "m.rnn")
    result = run("predict", tmp_path / "m.rnn", videos / "clip1")
    assert (result.code, "reads features of frames" in result.err) == (1, True)
