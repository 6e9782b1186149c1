"""What can be trained from the command line: for each task its estimator and its options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rnnkit.cli import options as opt
from rnnkit.errors import OptionError

__all__ = ["FRAMES", "SERIES", "SPECS", "TRAINING", "Spec", "all_columns", "own_columns"]


@dataclass(frozen=True)
class Spec:
    """One command of `rnnkit train`.

    estimator: its name in `rnnkit.tasks`. noun: what its examples are called.
    columns: options that say where in a file the examples are, by name.
    score: what the estimator's `score` is called.
    labels: what takes a target apart into its labels; None where it has none.
    step: what each label is of, where an example has several.
    parameters: its own options, with the estimator's parameters that each one sets.
    fixed: what the task itself says of the estimator's parameters.
    valid_columns: those of `columns` that a file to validate with has of its own, and their option.
    """

    name: str
    help: str
    estimator: str
    noun: str
    columns: Mapping[str, Any]
    score: str = "accuracy"
    labels: Callable[[Any], list[Any]] | None = None
    step: str = "token"
    parameters: Mapping[str, tuple[Any, tuple[str, ...]]] = field(default_factory=dict)
    fixed: Mapping[str, Any] = field(default_factory=dict)
    valid_columns: Mapping[str, tuple[str, Any]] = field(default_factory=dict)


# Options of every task that trains, and the parameter that each one sets.
TRAINING: dict[str, tuple[Any, tuple[str, ...]]] = {
    "cell": (opt.Cell, ("cell",)),
    "hidden_size": (opt.HiddenSize, ("hidden_size",)),
    "embedding_size": (opt.EmbeddingSize, ("embedding_size",)),
    "layers": (opt.Layers, ("num_layers",)),
    "dropout": (opt.Dropout, ("dropout",)),
    "epochs": (opt.Epochs, ("max_epochs",)),
    "batch_size": (opt.BatchSize, ("batch_size",)),
    "lr": (opt.Lr, ("lr",)),
    "bptt": (opt.Bptt, ("bptt",)),
    "patience": (opt.Patience, ("patience",)),
    "seed": (opt.Seed, ("random_state",)),
}


def _one(label: Any) -> list[Any]:
    return [label]


def _given(labels: list[Any]) -> list[Any]:
    return [label for label in labels if label is not None]


# Which frames of a video are read.
FRAMES = {"every": opt.Every, "fps": opt.Fps}

SERIES = {"id": opt.Id, "time": opt.Time, "features": opt.Features, "ignore": opt.Ignore}

SPECS: dict[str, Spec] = {
    spec.name: spec
    for spec in (
        Spec(
            "classify",
            "A label for each text of a table (CSV, TSV, JSONL, Parquet).",
            "SequenceClassifier",
            "texts",
            {"text": opt.Text, "label": opt.Label},
            labels=_one,
            step="",
            parameters={
                "level": (opt.Level, ("level",)),
                "max_length": (opt.MaxLength, ("max_length",)),
                "language_model": (opt.LanguageModel, ("language_model",)),
            },
        ),
        Spec(
            "tag",
            "A tag for each word of a sentence (CoNLL-U, columns, or lists in JSONL).",
            "SequenceTagger",
            "sentences",
            {"form": opt.Form, "tag": opt.Tag},
            labels=list,
        ),
        Spec(
            "translate",
            "A translation for each text: two columns of a table, or two files line by line.",
            "Translator",
            "pairs",
            {"source": opt.Source, "target": opt.Target, "target_file": opt.TargetFile},
            score="chrF",
            parameters={
                "level": (opt.Level, ("source_level", "target_level")),
                "max_length": (opt.MaxLength, ("max_length",)),
            },
            valid_columns={"target_file": ("valid_target_file", opt.ValidTargetFile)},
        ),
        Spec(
            "series",
            "A label for each series: a table with a row a step, or a .ts file.",
            "SequenceClassifier",
            "series",
            {**SERIES, "label": opt.Label},
            labels=_one,
            step="",
            fixed={"inputs": "series"},
        ),
        Spec(
            "forecast",
            "The next step of series, from a table with a row a step or a .ts file.",
            "SequenceRegressor",
            "series",
            SERIES,
            score="R^2",
            parameters={"update_every": (opt.UpdateEvery, ("update_every",))},
            fixed={"inputs": "series", "output": "step"},
        ),
        Spec(
            "caption",
            "A sentence for each image: a table of files and captions, or COCO's JSON.",
            "Captioner",
            "images",
            {"image": opt.Image, "caption": opt.CaptionColumn, "folder": opt.Folder},
            score="chrF",
            parameters={
                "level": (opt.Level, ("target_level",)),
                "image_size": (opt.ImageSize, ("image_size",)),
                "augment": (opt.Augment, ("augment",)),
                "max_length": (opt.MaxLength, ("max_length",)),
            },
        ),
        Spec(
            "frames",
            "A label for each frame of videos: a table of frames or segments, and the videos.",
            "FrameTagger",
            "videos",
            {
                "clip": opt.Clip,
                "frame": opt.Frame,
                "start": opt.Start,
                "end": opt.End,
                "unit": opt.Unit,
                "label": opt.Label,
                "folder": opt.Folder,
                **FRAMES,
            },
            labels=_given,
            step="frame",
            parameters={
                "image_size": (opt.ImageSize, ("image_size",)),
                "augment": (opt.Augment, ("augment",)),
                "update_every": (opt.UpdateEvery, ("update_every",)),
            },
        ),
        Spec(
            "language",
            "What comes next in a text: a text file, or the texts of a table's column.",
            "LanguageModel",
            "lines",
            {"text": opt.Text},
            score="log-probability",
            parameters={
                "level": (opt.Level, ("level",)),
                "bptt_steps": (opt.BpttSteps, ("bptt_steps",)),
            },
        ),
    )
}


def all_columns() -> dict[str, Any]:
    """The options of all tasks that say where examples are, for commands that take any model."""
    return {name: option for spec in SPECS.values() for name, option in spec.columns.items()}


def own_columns(task: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of this task. Raises OptionError if one of another task's was given."""
    spec = SPECS[task]
    for name, value in options.items():
        if value and name not in spec.columns:
            wanted = ", ".join(f"--{column.replace('_', '-')}" for column in spec.columns)
            raise OptionError(
                f"--{name.replace('_', '-')} does not fit a {spec.estimator} of `train {task}`, "
                f"which takes {wanted}."
            )
    return {name: options[name] for name in spec.columns}
