from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from torch import nn

import rnnkit
from rnnkit import Captioner
from rnnkit.data import read_captions, read_images
from rnnkit.errors import ArchiveError, InputError, OptionError, ShapeError
from rnnkit.metrics import most_agreed

COLORS = {"red": (230, 20, 20), "green": (20, 210, 20), "blue": (30, 30, 240)}
SMALL = {
    "image_size": 8,
    "encoder_size": 16,
    "embedding_size": 16,
    "hidden_size": 16,
    "batch_size": 3,
    "max_epochs": 25,
    "lr": 0.02,
    "dropout": 0.0,
    "validation_fraction": 0,
    "random_state": 0,
}
IMAGES = [np.full((6, 9, 3), color, np.uint8) for color in COLORS.values()] * 2
NAMES = list(COLORS) * 2


@pytest.fixture(scope="module")
def fitted():
    several = [[f"a {name} wall", f"{name} 벽"] for name in NAMES]
    return Captioner(**SMALL).fit(IMAGES, several)


def test_each_of_several_captions_is_learnt(fitted):
    for image, name in zip(IMAGES[:3], NAMES, strict=False):
        best = fitted.caption([image], n_best=2)[0]
        assert {one.text for one in best} == {f"a {name} wall", f"{name} 벽"}
        assert all(0.02 < one.probability <= 1 for one in best)
        assert best[0].score >= best[1].score
    assert fitted.score(IMAGES, [["what?", f"a {name} wall", f"{name} 벽"] for name in NAMES]) == 1
    assert fitted.score(IMAGES, [["nothing of that kind", "other"]] * 6) < 0.3


def test_a_caption_may_come_in_any_case_where_lower_is_set():
    model = Captioner(**SMALL, lower=True).fit(IMAGES, [name.upper() for name in NAMES])
    assert model.predict(IMAGES[:3]) == list(COLORS)
    assert model.score(IMAGES, [name.upper() for name in NAMES]) == 1.0


@pytest.mark.parametrize(("level", "epochs"), [("char", 30), ("jamo", 60)])
def test_captions_can_be_spelled(level, epochs):
    names = {"red": "빨강", "green": "초록", "blue": "blue"}
    model = Captioner(**{**SMALL, "max_epochs": epochs}, target_level=level)
    model.fit(IMAGES, [names[name] for name in NAMES])
    assert model.predict(IMAGES[:3]) == list(names.values())


def test_samples_repeat_with_their_seed_and_differ_without(fitted):
    drawn = [one.text for one in fitted.sample(IMAGES * 4, random_state=1)]
    assert drawn == [one.text for one in fitted.sample(IMAGES * 4, random_state=1)]
    assert len(set(drawn)) > 3
    sure = fitted.sample(IMAGES, top_k=1)
    assert [one.text for one in sure] == [b[0].text for b in fitted.caption(IMAGES, beam_size=1)]


def test_of_many_samples_the_one_most_like_the_others_is_given(fitted):
    several = [
        [one.text for one in fitted.sample(IMAGES[:1] * 9, temperature=3.0, random_state=seed)]
        for seed in (0, 1)
    ]
    for seed, texts in enumerate(several):
        (found,) = fitted.consensus(IMAGES[:1], draws=9, temperature=3.0, random_state=seed)
        assert found.text == texts[most_agreed(texts)]
        assert 0 < found.probability <= 1
    two = fitted.consensus(IMAGES[:2], draws=4, temperature=0.01)
    assert ["red" in two[0].text or "빨" in two[0].text, "green" in two[1].text] == [True, True]
    for draws in (0, 2.5):
        with pytest.raises(OptionError, match=f"draws={draws}, but .* whole number"):
            fitted.consensus(IMAGES, draws=draws)


def test_many_draws_look_at_an_image_once(fitted):
    seen = []
    hook = fitted.module_.encoder.register_forward_hook(
        lambda module, args, output: seen.append(len(output))
    )
    fitted.consensus(IMAGES[:2], draws=7)
    hook.remove()
    assert seen == [2]


def test_the_decoders_looks_lie_over_the_image(fitted):
    looks = fitted.attention_of(IMAGES[:2])
    for look, text in zip(looks, fitted.predict(IMAGES[:2]), strict=True):
        assert (look.text, look.target) == (text, text.split())
        assert (look.grid, look.source[5]) == ((4, 4), "1, 1")
        assert look.weights.shape == (len(look.target), 16)
        np.testing.assert_allclose(look.weights.sum(axis=1), 1.0, atol=1e-5)


# -- where images come from ---------------------------------------------------------------------


def test_files_folders_and_arrays_are_one_to_it(tmp_path, fitted):
    for name, image in zip(COLORS, IMAGES, strict=False):
        Image.fromarray(image).save(tmp_path / f"{name}.png")
    table = tmp_path / "captions.tsv"
    table.write_text("image\tcaption\n" + "".join(f"{n}.png\t{n}\n" for n in COLORS))
    found = read_captions(table)
    model = Captioner(**SMALL).fit(found.images, found.captions)
    assert model.predict([str(path) for path in found.images]) == list(COLORS)
    assert model.predict(IMAGES[:3]) == list(COLORS)
    assert model.predict(read_images(tmp_path)) == sorted(COLORS)
    assert model.predict(torch.tensor(np.stack(IMAGES[:3])).permute(0, 3, 1, 2)) == list(COLORS)
    assert model.predict([Image.fromarray(image) for image in IMAGES[:1]]) == ["red"]


def test_augmentation_leaves_prediction_alone():
    model = Captioner(**SMALL, augment="shift-flip").fit(IMAGES, NAMES)
    assert model.predict(IMAGES[:3]) == list(COLORS)
    again = clone(model).fit(IMAGES, NAMES)
    for one, other in zip(model.predict_proba(IMAGES), again.predict_proba(IMAGES), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


# -- encoders -----------------------------------------------------------------------------------


@pytest.mark.parametrize("encoder", ["conv", nn.Conv2d(1, 4, 4, stride=4)])
def test_a_summary_of_places_tells_where_a_thing_is(tmp_path, encoder):
    corners = np.zeros((4, 8, 8), np.uint8)
    for corner, rows, columns in ((0, 0, 0), (1, 0, 4), (2, 4, 0), (3, 4, 4)):
        corners[corner, rows : rows + 4, columns : columns + 4] = 255
    names = ["top left", "top right", "bottom left", "bottom right"]
    model = Captioner(**SMALL, channels=1, encoder=encoder, summary="places")
    model.fit(list(corners) * 3, names * 3)
    assert model.predict(list(corners)) == names
    model.save(tmp_path / "model.rnn")
    given = {} if encoder == "conv" else {"encoder": encoder}
    assert rnnkit.load(tmp_path / "model.rnn", **given).predict(list(corners)) == names


def test_features_may_stand_in_for_images(tmp_path):
    vectors = np.eye(3)[[0, 1, 2] * 2]
    model = Captioner(**SMALL, encoder="none").fit(vectors, NAMES)
    assert model.predict(vectors[:3]) == list(COLORS)
    places = [np.repeat(vectors[i : i + 1], 1 + i % 3, axis=0) for i in range(6)]
    model = clone(model).fit(places, NAMES)
    assert model.predict(places[:3]) == list(COLORS)
    looks = model.attention_of(places[:3])
    assert [look.grid for look in looks] == [(1,), (2,), (3,)]
    assert [look.weights.shape[1] for look in looks] == [1, 2, 3]
    model.save(tmp_path / "model.rnn")
    assert rnnkit.load(tmp_path / "model.rnn").predict(places[:3]) == list(COLORS)
    with pytest.raises(InputError, match="has 2 features a step, but the model was fitted with 3"):
        model.predict([[1.0, 2.0]])


def test_a_module_of_the_users_is_copied_and_its_weights_are_kept_in_the_file(tmp_path):
    torch.manual_seed(0)
    backbone = nn.Sequential(nn.Conv2d(3, 6, 4, stride=4), nn.ReLU())
    before = backbone[0].weight.clone()
    model = Captioner(**SMALL, encoder=backbone).fit(IMAGES, NAMES)
    assert torch.equal(backbone[0].weight, before)
    assert not torch.equal(model.module_.encoder.module[0].weight, before)
    assert model.predict(IMAGES[:3]) == list(COLORS)
    model.save(tmp_path / "model.rnn")
    with pytest.raises(ArchiveError, match=r"fitted with encoder= of your own.*encoder=\.\.\."):
        rnnkit.load(tmp_path / "model.rnn")
    loaded = rnnkit.load(tmp_path / "model.rnn", encoder=backbone)
    assert loaded.predict(IMAGES[:3]) == list(COLORS)
    with pytest.raises(ArchiveError, match="built again: the encoder gives"):
        rnnkit.load(tmp_path / "model.rnn", encoder=nn.Conv2d(3, 6, 4))


def test_a_frozen_module_stays_as_it_is():
    backbone = nn.Conv2d(3, 6, 4, stride=4).requires_grad_(False)
    model = Captioner(**SMALL, encoder=backbone).fit(IMAGES, NAMES)
    assert torch.equal(model.module_.encoder.module.weight, backbone.weight)
    assert model.predict(IMAGES[:3]) == list(COLORS)
    with pytest.raises(ShapeError, match="the encoder returned"):
        Captioner(**SMALL, encoder=nn.Flatten(0)).fit(IMAGES, NAMES)


# -- what is refused ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        (IMAGES[0], NAMES, "which is one image, but a list"),
        (IMAGES[0][..., 0], NAMES, r"X has shape \(6, 9\), but a list of images"),
        ("folder", NAMES, "put it in a list"),
        (Image.new("L", (2, 2)), NAMES, "put it in a list"),
        (7, NAMES, "X is a int"),
        (IMAGES, [*NAMES[:-1], []], r"y\[5\] is \[\]"),
        (IMAGES, [*NAMES[:-1], 3], r"y\[5\] is 3"),
        (IMAGES, "red", "a list of captions is expected"),
        (["none.png"] * 6, NAMES, r"none\.png: there is no such image"),
        ([*IMAGES[:-1], np.zeros((2, 2, 2))], NAMES, "image 5 has shape"),
    ],
)
def test_bad_images_and_captions_are_refused_in_the_users_terms(X, y, message):
    with pytest.raises(ValueError, match=message):
        Captioner(**SMALL).fit(X, y)


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (["red.png"], "with encoder='none' features come"),
        ([np.zeros((2, 2, 2))], r"X\[0\] has shape \(2, 2, 2\)"),
        ("red.png", "put it in a list"),
        ([[1.0, float("nan")]], "NaN"),
    ],
)
def test_bad_features_are_refused(X, message):
    with pytest.raises(InputError, match=message):
        Captioner(**SMALL, encoder="none").fit(X, ["red"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder": "cnn"}, "Known: 'conv', 'none'"),
        ({"augment": "flips"}, "Did you mean 'flip'"),
        ({"augment": "flip", "encoder": "none"}, "augment='flip' is for images"),
        ({"summary": "place"}, "Did you mean 'places'"),
        ({"summary": "places", "encoder": "none"}, "leave it at 'mean'"),
        ({"channels": 2}, "channels=2"),
        ({"image_size": 0}, "image_size=0"),
        ({"encoder_size": 0}, "encoder_size=0"),
        ({"beam_size": 0}, "beam_size=0"),
        ({"target_level": "letters"}, "target_level='letters'|level='letters'"),
    ],
)
def test_bad_options_are_refused(options, message):
    with pytest.raises(OptionError, match=message):
        Captioner(**{**SMALL, **options}).fit(
            [[1.0], [2.0]] if "none" in options.values() else IMAGES[:2], NAMES[:2]
        )


def test_more_answers_than_the_beam_holds_are_refused(fitted):
    with pytest.raises(OptionError, match="n_best=3"):
        fitted.caption(IMAGES, n_best=3, beam_size=2)
    for option in ({"n_best": 1.5}, {"beam_size": 2.5}, {"n_best": 0}):
        with pytest.raises(OptionError, match="a whole number above 0 is expected"):
            fitted.caption(IMAGES, **option)
    with pytest.raises(NotFittedError):
        Captioner().attention_of(IMAGES)
