"""Images and their captions: folders, tables, COCO's JSON; pixels are read when they are asked for.

Needs pillow (the `image` extra) where pixels are read, and only there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, overload

import numpy as np

from rnnkit.data.table import Table, Value, read_table, rows_of_split
from rnnkit.data.textfile import extension, read_text
from rnnkit.errors import DataError, MissingDependencyError, OptionError, check_option

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["CaptionedImages", "Images", "load_image", "read_captions", "read_images"]

EXTENSIONS = (".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm")

_WHITE = (255, 255, 255, 255)


def load_image(
    source: str | Path | Image, *, size: int | None = None, channels: int = 3
) -> np.ndarray:
    """The pixels of an image file, or of a pillow image: (H, W, channels) uint8.

    It is turned as its EXIF orientation says, and what is transparent shows white. Of a file with
    several frames the first is read.
    size: H and W, to which it is squeezed or stretched, smoothed where it shrinks; None keeps its
        own. channels: 3 (RGB), or 1 (gray: 0.299 R + 0.587 G + 0.114 B, ITU-R BT.601).
    Raises DataError that names the file if it is missing or no whole image.

    >>> from PIL import Image
    >>> load_image(Image.new("RGBA", (2, 1), (255, 0, 0, 128))).tolist()
    [[[255, 127, 127], [255, 127, 127]]]
    """
    check_option("channels", channels, [1, 3])
    pillow = _pillow()
    path = None
    try:
        if not isinstance(source, str | Path):
            return _pixels(pillow, source, size, channels)
        path = Path(source)
        with pillow.open(path) as image:
            if size is not None:
                image.draft(None, (2 * size, 2 * size))  # a large JPEG is decoded at a fraction
            return _pixels(pillow, image, size, channels)
    except FileNotFoundError:
        raise DataError("there is no such image.", path=path) from None
    except IsADirectoryError:
        raise DataError("this is a folder, and an image was expected.", path=path) from None
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise DataError(
            f"this is no image that can be read ({error}). Replace it, or leave it out.", path=path
        ) from None


def _pillow() -> ModuleType:
    try:
        from PIL import Image
    except ImportError as error:
        raise MissingDependencyError(
            "reading images needs pillow. Run: pip install 'rnnkit[image]'"
        ) from error
    return Image


def _pixels(pillow: ModuleType, image: Image, size: int | None, channels: int) -> np.ndarray:
    from PIL import ImageOps

    image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I;16"):
        image = pillow.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if "A" in image.getbands() or "transparency" in image.info:
        image = image.convert("RGBA")
        image = pillow.alpha_composite(pillow.new("RGBA", image.size, _WHITE), image)
    image = image.convert("RGB" if channels == 3 else "L")
    if size is not None and image.size != (size, size):
        image = image.resize((size, size), pillow.Resampling.BILINEAR)
    pixels: np.ndarray = np.array(image, dtype=np.uint8)
    return pixels.reshape(*pixels.shape[:2], channels)


@dataclass(frozen=True)
class Images(Sequence[np.ndarray]):
    """Image files, of which each is read when it is asked for.

    size, channels: as in `load_image`. An estimator that is given these reads the files at the
    size that it wants.
    """

    paths: list[Path]
    size: int | None = None
    channels: int = 3

    def __len__(self) -> int:
        return len(self.paths)

    @overload
    def __getitem__(self, index: int) -> np.ndarray: ...

    @overload
    def __getitem__(self, index: slice) -> Images: ...

    def __getitem__(self, index: int | slice) -> np.ndarray | Images:
        if isinstance(index, slice):
            return Images(self.paths[index], self.size, self.channels)
        return load_image(self.paths[index], size=self.size, channels=self.channels)


def read_images(*sources: str | Path, size: int | None = None, channels: int = 3) -> Images:
    """Image files, and those of folders, sorted by name; pixels are read later.

    size, channels: as in `load_image`.
    Raises DataError if a source is missing or a folder holds no image.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("L", (4, 2), 255).save(Path(folder, "white.png"))
    ...     images = read_images(folder, size=2)
    ...     len(images), images[0].shape
    (1, (2, 2, 3))
    """
    paths: list[Path] = []
    for source in map(Path, sources):
        paths += _in_folder(source) if source.is_dir() else [_existing(source)]
    if not paths:
        raise OptionError("read_images needs a folder or files.")
    return Images(paths, size, channels)


def _in_folder(folder: Path) -> list[Path]:
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in EXTENSIONS)
    if not found:
        raise DataError(
            f"the folder holds no image ({' '.join(EXTENSIONS)}). Give the folder of the images "
            f"itself.",
            path=folder,
        )
    return found


def _existing(path: Path) -> Path:
    if not path.exists():
        raise DataError("there is no such image.", path=path)
    return path


@dataclass(frozen=True)
class CaptionedImages:
    """Image files, and the captions of each.

    splits: which part of the data each image belongs to; None where nothing says.
    skipped: how many images were left out because they have no caption.
    """

    images: list[Path]
    captions: list[list[str]]
    path: Path
    splits: list[str] | None = None
    skipped: int = 0

    def __len__(self) -> int:
        return len(self.images)

    def part(self, split: str) -> CaptionedImages:
        """The images of one split. Raises InputError if there are none."""
        rows = rows_of_split(self.splits, split, self.path)
        return CaptionedImages(
            [self.images[row] for row in rows],
            [self.captions[row] for row in rows],
            self.path,
            [split] * len(rows),
        )


def read_captions(
    path: str | Path,
    folder: str | Path | None = None,
    *,
    image: str = "image",
    caption: str = "caption",
    split: str | None = None,
    format: str | None = None,  # noqa: A002 (as in `read_table`)
) -> CaptionedImages:
    r"""Read images and captions from a table, or from COCO's JSON of captions.

    A table (CSV, TSV, JSONL or Parquet, as in `read_table`) has a row for each caption: its
    columns `image` (a file in `folder`), `caption`, and `split` if that is asked for; an image may
    have several rows. A `.json` is COCO's: {"images": [{"id", "file_name"}], "annotations":
    [{"image_id", "caption"}]}.

    folder: where the images are; None is the folder of `path`.
    Raises DataError that names file, line and column: an image that is missing, an empty caption,
    an empty table, an image in two splits.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     Image.new("L", (4, 4)).save(Path(folder, "night.png"))
    ...     table = Path(folder, "captions.tsv")
    ...     _ = table.write_text("image\tcaption\nnight.png\tdark\nnight.png\tblack\n")
    ...     read_captions(table).captions
    [['dark', 'black']]
    """
    path = Path(path)
    home = path.parent if folder is None else Path(folder)
    if extension(path) == ".json" and format is None:
        if split is not None:
            raise OptionError(f"split={split!r} is for tables: COCO has a file for each split.")
        return _read_coco(path, home)
    names = [image, caption, *([] if split is None else [split])]
    table = read_table(path, names, format=format, required=names)
    return _grouped(table, home, image, caption, split)


def _grouped(
    table: Table, home: Path, image: str, caption: str, split: str | None
) -> CaptionedImages:
    """One entry an image, in the order in which they first come."""
    captions: dict[str, list[str]] = {}
    splits: dict[str, str] = {}
    for row, (given, text) in enumerate(zip(table[image], table[caption], strict=True)):
        name = str(given)
        if not isinstance(text, str):
            raise _wrong(table, row, caption, f"a text was expected, not {text!r}.")
        if name not in captions and not (home / name).is_file():
            raise _wrong(table, row, image, f"there is no image {home / name}.")
        part = "" if split is None else str(table[split][row])
        if splits.setdefault(name, part) != part:
            above = f"{name} is in {part!r} here, and in {splits[name]!r} above."
            raise _wrong(table, row, split, above)
        captions.setdefault(name, []).append(text)
    return CaptionedImages(
        [home / name for name in captions],
        list(captions.values()),
        table.path,
        list(splits.values()) if split is not None else None,
    )


def _wrong(table: Table, row: int, column: str | None, message: str) -> DataError:
    return DataError(message, path=table.path, line=table.lines[row], column=column)


def _read_coco(path: Path, home: Path) -> CaptionedImages:
    images, annotations = _coco_lists(path)
    files = {_field(one, "id", path, "images", i): one for i, one in enumerate(images)}
    captions: dict[Value, list[str]] = {key: [] for key in files}
    for place, one in enumerate(annotations):
        key = _field(one, "image_id", path, "annotations", place)
        if key not in captions:
            raise DataError(
                f"annotations[{place}] is of image {key!r}, which has no entry.", path=path
            )
        captions[key].append(str(_field(one, "caption", path, "annotations", place)).strip())
    kept = [key for key, texts in captions.items() if texts]
    if not kept:
        raise DataError("no image has a caption.", path=path)
    paths = []
    for key in kept:
        name = _field(files[key], "file_name", path, "images", list(files).index(key))
        if not (home / name).is_file():
            raise DataError(f"image {key!r}: there is no file {home / name}.", path=path)
        paths.append(home / name)
    return CaptionedImages(
        paths, [captions[key] for key in kept], path, skipped=len(files) - len(kept)
    )


def _coco_lists(path: Path) -> tuple[list[Value], list[Value]]:
    try:
        content = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise DataError(f"this is not JSON: {error.msg}.", path=path, line=error.lineno) from None
    whole = content if isinstance(content, dict) else {}
    images, annotations = whole.get("images"), whole.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        raise DataError(
            'COCO\'s captions are {"images": [...], "annotations": [...]}. For a JSON object a '
            "line, pass format='jsonl'.",
            path=path,
        )
    return images, annotations


def _field(entry: Value, name: str, path: Path, part: str, place: int) -> Value:
    if not isinstance(entry, dict) or name not in entry:
        raise DataError(f"{part}[{place}] has no {name!r}: {entry!r:.60}.", path=path)
    return entry[name]
