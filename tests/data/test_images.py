from __future__ import annotations

import json
import sys

import numpy as np
import pytest
from PIL import Image

from rnnkit.data import load_image, read_captions, read_images
from rnnkit.errors import DataError, InputError, MissingDependencyError, OptionError

RED, BLUE = (255, 0, 0), (0, 0, 255)


def draw(path, mode="RGB", size=(4, 2), color=RED, **options):
    Image.new(mode, size, color).save(path, **options)
    return path


def table(folder, text, name="captions.tsv"):
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


# -- one image ----------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["png", "bmp", "gif", "webp", "tiff"])
def test_an_image_of_any_format_is_read_as_rows_of_rgb(tmp_path, suffix):
    pixels = load_image(draw(tmp_path / f"red.{suffix}"))
    assert (pixels.shape, pixels.dtype) == ((2, 4, 3), np.uint8)
    assert np.abs(pixels.astype(int) - RED).max() <= 2  # lossy formats


def test_transparency_shows_white(tmp_path):
    clear = draw(tmp_path / "clear.png", "RGBA", color=(255, 0, 0, 0))
    half = draw(tmp_path / "half.png", "LA", color=(0, 128))
    assert (load_image(clear) == 255).all()
    assert np.abs(load_image(half).astype(int) - 127).max() <= 1
    palette = Image.new("P", (2, 2), 0)
    palette.putpalette([255, 0, 0] * 256)
    palette.save(tmp_path / "palette.gif", transparency=0)
    assert (load_image(tmp_path / "palette.gif") == 255).all()


def test_gray_becomes_rgb_and_rgb_gray(tmp_path):
    gray = draw(tmp_path / "gray.png", "L", color=100)
    assert (load_image(gray) == 100).all()
    assert load_image(gray).shape == (2, 4, 3)
    assert load_image(draw(tmp_path / "red.png"), channels=1).tolist() == [[[76]] * 4] * 2


def test_sixteen_bits_a_pixel_keep_their_range(tmp_path):
    deep = np.array([[0, 0xFFFF, 0x8000]], np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    assert load_image(tmp_path / "deep.png", channels=1).ravel().tolist() == [0, 255, 128]


def test_an_image_is_turned_as_its_orientation_says(tmp_path):
    pixels = np.zeros((2, 3, 3), np.uint8)
    pixels[0, 0] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    Image.fromarray(pixels).save(tmp_path / "phone.png", exif=exif)
    turned = load_image(tmp_path / "phone.png")
    assert (turned == np.rot90(pixels, -1)).all()


def test_an_image_is_resized_while_it_is_read(tmp_path):
    half = np.zeros((64, 32, 3), np.uint8)
    half[32:] = 255
    Image.fromarray(half).save(tmp_path / "half.jpg", quality=95)
    small = load_image(tmp_path / "half.jpg", size=4)
    assert small.shape == (4, 4, 3)
    assert np.abs(small[:, :, 0].mean(axis=1) - [0, 31, 223, 255]).max() < 40
    assert small[0].max() < 20 < 235 < small[3].min()


def test_a_pillow_image_is_read_too():
    assert load_image(Image.new("RGB", (1, 1), BLUE)).tolist() == [[list(BLUE)]]


def test_what_is_no_image_is_told_with_its_name(tmp_path):
    with pytest.raises(DataError, match=r"none\.png: there is no such image"):
        load_image(tmp_path / "none.png")
    with pytest.raises(DataError, match="a folder, and an image was expected"):
        load_image(tmp_path)
    (tmp_path / "text.png").write_text("no image")
    with pytest.raises(DataError, match=r"text\.png: this is no image that can be read"):
        load_image(tmp_path / "text.png")
    whole = draw(tmp_path / "whole.png", size=(64, 64)).read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:60])
    with pytest.raises(DataError, match=r"cut\.png: this is no image that can be read"):
        load_image(tmp_path / "cut.png")
    with pytest.raises(OptionError, match="channels=4"):
        load_image(tmp_path / "whole.png", channels=4)


def test_without_pillow_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(MissingDependencyError, match=r"rnnkit\[image\]"):
        load_image(tmp_path / "any.png")


# -- folders ------------------------------------------------------------------------------------


def test_a_folders_images_come_by_name_and_are_read_when_asked_for(tmp_path):
    draw(tmp_path / "b.png", color=BLUE)
    (tmp_path / "a.JPG").write_bytes(b"broken")
    (tmp_path / "notes.txt").write_text("no image")
    images = read_images(tmp_path, size=2)
    assert [path.name for path in images.paths] == ["a.JPG", "b.png"]
    assert images[1].tolist() == [[list(BLUE)] * 2] * 2
    assert len(images[1:]) == 1
    with pytest.raises(DataError, match=r"a\.JPG: this is no image"):
        list(images)


def test_a_source_that_holds_no_image_is_told(tmp_path):
    with pytest.raises(DataError, match="the folder holds no image"):
        read_images(tmp_path)
    with pytest.raises(DataError, match="there is no such image"):
        read_images(tmp_path / "none.png")
    with pytest.raises(OptionError, match="needs a folder or files"):
        read_images()


# -- captions -----------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    draw(tmp_path / "red.png")
    draw(tmp_path / "blue.png", color=BLUE)
    return tmp_path


def test_rows_of_one_image_are_its_captions(folder):
    path = table(
        folder,
        "image\tcaption\tpart\nred.png\tred\ttrain\nblue.png\t파랑\ttest\nred.png\t빨강\ttrain\n",
    )
    found = read_captions(path, split="part")
    assert [image.name for image in found.images] == ["red.png", "blue.png"]
    assert found.captions == [["red", "빨강"], ["파랑"]]
    assert found.part("test").captions == [["파랑"]]
    with pytest.raises(InputError, match="no split 'dev'; known: 'test', 'train'"):
        found.part("dev")
    with pytest.raises(InputError, match="pass split="):
        read_captions(path).part("train")


@pytest.mark.parametrize("name", ["captions.csv", "captions.jsonl"])
def test_other_tables_and_names_of_columns_do_too(folder, name):
    rows = [{"file": "red.png", "text": "red"}, {"file": "blue.png", "text": "blue"}]
    lines = [json.dumps(row) for row in rows]
    if name.endswith("csv"):
        lines = ["file,text", "red.png,red", "blue.png,blue"]
    (folder / "tables").mkdir()
    path = table(folder / "tables", "\n".join(lines) + "\n", name)
    found = read_captions(path, folder, image="file", caption="text")
    assert found.captions == [["red"], ["blue"]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image\tcaption\nred.png\tred\ngreen.png\tgreen\n", r"line 3, column image: .*green\.png"),
        ("image\tcaption\nred.png\t\n", "line 2, column caption: the value is empty"),
        ("image\tcaption\n", "no row below"),
        ("image\ttext\nred.png\tred\n", "no column 'caption'"),
        ("", "the file is empty"),
    ],
)
def test_a_table_that_does_not_fit_is_told_with_its_line(folder, text, message):
    with pytest.raises(DataError, match=message):
        read_captions(table(folder, text))


def test_an_image_in_two_splits_is_refused(folder):
    path = table(folder, "image\tcaption\ts\nred.png\ta\ttrain\nred.png\tb\ttest\n")
    with pytest.raises(DataError, match=r"line 3, column s: .*in 'test' here, and in 'train' ab"):
        read_captions(path, split="s")


def coco(folder, images, annotations):
    return table(folder, json.dumps({"images": images, "annotations": annotations}), "coco.json")


def test_cocos_captions_are_read(folder):
    images = [
        {"id": 7, "file_name": "red.png"},
        {"id": 8, "file_name": "none.png"},
        {"id": 9, "file_name": "blue.png"},
    ]
    texts = [(9, "blue\n"), (7, "red"), (9, "more blue")]
    path = coco(folder, images, [{"image_id": i, "caption": text} for i, text in texts])
    found = read_captions(path)
    assert [image.name for image in found.images] == ["red.png", "blue.png"]
    assert found.captions == [["red"], ["blue", "more blue"]]
    assert found.skipped == 1
    with pytest.raises(OptionError, match="a file for each split"):
        read_captions(path, split="split")


@pytest.mark.parametrize(
    ("images", "annotations", "message"),
    [
        ([{"id": 1, "file_name": "x.png"}], [{"image_id": 1, "caption": "x"}], r"no file .*x\.png"),
        ([{"id": 1, "file_name": "red.png"}], [{"image_id": 2, "caption": "x"}], "image 2, which"),
        ([{"file_name": "red.png"}], [], r"images\[0\] has no 'id'"),
        ([{"id": 1, "file_name": "red.png"}], [{"image_id": 1}], r"annotations\[0\] has no 'cap"),
        ([{"id": 1, "file_name": "red.png"}], [], "no image has a caption"),
        ({}, [], "COCO's captions are"),
    ],
)
def test_a_coco_file_that_does_not_fit_is_told(folder, images, annotations, message):
    with pytest.raises(DataError, match=message):
        read_captions(coco(folder, images, annotations))


def test_what_is_no_json_is_told_with_its_line(folder):
    with pytest.raises(DataError, match="line 2: this is not JSON"):
        read_captions(table(folder, '{"images":\n oops', "coco.json"))


def test_the_real_corpora_are_read_whole(corpora):
    home = corpora / "captions" / "emoji"
    if not home.is_dir():
        pytest.skip("no emoji captions among the corpora")
    found = read_captions(home / "captions.tsv", home / "images", caption="ko", split="split")
    assert len(found) == 1911
    assert sum(len(found.part(name)) for name in ("train", "val", "test")) == 1911
    assert load_image(found.images[0], size=16).shape == (16, 16, 3)
