"""Tables of what is seen in videos: a label for each frame, or for each stretch of time."""

from __future__ import annotations

import glob
import math
from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rnnkit.data.table import Table, Value, read_table, rows_of_split
from rnnkit.data.video import Frame, Video
from rnnkit.errors import DataError, OptionError, check_option

__all__ = ["LabeledVideos", "read_videos"]

UNITS = ("frames", "seconds")


@dataclass(frozen=True)
class LabeledVideos:
    """Videos, and a label for each frame that is kept of them.

    labels: a list a video, as the file has them; None where a frame has none.
    names: what the table calls the videos. lines: where each one's first row stands.
    splits: which part of the data each belongs to; None where nothing says.
    """

    videos: list[Video]
    labels: list[list[Value]]
    names: list[str]
    lines: list[int]
    path: Path
    splits: list[str] | None = None

    def __len__(self) -> int:
        return len(self.videos)

    def part(self, split: str) -> LabeledVideos:
        """The videos of one split. Raises InputError if there are none."""
        rows = rows_of_split(self.splits, split, self.path)
        return LabeledVideos(
            [self.videos[row] for row in rows],
            [self.labels[row] for row in rows],
            [self.names[row] for row in rows],
            [self.lines[row] for row in rows],
            self.path,
            [split] * len(rows),
        )


def read_videos(
    path: str | Path,
    folder: str | Path | None = None,
    *,
    clip: str = "clip",
    label: str = "label",
    frame: str | None = None,
    start: str | None = None,
    end: str | None = None,
    unit: str = "frames",
    split: str | None = None,
    every: int = 1,
    fps: float | None = None,
    format: str | None = None,  # noqa: A002 (as in `read_table`)
) -> LabeledVideos:
    r"""Read a table (CSV, TSV, JSONL, Parquet) of what videos show, frame by frame or in segments.

    clip: the column that names a video of `folder`, which is a file or a folder of images.
    label: the column of labels; where it is empty, there is none.
    frame: the column with the frame's number, from 0 on in the whole video (of a folder of images,
        in natural order), for a row a frame.
    start, end: the columns that say where a segment begins and ends, for a row a segment: from
        `start` on, and up to `end` but not with it, so that the next one may begin there.
        unit: "frames", counted from 0, or "seconds" from the first frame on (for files alone).
    With neither, the columns `frame`, or `start` and `end`, are looked for.
    split: the column that says which part of the data a video belongs to.
    folder: where the videos are; None is the folder of `path`. every, fps: which frames are kept,
        as in `Video`; numbers and seconds are those of the whole video all the same.
    Videos are decoded once to count their frames; pixels are read later, by `Video.load` or an
    estimator.

    Raises DataError that names file, line and column: a video that is missing or broken, a frame
    that has two labels, segments that overlap, a label beyond the end, a video in two splits.

    >>> from tempfile import TemporaryDirectory
    >>> from PIL import Image
    >>> with TemporaryDirectory() as home:
    ...     Path(home, "walk").mkdir()
    ...     for place in range(5):
    ...         Image.new("L", (4, 4)).save(Path(home, "walk", f"{place}.png"))
    ...     table = Path(home, "labels.tsv")
    ...     _ = table.write_text("clip\tstart\tend\tlabel\nwalk\t0\t2\tleft\nwalk\t3\t5\tright\n")
    ...     read_videos(table).labels
    [['left', 'left', None, 'right', 'right']]
    """
    path = Path(path)
    check_option("unit", unit, UNITS)
    home = path.parent if folder is None else Path(folder)
    table = read_table(path, format=format)
    places = _places(table, frame, start, end)
    for name in (clip, label, *places, *([] if split is None else [split])):
        table[name]  # raises, with the nearest name
    if len(places) == 1 and unit == "seconds":
        raise OptionError("unit='seconds' is for segments: a frame has a number.")
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(table[clip]):
        if _is_blank(name):
            raise _wrong(table, row, clip, "the name of the video is empty.")
        rows_of.setdefault(str(name), []).append(row)
    videos, labels = [], []
    for name, rows in rows_of.items():
        video = Video(_existing(table, rows[0], clip, home / name), every, fps)
        try:
            frames = video.frames()
        except DataError as error:
            raise _wrong(table, rows[0], clip, str(error)) from None
        said = (
            _of_frames(table, rows, frames, label, *places)
            if len(places) == 1
            else _of_segments(table, rows, frames, label, *places, unit=unit)
        )
        videos.append(video)
        labels.append([said[kept.number] for kept in video.select(frames)])
    return LabeledVideos(
        videos,
        labels,
        list(rows_of),
        [table.lines[rows[0]] for rows in rows_of.values()],
        table.path,
        None if split is None else [_split(table, split, rows) for rows in rows_of.values()],
    )


def _places(table: Table, frame: str | None, start: str | None, end: str | None) -> list[str]:
    """The columns that say where a label is: of its frame, or of where it begins and ends."""
    if frame is not None and (start is not None or end is not None):
        raise OptionError("frame= is for a row a frame, start= and end= for a row a segment.")
    if frame is not None:
        return [frame]
    segment = [start or "start", end or "end"]
    if start is not None or end is not None:
        return segment
    if "frame" in table.columns:
        return ["frame"]
    if all(name in table.columns for name in segment):
        return segment
    raise DataError(
        f"there is no column 'frame', and no 'start' and 'end', which say where a label is. "
        f"Columns: {', '.join(map(repr, table.columns))}. Name them with frame=, or start= and "
        f"end=.",
        path=table.path,
    )


def _existing(table: Table, row: int, column: str, path: Path) -> Path:
    if path.exists():
        return path
    near = sorted(path.parent.glob(f"{glob.escape(path.name)}.*")) if path.name else []
    hint = f" Did you mean {near[0].name}?" if near else ""
    raise _wrong(table, row, column, f"there is no video {path}.{hint}")


def _split(table: Table, column: str, rows: list[int]) -> str:
    part = str(table[column][rows[0]])
    for row in rows:
        if str(table[column][row]) != part:
            raise _wrong(
                table,
                row,
                column,
                f"this video is in {table[column][row]!r} here, and in {part!r} on line "
                f"{table.lines[rows[0]]}.",
            )
    return part


# -- a row a frame ------------------------------------------------------------------------------


def _of_frames(
    table: Table, rows: list[int], frames: list[Frame], label: str, column: str
) -> list[Value]:
    """What each frame of one video is labeled with."""
    row_of: dict[int, int] = {}
    for row in rows:
        number = _whole_number(table, row, column)
        if number >= len(frames):
            raise _beyond(table, row, column, number, frames)
        if number in row_of:
            raise _wrong(
                table, row, column, f"this frame is on line {table.lines[row_of[number]]} too."
            )
        row_of[number] = row
    said: list[Value] = [None] * len(frames)
    for number, row in row_of.items():
        said[number] = _label(table, row, label)
    return said


# -- a row a segment ----------------------------------------------------------------------------


def _of_segments(
    table: Table,
    rows: list[int],
    frames: list[Frame],
    label: str,
    start: str,
    end: str,
    *,
    unit: str,
) -> list[Value]:
    """What each frame of one video is labeled with."""
    clock, read = _clock(table, rows[0], start, frames, unit)
    segments = sorted((read(table, row, start), read(table, row, end), row) for row in rows)
    said: list[Value] = [None] * len(frames)
    for place, (begin, stop, row) in enumerate(segments):
        if stop <= begin:
            raise _wrong(table, row, end, f"the segment ends at {stop}, but begins at {begin}.")
        if place and begin < segments[place - 1][1]:
            other = table.lines[segments[place - 1][2]]
            raise _wrong(table, row, start, f"this segment overlaps the one on line {other}.")
        # Whoever writes seconds by hand rounds them: a frame more than there are is forgiven.
        if begin >= clock[-1] or stop > clock[-1] + (clock[-1] - clock[-2]) * (unit == "seconds"):
            raise _beyond(table, row, end, stop, frames)
        first, last = bisect_left(clock, begin), bisect_left(clock, stop)
        for number in range(first, min(last, len(frames))):
            said[number] = _label(table, row, label)
    return said


def _clock(
    table: Table, row: int, column: str, frames: list[Frame], unit: str
) -> tuple[list[float], Callable[[Table, int, str], float]]:
    """When each frame begins and the last one ends, in the unit of the table, and its reader."""
    if unit == "frames":
        return [float(number) for number in range(len(frames) + 1)], _whole_number
    times = [frame.time for frame in frames if frame.time is not None]
    if not times:
        raise _wrong(
            table,
            row,
            column,
            "a folder of images has no clock: give start and end as numbers of frames, with "
            "unit='frames'.",
        )
    mean = (times[-1] - times[0]) / (len(times) - 1) if len(times) > 1 else 1.0
    return [*times, times[-1] + mean], _seconds


def _whole_number(table: Table, row: int, column: str) -> int:
    value = table[column][row]
    number = _number(value)
    if not (number >= 0 and number.is_integer()):
        seconds = " For seconds pass unit='seconds'." if number >= 0 else ""
        raise _wrong(
            table,
            row,
            column,
            f"the number of a frame was expected, from 0 on, not {value!r:.40}.{seconds}",
        )
    return int(number)


def _seconds(table: Table, row: int, column: str) -> float:
    value = table[column][row]
    number = _number(value)
    if not 0 <= number < math.inf:
        raise _wrong(table, row, column, f"seconds were expected, not {value!r:.40}.")
    return number


def _number(value: Value) -> float:
    """NaN where it is none."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _label(table: Table, row: int, column: str) -> Value:
    value = table[column][row]
    return None if _is_blank(value) else value


def _is_blank(value: Value) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _beyond(table: Table, row: int, column: str, given: float, frames: list[Frame]) -> DataError:
    last = frames[-1]
    seconds = "" if last.time is None else f", the last at {last.time:.2f} seconds"
    return _wrong(
        table,
        row,
        column,
        f"{given} lies beyond the end of the video, which has {len(frames)} frames (0 to "
        f"{last.number}{seconds}).",
    )


def _wrong(table: Table, row: int, column: str, message: str) -> DataError:
    return DataError(message, path=table.path, line=table.lines[row], column=column)
