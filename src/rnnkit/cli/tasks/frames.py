"""`frames`: a label for each frame of videos."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.cli import options as opt
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.tasks.labels import step_labels, step_report
from rnnkit.cli.tasks.task import Answer, Asked, Report, Task
from rnnkit.errors import InputError
from rnnkit.nest import Json

if TYPE_CHECKING:
    from rnnkit.data import Video
    from rnnkit.tasks import FrameTagger

__all__ = ["Frames"]

Labels = list[str | None]


class Frames(Task["FrameTagger", "Video", Labels]):
    """A table of frames or segments, and the videos."""

    name = "frames"
    help = "A label for each frame of videos: a table of frames or segments, and the videos."
    estimator = "FrameTagger"
    noun = "videos"
    step = "frame"
    options = ("image_size", "augment", "update_every")

    def read(
        self,
        path: Path,
        *,
        clip: opt.Clip,
        frame: opt.Frame,
        start: opt.Start,
        end: opt.End,
        unit: opt.Unit,
        label: opt.Label,
        folder: opt.Folder,
        every: opt.Every,
        fps: opt.Fps,
    ) -> Dataset[Video, Labels]:
        """Videos and the label (as a string) of each frame, None where it has none."""
        from rnnkit import data

        found = data.read_videos(
            path,
            folder,
            clip=clip or "clip",
            label=label or "label",
            frame=frame,
            start=start,
            end=end,
            unit=unit or "frames",
            every=every or 1,
            fps=fps,
        )
        labels = [[None if one is None else str(one) for one in row] for row in found.labels]
        return Dataset(found.videos, labels, found.lines, found.path, names=found.names)

    def predict(
        self,
        model: FrameTagger,
        inputs: Sequence[str],
        asked: Asked,
        *,
        every: opt.Every,
        fps: opt.Fps,
    ) -> Iterator[Answer]:
        """The label of each frame that is kept, of files and folders."""
        from rnnkit import data

        self.refuse_standard_input(inputs)
        if model.encoder == "none":
            raise InputError(
                "this model reads features of frames, which no command does. Use it from Python: "
                "rnnkit.load(...)."
            )
        for video in data.find_videos(*inputs, every=every or 1, fps=fps):
            yield _answer(model, video, asked)

    def labels(self, target: Labels) -> Sequence[str]:
        """Those that are there."""
        return [label for label in target if label is not None]

    def place(self, dataset: Dataset[Video, Labels], example: int, step: int) -> str:  # noqa: ARG002
        """The video."""
        name = "" if dataset.names is None else dataset.names[example]
        return f" (in {name}, which begins on this line)"

    def evaluate(self, model: FrameTagger, dataset: Dataset[Video, Labels]) -> Report:
        """Accuracy, macro-F1 and others of the labels."""
        return step_report(model, dataset.examples, dataset.y or (), self.step)


def _answer(model: FrameTagger, video: Video, asked: Asked) -> Answer:
    frames, pixels = video.read(size=model.image_size, channels=model.channels)
    (found,) = step_labels(model, [pixels])
    where: dict[str, Json] = {"frames": [one.number for one in frames]}
    if frames[0].time is not None:
        where["seconds"] = [one.time for one in frames]
    lines = [
        [str(label), f"{chance:.4f}", str(video), str(frame.number)]
        for frame, label, chance in zip(frames, found.labels, found.chances, strict=True)
    ]
    return Answer(lines, {"video": str(video), **where, **found.plain("labels", proba=asked.proba)})
