"""Numbers to batches of tensors, one kind for each form of task."""

from rnnkit.tasks.batches.sentences import CaptionBatch, Forced, TranslatorBatch, teacher_forced
from rnnkit.tasks.batches.source import Source, images_of, source_of
from rnnkit.tasks.batches.steps import (
    Carry,
    StepBatch,
    WindowedBatches,
    encoded_steps,
    in_windows,
    outputs_of,
)
from rnnkit.tasks.batches.texts import TextWindows

__all__ = [
    "CaptionBatch",
    "Carry",
    "Forced",
    "Source",
    "StepBatch",
    "TextWindows",
    "TranslatorBatch",
    "WindowedBatches",
    "encoded_steps",
    "images_of",
    "in_windows",
    "outputs_of",
    "source_of",
    "teacher_forced",
]
