"""Videos, frame by frame: files decoded by PyAV, and folders of images in their natural order.

Needs av (the `video` extra) where a file is decoded, pillow (`image`) where a folder is read, and
only there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np

from rnnkit.data.images import EXTENSIONS, load_image
from rnnkit.errors import DataError, MissingDependencyError, OptionError, check_option

__all__ = ["Frame", "Video", "find_videos", "load_video"]

# What a folder is searched for; any name that is given itself is tried.
VIDEO_EXTENSIONS = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts"),
    *(".wmv", ".flv", ".ogv", ".3gp"),
)

ADVICE = "Replace it, leave it out, or write it anew (such as with ffmpeg -i OLD NEW)."


# Of PyAV, which has no types: a frame (or the path of an image), and an open file.
Picture: TypeAlias = Any
Container: TypeAlias = Any

Shown = TypeVar("Shown")


class Frame(NamedTuple):
    """Which frame of a video: number, from 0 in the whole video; time, in seconds from its first
    frame on, None in a folder of images, which has no clock."""

    number: int
    time: float | None


@dataclass(frozen=True)
class Video:
    """A video file, or a folder of images, whose frames are read when they are asked for.

    every: of so many frames the first is kept. fps: frames kept of a second, the first of each of
    its equal parts; a video that has fewer keeps all. At most one of the two; fps is not for
    folders, which have no clock.
    An estimator that is given this reads the frames at the size that it wants.
    Raises OptionError for options that are out of range.
    """

    path: Path
    every: int = 1
    fps: float | None = None

    def __post_init__(self) -> None:
        if self.every < 1:
            raise OptionError(f"every={self.every}, but of at least 1 frame the first is kept.")
        if self.fps is not None and not self.fps > 0:
            raise OptionError(f"fps={self.fps}, but it must be a number above 0.")
        if self.fps is not None and self.every != 1:
            raise OptionError(f"every={self.every} and fps={self.fps}: give one of them.")

    def __str__(self) -> str:
        return str(self.path)

    def load(self, *, size: int | None = None, channels: int = 3) -> np.ndarray:
        """(T, H, W, channels) uint8 of the frames that are kept; see `load_video`."""
        return self.read(size=size, channels=channels)[1]

    def read(self, *, size: int | None = None, channels: int = 3) -> tuple[list[Frame], np.ndarray]:
        """Which frames are kept, and what `load` gives of them."""
        check_option("channels", channels, [1, 3])
        kept: list[Frame] = []
        pixels: list[np.ndarray] = []
        for frame, image in self._selected(self._all()):
            kept.append(frame)
            pixels.append(_pixels(image, size, channels))
            if pixels[-1].shape != pixels[0].shape:
                raise DataError(
                    f"frame {frame.number} has shape {pixels[-1].shape}, but those before it have "
                    f"{pixels[0].shape}. Give size= to bring all to one.",
                    path=self.path,
                )
        return kept, np.stack(pixels)

    def frames(self) -> list[Frame]:
        """All frames, with those that are not kept.

        A file is decoded for that: what its header says of their number need not be true.
        """
        return [frame for frame, _ in self._all()]

    def select(self, frames: Iterable[Frame]) -> list[Frame]:
        """Those of all frames that are kept, which are the steps of what `load` gives."""
        return [frame for frame, _ in self._selected((frame, None) for frame in frames)]

    def _selected(self, shown: Iterable[tuple[Frame, Shown]]) -> Iterator[tuple[Frame, Shown]]:
        last = -1
        for frame, image in shown:
            if self.fps is None:
                place = frame.number // self.every
            elif frame.time is None:
                raise OptionError(
                    f"fps={self.fps}: {self.path} is a folder of images, which has no clock. Use "
                    f"every= to keep one of so many."
                )
            else:
                # The rounding of the clock must not move a frame into the part before.
                place = int(frame.time * self.fps + 1e-6)
            if place > last:
                last = place
                yield frame, image

    def _all(self) -> Iterator[tuple[Frame, Picture]]:
        """Every frame, and what its pixels are read from."""
        if self.path.is_dir():
            for number, path in enumerate(_images_in(self.path)):
                yield Frame(number, None), path
        else:
            yield from _decoded(self.path)


def load_video(
    source: str | Path,
    *,
    size: int | None = None,
    channels: int = 3,
    every: int = 1,
    fps: float | None = None,
) -> np.ndarray:
    """The frames of a video file, or of a folder of images: (T, H, W, channels) uint8.

    A file is decoded by PyAV (the `video` extra), frame by frame, and each is brought to size at
    once, so that large ones never pile up in memory. It is turned as its metadata says. The images
    of a folder are its frames in natural order (2.png before 10.png).

    size: H and W, to which a frame is squeezed or stretched, smoothed where it shrinks; None keeps
        its own. channels: 3 (RGB) or 1 (gray). every, fps: which frames are kept, as in `Video`.
    Raises DataError that names the file if it is missing, no video, broken or cut short (where its
    format can tell), MissingDependencyError without av.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as folder:
    ...     for place in (2, 10, 1):
    ...         Image.new("L", (4, 2), place).save(Path(folder, f"{place}.png"))
    ...     load_video(folder, size=1, channels=1).ravel().tolist()
    [1, 2, 10]
    """
    return Video(Path(source), every, fps).load(size=size, channels=channels)


def find_videos(*sources: str | Path, every: int = 1, fps: float | None = None) -> list[Video]:
    """Video files, folders of images, and all of either kind that lie in a folder, by name.

    A folder that holds images and no video is one video itself; of any other the files and folders
    in it are taken.
    Raises DataError if a source is missing or a folder holds neither.
    """
    paths: list[Path] = []
    for source in map(Path, sources):
        if not source.exists():
            raise DataError("there is no such video.", path=source)
        paths += [source] if _is_video(source) or source.is_file() else _videos_in(source)
    return [Video(path, every, fps) for path in paths]


def _videos_in(folder: Path) -> list[Path]:
    found = sorted(filter(_is_video, folder.iterdir()), key=_natural)
    if not found:
        raise DataError(
            f"the folder holds no video ({' '.join(VIDEO_EXTENSIONS)}), and neither images nor "
            f"folders of them.",
            path=folder,
        )
    return found


def _is_video(path: Path) -> bool:
    if not path.is_dir():
        return path.suffix.lower() in VIDEO_EXTENSIONS
    inside = list(path.iterdir())
    return any(map(_is_image, inside)) and not any(
        one.suffix.lower() in VIDEO_EXTENSIONS for one in inside
    )


def _is_image(path: Path) -> bool:
    return path.suffix.lower() in EXTENSIONS


def _images_in(folder: Path) -> list[Path]:
    found = sorted(filter(_is_image, folder.iterdir()), key=_natural)
    if not found:
        raise DataError(f"the folder holds no image ({' '.join(EXTENSIONS)}).", path=folder)
    return found


def _natural(path: Path) -> list[tuple[int, str]]:
    """The order of names in which 2 is before 10."""
    parts = re.split(r"([0-9]+)", path.name.lower())
    return [(int(part), part) if part.isdecimal() else (-1, part) for part in parts]


# -- files --------------------------------------------------------------------------------------


def _av() -> ModuleType:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError(
            "reading video files needs av. Run: pip install 'rnnkit[video]'"
        ) from error
    return av


def _decoded(path: Path) -> Iterator[tuple[Frame, Picture]]:
    """Every frame of a file, in the order in which they are shown."""
    av = _av()
    times: list[float] = []
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise DataError("there is no video in the file.", path=path)
            for image in _images_of(container):
                times.append(_time(image, len(times)))
                yield Frame(len(times) - 1, times[-1] - times[0]), image
            _check_whole(path, container, times)
    except FileNotFoundError:
        raise DataError("there is no such video.", path=path) from None
    except (av.error.FFmpegError, _DamageError) as error:
        if not times:
            raise DataError(
                f"this is no video that can be read ({error.strerror}). {ADVICE}", path=path
            ) from None
        raise DataError(
            f"the video is broken or cut short after {len(times)} frames ({error.strerror}). "
            f"{ADVICE}",
            path=path,
        ) from None


class _DamageError(Exception):
    """A decoder has marked what it gave as damaged."""

    strerror = "damaged data"


def _images_of(container: Container) -> Iterator[Picture]:
    for packet in container.demux(container.streams.video[0]):
        for frame in packet.decode():
            if packet.is_corrupt or frame.is_corrupt:
                raise _DamageError
            yield frame


def _time(image: Picture, number: int) -> float:
    """In seconds, by the clock of the file; 25 frames a second where a stream has none."""
    return number / 25 if image.time is None else float(image.time)


def _check_whole(path: Path, container: Container, times: list[float]) -> None:
    """Refuse a file that ends early, where its header tells and no error did."""
    if not times:
        raise DataError(f"there is no frame in the video. {ADVICE}", path=path)
    # A sound may go on after the pictures have ended.
    if container.duration is None or len(container.streams) > 1:
        return
    promised = container.duration / 1e6
    gaps = [after - before for before, after in pairwise(times)]
    if gaps and promised - (times[-1] - times[0]) > 3 * max(gaps):
        raise DataError(
            f"the video is cut short: it should last {promised:.1f} seconds, but ends after "
            f"{times[-1] - times[0]:.1f}. {ADVICE}",
            path=path,
        )


def _pixels(image: Picture, size: int | None, channels: int) -> np.ndarray:
    """(H, W, channels) of an image file, or of a frame of PyAV, upright."""
    if isinstance(image, Path):
        return load_image(image, size=size, channels=channels)
    small = image.reformat(
        width=size or image.width,
        height=size or image.height,
        format="rgb24" if channels == 3 else "gray",
        interpolation="BILINEAR",
    )
    upright = np.rot90(small.to_ndarray(), round(image.rotation / 90) % 4)
    return np.ascontiguousarray(upright).reshape(*upright.shape[:2], channels)
