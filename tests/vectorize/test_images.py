from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from torch.nn import functional as F

from rnnkit.data import load_image
from rnnkit.errors import InputError, OptionError
from rnnkit.vectorize import ImageVectorizer
from rnnkit.vectorize.images import _resized


def noise(*shape):
    return np.random.default_rng(0).integers(0, 256, size=shape, dtype=np.uint8)


def one(image, size=4, channels=3, **options):
    (array,) = ImageVectorizer(image_size=size, channels=channels, **options).transform([image])
    return array


def test_one_image_in_all_its_forms_is_the_same_numbers(tmp_path):
    pixels = noise(4, 4, 3)
    Image.fromarray(pixels).save(tmp_path / "noise.png")
    expected = pixels.transpose(2, 0, 1)
    for form in (
        pixels,
        pixels.astype(np.int64),
        torch.from_numpy(expected.copy()),
        Image.fromarray(pixels),
        tmp_path / "noise.png",
        str(tmp_path / "noise.png"),
    ):
        array = one(form, load=load_image)
        assert array.dtype == np.uint8
        np.testing.assert_array_equal(array, expected)
    first = noise(3, 5, 5)  # channels can only be first here
    np.testing.assert_array_equal(one(first, size=5), first)
    np.testing.assert_allclose(one(pixels / 255), expected / 255, atol=1e-7)
    assert one(pixels / 255).dtype == np.float32


def test_gray_is_repeated_and_rgb_is_weighed():
    gray = noise(4, 4)
    assert (one(gray) == gray).all()
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    assert (one(red, channels=1) == 76).all()
    np.testing.assert_allclose(one(red / 255, channels=1), 0.299, atol=1e-6)
    assert one(gray > 128).max() == 255  # True is white


def test_what_is_transparent_shows_white():
    pixels = noise(4, 4, 4)
    pixels[..., 3] = 0
    assert (one(pixels) == 255).all()
    pixels[..., 3] = 255
    assert (one(pixels) == pixels[..., :3].transpose(2, 0, 1)).all()
    assert (one(np.zeros((4, 4, 4))) == 1.0).all()


def test_resizing_an_array_is_pillows_to_rounding():
    pixels = noise(37, 50, 3)
    ours = one(pixels, size=9)
    theirs = load_image(Image.fromarray(pixels), size=9).transpose(2, 0, 1)
    assert np.abs(ours.astype(int) - theirs).max() <= 1


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 25))
def test_resizing_floats_gives_the_numbers_of_torchs_interpolate(height, width, size):
    pixels = np.random.default_rng(height).random((3, height, width), dtype=np.float32)
    # In float64, since in float32 torch rounds the places of the pixels too.
    values = torch.from_numpy(pixels).double()[None]
    expected = F.interpolate(values, (size, size), mode="bilinear", antialias=True)
    np.testing.assert_allclose(_resized(pixels, size), expected[0].numpy(), rtol=0, atol=1e-6)


@settings(max_examples=25)
@given(
    st.integers(1, 20),
    st.integers(1, 20),
    st.integers(1, 9),
    st.sampled_from([1, 3]),
    st.booleans(),
)
def test_any_size_becomes_the_one_size_within_the_range(height, width, size, channels, floats):
    pixels = noise(height, width, 3)
    array = one(pixels / 255 if floats else pixels, size=size, channels=channels)
    assert array.shape == (channels, size, size)
    assert array.min() >= 0
    assert array.max() <= (1.0 + 1e-6 if floats else 255)


def test_the_scale_is_that_of_the_fit_alone():
    train = [noise(4, 4, 3), noise(8, 8, 3) // 2]
    vectorizer = ImageVectorizer(image_size=4).fit(train)
    batch = vectorizer.batch(vectorizer.transform(train))
    assert batch.shape == (2, 3, 4, 4)
    assert batch.dtype == np.float32
    np.testing.assert_allclose(batch.mean(axis=(0, 2, 3)), np.zeros(3), atol=1e-5)
    np.testing.assert_allclose(batch.std(axis=(0, 2, 3)), np.ones(3), atol=1e-5)
    before = vectorizer.mean.copy()
    vectorizer.transform([np.zeros((4, 4))])
    assert (vectorizer.mean == before).all()


def test_a_constant_channel_becomes_zero_and_scaling_can_be_left_out():
    same = [np.full((4, 4), 51, np.uint8)] * 2
    vectorizer = ImageVectorizer(image_size=4).fit(same)
    assert (np.abs(vectorizer.batch(vectorizer.transform(same))) < 1e-6).all()
    plain = ImageVectorizer(image_size=4, scale=False).fit(same)
    np.testing.assert_allclose(plain.batch(plain.transform(same)), 0.2, rtol=1e-6)


def test_a_config_makes_the_same_vectorizer():
    fitted = ImageVectorizer(image_size=5, channels=1).fit([noise(9, 9)])
    again = ImageVectorizer.from_config(fitted.get_config(), load=load_image)
    assert again.get_config() == fitted.get_config()
    assert again.load is load_image
    array = fitted.transform([noise(3, 7)])
    assert np.array_equal(again.batch(array), fitted.batch(array))
    bare = ImageVectorizer.from_config(ImageVectorizer().get_config())
    with pytest.raises(InputError, match="not fitted"):
        bare.batch(bare.transform([noise(4, 4)]))


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 2)), r"image 0 has shape \(4, 4, 2\)"),
        (np.zeros(4), r"image 0 has shape \(4,\)"),
        (np.zeros((0, 4)), r"shape \(0, 4\)"),
        (np.full((2, 2), 256), "from 256 to 256"),
        (np.full((2, 2), -1), "should lie from 0 to 255"),
        (np.full((2, 2), np.nan), "image 0 holds NaN or infinity"),
        (np.array([["a"]]), "numbers were expected"),
        (Path("picture.png"), "load=rnnkit.data.load_image"),
    ],
)
def test_what_is_no_image_is_refused(image, message):
    with pytest.raises(InputError, match=message):
        one(image)


def test_bad_options_and_no_images_are_refused():
    with pytest.raises(OptionError, match="channels=2"):
        ImageVectorizer(channels=2)
    with pytest.raises(OptionError, match="image_size=0"):
        ImageVectorizer(image_size=0)
    with pytest.raises(InputError, match="no image"):
        ImageVectorizer().fit([])
