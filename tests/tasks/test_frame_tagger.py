"""What is particular to labels of frames: where videos come from, and what memory sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import rnnkit
from rnnkit import FrameTagger
from rnnkit.data import Video, read_images, read_videos
from rnnkit.errors import ArchiveError, DataError, InputError, OptionError
from tests.videos import write_folder, write_video

SMALL = {
    "image_size": 16,
    "encoder_size": 8,
    "embedding_size": 16,
    "hidden_size": 16,
    "batch_size": 4,
    "max_epochs": 25,
    "lr": 0.02,
    "dropout": 0.0,
    "validation_fraction": 0,
    "random_state": 0,
}


def tagger(**options):
    return FrameTagger(**{**SMALL, **options})


def walks(count, steps=12, seed=0):
    """A white block that goes left and right by turns of random lengths: (T, 16, 16, 3), and
    which way it goes after each frame."""
    generator = np.random.default_rng(seed)
    X, y = [], []
    for _ in range(count):
        way = np.repeat(generator.choice([-1, 1], size=steps), generator.integers(2, 5, steps))
        places = 8 + np.cumsum(np.concatenate([[0], way[: steps - 1]]))
        video = np.zeros((steps, 16, 16, 3), np.uint8)
        for frame, place in zip(video, places, strict=True):
            frame[6:10, np.arange(place, place + 4) % 16] = 255
        X.append(video)
        y.append(["left" if one < 0 else "right" for one in way[:steps]])
    return X, y


@pytest.fixture(scope="module")
def walking():
    return walks(40)


@pytest.fixture(scope="module")
def fitted(walking):
    return tagger().fit(*walking)


# -- memory -------------------------------------------------------------------------------------


def test_motion_is_known_from_more_than_one_frame_only(walking, fitted):
    X, y = walks(20, seed=1)
    assert fitted.score(X, y) > 0.85
    contrast = tagger(cell="none").fit(*walking)
    assert contrast.score(X, y) < 0.65
    # The contrast is the same encoder, and sees one frame: its neighbors change nothing.
    assert contrast.module_.embedding.state_dict().keys() == (
        fitted.module_.embedding.state_dict().keys()
    )
    alone = contrast.predict_proba([X[0][3:4]])[0]
    np.testing.assert_allclose(contrast.predict_proba(X[:1])[0][3:4], alone, atol=1e-6)


def test_a_window_of_neighbors_is_a_choice(walking):
    X, y = walks(20, seed=1)
    assert tagger(cell="none", window=1).fit(*walking).score(X, y) > 0.85
    forward = tagger(cell="none", window=1, bidirectional=False, max_epochs=2).fit(*walking)
    later = X[0].copy()
    later[5:] = 0
    same, cut = forward.predict_proba([X[0], later])
    np.testing.assert_allclose(same[:5], cut[:5], atol=1e-6)
    assert np.abs(same[5:] - cut[5:]).max() > 1e-4


def test_forward_labels_know_nothing_of_later_frames(walking):
    X, _ = walks(1, seed=1)
    later = X[0].copy()
    later[5:] = 0
    model = tagger(bidirectional=False, max_epochs=2).fit(*walking)
    same, cut = model.predict_proba([X[0], later])
    np.testing.assert_allclose(same[:5], cut[:5], atol=1e-6)


def test_long_videos_are_learnt_window_by_window():
    X, y = walks(12, steps=60)
    model = tagger(bidirectional=False, update_every=20, max_epochs=20)
    # What is coming cannot be known; where it came from can.
    y = [[row[0], *row[:-1]] for row in y]
    assert model.fit(X, y).score(X, y) > 0.85


def test_a_chain_of_labels_can_be_learnt(walking):
    model = tagger(crf=True, max_epochs=10).fit(*walking)
    assert model.score(*walks(20, seed=1)) > 0.8
    # A walk goes on for a while: the same label again is likelier than the other one.
    transitions = model.module_.crf.transitions
    assert transitions.diagonal().min() > transitions.flip(0).diagonal().max() + 0.1


# -- labels -------------------------------------------------------------------------------------


def test_frames_without_a_label_teach_nothing_and_are_not_scored(walking):
    X, y = walking
    gaps = [[None if place % 3 else label for place, label in enumerate(row)] for row in y]
    model = tagger(max_epochs=2).fit(X, gaps)
    assert model.classes_.tolist() == ["left", "right"]
    said = np.array(model.predict(X))
    right = said[:, ::3] == np.array(y)[:, ::3]
    assert model.score(X, gaps) == pytest.approx(right.mean())
    with pytest.raises(InputError, match="no label but None"):
        tagger().fit(X[:2], [[None] * 12] * 2)
    with pytest.raises(InputError, match=r"X\[1\] has 12 frames but y\[1\] has 11 labels"):
        tagger().fit(X[:2], [y[0], y[1][:-1]])


# -- where videos come from ---------------------------------------------------------------------


def test_arrays_tensors_lists_folders_and_files_are_the_same_video(fitted, walking, tmp_path):
    video = walking[0][0]
    tensor = torch.from_numpy(video).permute(0, 3, 1, 2)
    folder = write_folder(tmp_path / "walk", video)
    forms = [
        video,
        video[..., 0],
        tensor,
        tensor[:, :1].float() / 255,
        list(video),
        [video[0] / 255.0, *video[1:]],
        folder,
        str(folder),
        Video(folder),
        read_images(*(folder / f"{place}.png" for place in range(12))),
    ]
    expected = fitted.predict_proba([video])[0]
    for form in forms:
        np.testing.assert_allclose(fitted.predict_proba([form])[0], expected, atol=1e-5)
    file = write_video(tmp_path / "walk.mp4", video.repeat(2, axis=1).repeat(2, axis=2))
    assert fitted.predict([file]) == fitted.predict([video])
    both = np.stack(walking[0][:2])
    assert fitted.predict(both) == fitted.predict(walking[0][:2])


def test_a_table_of_frames_trains(tmp_path, walking):
    lines = ["clip\tframe\tlabel"]
    for place, (video, labels) in enumerate(zip(*walks(4), strict=True)):
        write_folder(tmp_path / f"walk{place}", video)
        lines += [f"walk{place}\t{step}\t{label}" for step, label in enumerate(labels) if step % 2]
    (tmp_path / "labels.tsv").write_text("\n".join(lines))
    found = read_videos(tmp_path / "labels.tsv", every=2)
    with pytest.raises(InputError, match="no label but None"):
        tagger().fit(found.videos, found.labels)
    found = read_videos(tmp_path / "labels.tsv")
    model = tagger(max_epochs=2).fit(found.videos, found.labels)
    assert [len(row) for row in model.predict(found.videos)] == [12] * 4


def test_files_are_decoded_once(monkeypatch, tmp_path, walking):
    folder = write_folder(tmp_path / "walk", walking[0][0])
    reads = []
    read = Video.read
    monkeypatch.setattr(
        Video, "read", lambda self, **options: reads.append(options) or read(self, **options)
    )
    tagger(max_epochs=2, channels=1).fit([folder], [walking[1][0]])
    assert reads == [{"size": 16, "channels": 1}]


def test_features_take_the_place_of_the_encoder(tmp_path):
    generator = np.random.default_rng(0)
    X = [generator.normal(size=(length, 3)) for length in range(3, 30)]
    y = [(np.cumsum(x[:, 0]) > 0).tolist() for x in X]
    model = tagger(encoder="none").fit(X, y)
    assert model.score(X, y) > 0.85
    model.save(tmp_path / "m.rnn")
    assert rnnkit.load(tmp_path / "m.rnn").predict(X) == model.predict(X)
    with pytest.raises(InputError, match=r"X\[0\] has shape \(3,\).*\(T, M\), a row for each"):
        model.predict([np.zeros(3)])
    with pytest.raises(InputError, match=r"X\[0\] holds NaN"):
        model.predict([np.full((4, 3), np.nan)])


def test_an_encoder_of_ones_own_is_given_again_to_load(tmp_path, walking):
    def own():
        return nn.Sequential(nn.Conv2d(3, 4, 4, stride=4), nn.ReLU())

    torch.manual_seed(0)
    model = tagger(encoder=own(), max_epochs=2).fit(*walking)
    model.save(tmp_path / "m.rnn")
    with pytest.raises(ArchiveError, match="fitted with encoder= of your own"):
        rnnkit.load(tmp_path / "m.rnn")
    loaded = rnnkit.load(tmp_path / "m.rnn", encoder=own())
    assert loaded.predict(walking[0][:3]) == model.predict(walking[0][:3])


# -- errors -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "words"),
    [
        ("walk.mp4", "X is one str.*put it in a list"),
        (np.zeros((5, 8, 8)), r"X has shape \(5, 8, 8\).*put it in a list"),
        (np.zeros((5, 8, 8, 3)), "X is one ndarray.*put it in a list"),
        (torch.zeros(5, 3, 8, 8), "X is one Tensor.*put it in a list"),
        ([np.zeros((8, 8))], r"X\[0\] has shape \(8, 8\); a video is an array \(T, H, W\)"),
        ([np.zeros((2, 8, 8, 5))], r"X\[0\]: image 0 has shape \(8, 8, 5\)"),
        ([[]], r"X\[0\] holds 0 images"),
        ([np.zeros((0, 8, 8))], r"X\[0\] holds 0 images"),
        ([3], r"X\[0\] is a int"),
        ([], "X holds 0 videos"),
    ],
)
def test_what_is_no_list_of_videos_is_told(fitted, X, words):
    with pytest.raises(InputError, match=words):
        fitted.predict(X)


def test_a_missing_file_is_told_by_name(fitted, tmp_path):
    with pytest.raises(DataError, match=r"none\.mp4: there is no such video"):
        fitted.predict([tmp_path / "none.mp4"])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"window": -1}, "window=-1"),
        ({"encoder": "vgg"}, "Known: 'conv', 'none'"),
        ({"augment": "turn"}, "augment='turn'"),
        ({"encoder": "none", "augment": "flip"}, "features come"),
        ({"channels": 2}, "Known: 1, 3"),
        ({"update_every": 5}, "bidirectional=False"),
        ({"class_weight": "balance"}, "class_weight"),
    ],
)
def test_wrong_options_are_named(walking, options, words):
    with pytest.raises((OptionError, ValueError), match=words):
        tagger(**options).fit(*walking)
