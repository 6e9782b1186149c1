from __future__ import annotations

import sys

import numpy as np
import pytest

from rnnkit.data import Frame, Video, find_videos, load_video
from rnnkit.errors import DataError, MissingDependencyError, OptionError
from tests.videos import counted, numbers_of, write_folder, write_video


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """20 frames, 10 a second."""
    return write_video(tmp_path_factory.mktemp("videos") / "count.mp4", counted(20))


@pytest.fixture(scope="module")
def noise(tmp_path_factory):
    """A file that is large enough to be cut anywhere; mkv has no length of frames."""
    frames = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3)).astype(np.uint8)
    return write_video(tmp_path_factory.mktemp("noise") / "noise.mkv", frames)


# -- frames ---------------------------------------------------------------------------------------


def test_a_file_gives_its_frames_in_the_order_in_which_they_are_shown(file):
    pixels = load_video(file)
    assert (pixels.shape, pixels.dtype) == ((20, 32, 48, 3), np.uint8)
    assert numbers_of(pixels) == list(range(20))


@pytest.mark.parametrize("name", ["a.avi", "a.mkv", "a.mov", "a.webm"])
def test_containers_and_codecs_are_all_the_same(tmp_path, name):
    codec = {"a.avi": "mpeg4", "a.webm": "libvpx-vp9"}.get(name, "libx264")
    path = write_video(tmp_path / name, counted(12), codec=codec)
    assert numbers_of(load_video(path, size=8)) == list(range(12))


def test_frames_are_brought_to_size_and_channels(file):
    assert load_video(file, size=16).shape == (20, 16, 16, 3)
    gray = load_video(file, size=16, channels=1)
    assert gray.shape == (20, 16, 16, 1)
    assert numbers_of(gray) == list(range(20))


def test_gray_is_weighed_as_that_of_images(tmp_path):
    colors = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)], np.uint8)
    frames = np.broadcast_to(colors[:, None, None], (4, 32, 32, 3)).copy()
    path = write_video(tmp_path / "colors.mp4", frames)
    gray = load_video(path, channels=1).reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(gray, colors @ [0.299, 0.587, 0.114], atol=3)
    np.testing.assert_allclose(load_video(path)[:, 16, 16], colors, atol=6)


def test_what_shrinks_is_smoothed(tmp_path):
    stripes = np.zeros((3, 64, 64, 3), np.uint8)
    stripes[:, :, ::2] = 255
    small = load_video(write_video(tmp_path / "stripes.mp4", stripes), size=8)
    assert np.abs(small.astype(int) - 127).max() < 40


def test_every_kth_frame_is_kept_from_the_first_on(file):
    assert numbers_of(load_video(file, size=8, every=6)) == [0, 6, 12, 18]
    video = Video(file, every=7)
    assert [frame.number for frame in video.select(video.frames())] == [0, 7, 14]


def test_frames_a_second_are_the_first_of_each_part(file):
    assert numbers_of(load_video(file, size=8, fps=4)) == [0, 3, 5, 8, 10, 13, 15, 18]
    frames, pixels = Video(file, fps=2).read(size=8)
    assert frames == [Frame(number, number / 10) for number in (0, 5, 10, 15)]
    assert numbers_of(pixels) == [0, 5, 10, 15]


def test_more_frames_a_second_than_there_are_are_all_of_them(file):
    assert numbers_of(load_video(file, size=8, fps=60)) == list(range(20))


def test_a_folder_is_read_in_natural_order(tmp_path):
    folder = write_folder(tmp_path / "walk", counted(12))
    assert numbers_of(load_video(folder)) == list(range(12))  # 2.png before 10.png
    assert numbers_of(load_video(folder, size=8, every=5)) == [0, 5, 10]
    assert Video(folder).frames()[11] == Frame(11, None)


def test_a_phones_video_is_turned_upright(tmp_path):
    frames = np.zeros((3, 32, 48, 3), np.uint8)
    frames[:, :, :24] = 255  # the left half is white
    path = write_video(tmp_path / "phone.mp4", frames)
    plain, turned = (
        np.array(matrix, ">i4").tobytes()
        for matrix in (
            (1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30),
            (0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30),  # clockwise by 90 degrees
        )
    )
    content = path.read_bytes()
    place = content.index(plain, content.index(b"tkhd"))
    path.write_bytes(content[:place] + turned + content[place + len(plain) :])
    pixels = load_video(path)
    assert pixels.shape == (3, 48, 32, 3)
    assert pixels[0, :20].mean() > 240  # what was on the left is on top
    assert pixels[0, 28:].mean() < 15


# -- what is found --------------------------------------------------------------------------------


def test_folders_of_videos_hold_files_and_folders_of_images(tmp_path, file):
    write_folder(tmp_path / "b10", counted(2))
    write_folder(tmp_path / "b9", counted(2))
    (tmp_path / "a.mp4").write_bytes(file.read_bytes())
    (tmp_path / "notes.txt").write_text("no video")
    found = find_videos(tmp_path, tmp_path / "b9", every=2)
    assert [video.path.name for video in found] == ["a.mp4", "b9", "b10", "b9"]
    assert {video.every for video in found} == {2}


def test_a_picture_beside_videos_does_not_make_their_folder_one(tmp_path, file):
    (tmp_path / "a.mp4").write_bytes(file.read_bytes())
    write_folder(tmp_path / "b", counted(1))
    (tmp_path / "b" / "0.png").rename(tmp_path / "cover.png")
    assert [video.path.name for video in find_videos(tmp_path)] == ["a.mp4"]


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"every": 0}, "every=0"),
        ({"fps": 0.0}, "fps=0.0"),
        ({"every": 2, "fps": 3}, "give one of them"),
        ({"channels": 2}, "Known: 1, 3"),
    ],
)
def test_wrong_options_are_named(file, options, words):
    with pytest.raises(OptionError, match=words):
        load_video(file, **options)


def test_a_folder_has_no_clock(tmp_path):
    with pytest.raises(OptionError, match="folder of images, which has no clock"):
        load_video(write_folder(tmp_path / "walk", counted(2)), fps=5)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize("codec", ["libx264", "libvpx-vp9"])
def test_a_file_that_is_cut_short_is_refused(tmp_path, noise, share, codec):
    frames = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3)).astype(np.uint8)
    whole = write_video(tmp_path / "whole.mkv", frames, codec=codec).read_bytes()
    path = tmp_path / "cut.mkv"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(DataError, match=r"cut\.mkv: the video is (broken or )?cut short"):
        load_video(path, size=8)


@pytest.mark.parametrize("options", [{}, {"movflags": "faststart"}])
def test_an_mp4_that_is_cut_short_is_refused(tmp_path, options):
    frames = np.random.default_rng(0).integers(0, 255, (30, 48, 64, 3)).astype(np.uint8)
    path = write_video(tmp_path / "a.mp4", frames, codec="mpeg4", **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(DataError, match=r"cut short after \d+ frames|no video that can be read"):
        load_video(path, size=8)


def test_a_file_that_is_broken_in_the_middle_is_refused(tmp_path, noise):
    content = bytearray(noise.read_bytes())
    content[len(content) // 2 : len(content) // 2 + 3000] = bytes(3000)
    path = tmp_path / "broken.mkv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="broken or cut short after"):
        Video(path).frames()


def test_what_is_no_video_is_told_so(tmp_path, file):
    (tmp_path / "a.mp4").write_text("not a video at all")
    with pytest.raises(DataError, match=r"a\.mp4: this is no video that can be read"):
        load_video(tmp_path / "a.mp4")
    with pytest.raises(DataError, match=r"none\.mp4: there is no such video"):
        load_video(tmp_path / "none.mp4")
    with pytest.raises(DataError, match="there is no such video"):
        find_videos(tmp_path / "none.mp4")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="the folder holds no image"):
        load_video(tmp_path / "empty")
    with pytest.raises(DataError, match="the folder holds no video"):
        find_videos(tmp_path / "empty")


def test_a_sound_without_pictures_is_no_video(tmp_path):
    av = pytest.importorskip("av", reason="av (the video extra) is not installed")
    with av.open(str(tmp_path / "sound.wav"), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        sound = av.AudioFrame.from_ndarray(
            np.zeros((1, 800), np.int16), format="s16", layout="mono"
        )
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
    with pytest.raises(DataError, match="no video in the file"):
        load_video(tmp_path / "sound.wav")


def test_images_of_unequal_sizes_need_a_size(tmp_path):
    folder = write_folder(tmp_path / "walk", counted(2))
    write_folder(tmp_path / "other", counted(1, height=8, width=8))
    (tmp_path / "other" / "0.png").rename(folder / "2.png")
    with pytest.raises(DataError, match=r"frame 2 has shape \(8, 8, 3\).*size="):
        load_video(folder)
    assert load_video(folder, size=4).shape == (3, 4, 4, 3)


def test_without_av_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "av", None)
    (tmp_path / "a.mp4").touch()
    with pytest.raises(MissingDependencyError, match=r"pip install 'rnnkit\[video\]'"):
        load_video(tmp_path / "a.mp4")
    assert len(load_video(write_folder(tmp_path / "walk", counted(2)), size=4)) == 2
