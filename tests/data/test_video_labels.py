from __future__ import annotations

import json

import pytest

from rnnkit.data import read_videos
from rnnkit.errors import DataError, InputError, OptionError
from tests.videos import counted, numbers_of, write_folder, write_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """walk/, 6 images, and run.mp4, 8 frames at 4 a second."""
    home = tmp_path_factory.mktemp("videos")
    write_folder(home / "walk", counted(6))
    write_video(home / "run.mp4", counted(8), rate=4)
    return home


@pytest.fixture
def table(tmp_path, folder):
    def write(*rows, name="labels.tsv"):
        path = tmp_path / name
        path.write_text("\n".join(["\t".join(map(str, row)) for row in rows]) + "\n")
        return path

    return write


FRAMES = ("clip", "frame", "label")
SEGMENTS = ("clip", "start", "end", "label")


# -- a row a frame ------------------------------------------------------------------------------


def test_a_row_a_frame_labels_that_frame_and_no_other(table, folder):
    path = table(FRAMES, ("walk", 4, "b"), ("walk", 0, "a"), ("run.mp4", 7, "b"), ("walk", 1, " "))
    found = read_videos(path, folder)
    assert found.labels == [["a", None, None, None, "b", None], [None] * 7 + ["b"]]
    assert found.names == ["walk", "run.mp4"]
    assert found.lines == [2, 4]
    assert [video.path for video in found.videos] == [folder / "walk", folder / "run.mp4"]


def test_columns_may_have_any_names(table, folder):
    path = table(("video", "number", "what"), ("walk", 5, "a"))
    found = read_videos(path, folder, clip="video", frame="number", label="what")
    assert found.labels == [[None] * 5 + ["a"]]


def test_labels_of_json_keep_their_type(tmp_path, folder):
    path = tmp_path / "labels.jsonl"
    rows = [{"clip": "walk", "frame": place, "label": label} for place, label in enumerate([1, 2])]
    path.write_text("\n".join(map(json.dumps, rows)))
    assert read_videos(path, folder).labels == [[1, 2, None, None, None, None]]


def test_labels_of_the_frames_that_are_kept_are_kept(table, folder):
    path = table(FRAMES, *(("run.mp4", place, f"f{place}") for place in range(8)))
    found = read_videos(path, folder, every=3)
    assert found.labels == [["f0", "f3", "f6"]]
    assert numbers_of(found.videos[0].load(size=8)) == [0, 3, 6]
    assert read_videos(path, folder, fps=2).labels == [["f0", "f2", "f4", "f6"]]


def test_videos_belong_to_one_split(table, folder):
    rows = [("walk", 0, "a", "train"), ("run.mp4", 0, "b", "test"), ("walk", 1, "a", "train")]
    found = read_videos(table((*FRAMES, "split"), *rows), folder, split="split")
    part = found.part("test")
    assert (part.names, part.labels[0][0], part.lines, part.splits) == (
        ["run.mp4"],
        "b",
        [3],
        ["test"],
    )
    with pytest.raises(InputError, match="no split 'val'; known: 'test', 'train'"):
        found.part("val")
    torn = table((*FRAMES, "split"), *rows, ("walk", 2, "a", "test"))
    with pytest.raises(DataError, match=r"line 5, column split: .* 'test' here, and in 'train' on"):
        read_videos(torn, folder, split="split")


# -- a row a segment ----------------------------------------------------------------------------


def test_a_segment_goes_up_to_its_end_and_not_with_it(table, folder):
    path = table(SEGMENTS, ("walk", 3, 6, "b"), ("walk", 0, 2, "a"))
    assert read_videos(path, folder).labels == [["a", "a", None, "b", "b", "b"]]


def test_segments_in_seconds_label_the_frames_that_are_shown_then(table, folder):
    # Frames are shown at 0, 0.25, 0.5, ... seconds.
    path = table(SEGMENTS, ("run.mp4", 0.2, 0.75, "a"), ("run.mp4", 0.75, 1.1, "b"))
    found = read_videos(path, folder, unit="seconds")
    assert found.labels == [[None, "a", "a", "b", "b", None, None, None]]
    assert read_videos(path, folder, unit="seconds", every=2).labels == [[None, "a", "b", None]]
    whole = table(SEGMENTS, ("run.mp4", 0, 2.0, "a"))  # the last frame is shown until then
    assert read_videos(whole, folder, unit="seconds").labels == [["a"] * 8]


def test_columns_of_segments_may_have_any_names(table, folder):
    path = table(("clip", "from", "to", "label"), ("walk", 1, 2, "a"))
    assert read_videos(path, folder, start="from", end="to").labels[0][:3] == [None, "a", None]


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([FRAMES, ("walk", 6, "a")], r"line 2, column frame: 6 lies beyond .* 6 frames \(0 to 5\)"),
        ([FRAMES, ("walk", -1, "a")], "line 2, column frame: the number of a frame"),
        ([FRAMES, ("walk", "x", "a")], "line 2, column frame: the number of a frame .* 'x'"),
        ([FRAMES, ("walk", 1, "a"), ("walk", "1", "b")], "line 3, .* this frame is on line 2 too"),
        ([FRAMES, ("none", 1, "a")], "line 2, column clip: there is no video .*none"),
        ([FRAMES, ("run", 1, "a")], r"there is no video .*run\. Did you mean run\.mp4\?"),
        ([FRAMES, ("", 1, "a")], "line 2, column clip: the name of the video is empty"),
        ([("clip", "label"), ("walk", "a")], "no column 'frame', and no 'start' and 'end'"),
        ([("clip", "frame"), ("walk", 1)], "no column 'label'"),
        ([SEGMENTS, ("walk", 0, 3, "a"), ("walk", 2, 4, "b")], "line 3, .* overlaps the one on l"),
        ([SEGMENTS, ("walk", 2, 2, "a")], "line 2, column end: .* ends at 2, but begins at 2"),
        ([SEGMENTS, ("walk", 2, 7, "a")], "line 2, column end: 7 lies beyond the end"),
        ([SEGMENTS, ("walk", 0, 1.5, "a")], "not '1.5'. For seconds pass unit='seconds'"),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_column(table, folder, rows, words):
    with pytest.raises(DataError, match=words):
        read_videos(table(*rows), folder)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([("run.mp4", 1.0, 2.5, "a")], r"2\.5 lies beyond .* the last at 1\.75 seconds"),
        ([("run.mp4", 2.1, 2.2, "a")], "lies beyond"),
        ([("run.mp4", "soon", 2.2, "a")], "line 2, column start: seconds were expected"),
        ([("walk", 0, 1, "a")], "folder of images has no clock"),
    ],
)
def test_what_is_wrong_with_seconds_is_told(table, folder, rows, words):
    with pytest.raises(DataError, match=words):
        read_videos(table(SEGMENTS, *rows), folder, unit="seconds")


def test_a_broken_video_is_told_by_line_and_name(table, folder, tmp_path):
    (tmp_path / "bad.mp4").write_text("no video")
    with pytest.raises(DataError, match=r"line 2, .*bad\.mp4: this is no video that can be read"):
        read_videos(table(FRAMES, ("bad.mp4", 0, "a")))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"unit": "minutes"}, "Known: 'frames', 'seconds'"),
        ({"unit": "seconds"}, "unit='seconds' is for segments"),
        ({"frame": "frame", "start": "start"}, "frame= is for a row a frame"),
    ],
)
def test_wrong_options_are_named(table, folder, options, words):
    with pytest.raises(OptionError, match=words):
        read_videos(table(FRAMES, ("walk", 1, "a")), folder, **options)
