"""The options that several commands share, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.recurrence import NO_CELL, by_name, cell_names, describe

TRAINING = "Training"
NETWORK = "Network"
DATA = "Data"


def cells_to_compare() -> list[str]:
    """Those that `compare` takes unless it is told: all but variants of another, and none.

    >>> cells_to_compare()
    ['none', 'rnn', 'gru', 'lstm']
    """
    return [NO_CELL, *(name for name in cell_names() if not by_name(name).variant)]


DataFile = Annotated[Path, typer.Argument(metavar="DATA", help="File to learn from.")]
Model = Annotated[Path, typer.Argument(metavar="MODEL", help="File that `train` saved.")]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="MODEL", help="File to save to.")]
Valid = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Watch this file, not a share of DATA.", rich_help_panel=DATA
    ),
]

Test = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Test with this file, not a fifth of DATA.", rich_help_panel=DATA
    ),
]
Cells = Annotated[
    list[str] | None,
    typer.Option(
        "--cell",
        metavar="CELL",
        help=f"A cell to compare; may be repeated (default: {', '.join(cells_to_compare())}).",
        rich_help_panel=NETWORK,
    ),
]

Text = Annotated[
    str | None, typer.Option(metavar="COLUMN", help="Texts (default: text).", rich_help_panel=DATA)
]
Label = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Labels (default: label).", rich_help_panel=DATA),
]
Form = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Words (CoNLL-U: form; JSONL: tokens; else: 0).",
        rich_help_panel=DATA,
    ),
]
Tag = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Tags (CoNLL-U: upos; JSONL: tags; else: -1).",
        rich_help_panel=DATA,
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Texts (default: the first column, no header).", rich_help_panel=DATA
    ),
]
Target = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Translations (default: the second column, no header).",
        rich_help_panel=DATA,
    ),
]
TargetFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Translations of DATA's lines, line by line.", rich_help_panel=DATA
    ),
]
ValidTargetFile = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="The same for --valid.", rich_help_panel=DATA),
]

Image = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Files (default: image).", rich_help_panel=DATA),
]
CaptionColumn = Annotated[
    str | None,
    typer.Option(metavar="COLUMN", help="Captions (default: caption).", rich_help_panel=DATA),
]
Folder = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Where the images or videos are (default: beside DATA).",
        rich_help_panel=DATA,
    ),
]
ImageSize = Annotated[
    int | None,
    typer.Option(min=1, help="Pixels of a side.", rich_help_panel=NETWORK),
]
Augment = Annotated[
    str | None,
    typer.Option(
        metavar="WAY",
        help="Of images and videos: shift, flip or shift-flip.",
        rich_help_panel=TRAINING,
    ),
]

Clip = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Video files, or folders of images (default: clip).",
        rich_help_panel=DATA,
    ),
]
Frame = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Number of the frame that a row labels, from 0 (default: frame, if there is one).",
        rich_help_panel=DATA,
    ),
]
Start = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Where the segment begins that a row labels (default: start).",
        rich_help_panel=DATA,
    ),
]
End = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="Where it ends: the first frame that is no part of it (default: end).",
        rich_help_panel=DATA,
    ),
]
Unit = Annotated[
    str | None,
    typer.Option(
        metavar="UNIT", help="Of both: frames (default) or seconds.", rich_help_panel=DATA
    ),
]
Every = Annotated[
    int | None,
    typer.Option(min=1, help="Keep the first of so many frames.", rich_help_panel=DATA),
]
Fps = Annotated[
    float | None,
    typer.Option(min=0.0, help="Keep so many frames a second.", rich_help_panel=DATA),
]

Id = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN", help="Whose step a row is, such as a firm.", rich_help_panel=DATA
    ),
]
Time = Annotated[
    str | None,
    typer.Option(
        metavar="COLUMN",
        help="When: numbers or dates (default: as it stands).",
        rich_help_panel=DATA,
    ),
]
Features = Annotated[
    list[str] | None,
    typer.Option(
        "--feature",
        metavar="COLUMN",
        help="A column of numbers; may be repeated (default: all others).",
        rich_help_panel=DATA,
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        metavar="COLUMN", help="A column to leave out; may be repeated.", rich_help_panel=DATA
    ),
]

Cell = Annotated[
    str | None,
    typer.Option(
        metavar="CELL",
        help=f"{', '.join(cell_names())}, or {describe(NO_CELL)}.",
        rich_help_panel=NETWORK,
    ),
]
Level = Annotated[
    str | None,
    typer.Option(
        metavar="LEVEL", help="A step of a text: word, char or jamo.", rich_help_panel=NETWORK
    ),
]
LanguageModel = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL",
        help="A language model of `train language` whose words and layers training begins with.",
        rich_help_panel=NETWORK,
    ),
]
HiddenSize = Annotated[
    int | None, typer.Option(min=1, help="Units of a layer.", rich_help_panel=NETWORK)
]
EmbeddingSize = Annotated[
    int | None, typer.Option(min=1, help="Numbers of a token or a frame.", rich_help_panel=NETWORK)
]
Layers = Annotated[
    int | None, typer.Option(min=1, help="Recurrent layers.", rich_help_panel=NETWORK)
]
Dropout = Annotated[
    float | None, typer.Option(min=0.0, help="Share dropped, below 1.", rich_help_panel=NETWORK)
]
MaxLength = Annotated[
    int | None,
    typer.Option(min=1, help="Steps of a text that are kept.", rich_help_panel=NETWORK),
]

Epochs = Annotated[
    int | None, typer.Option(min=1, help="Passes over the data.", rich_help_panel=TRAINING)
]
BatchSize = Annotated[
    int | None, typer.Option(min=1, help="Examples of a step.", rich_help_panel=TRAINING)
]
Lr = Annotated[float | None, typer.Option(min=0.0, help="Learning rate.", rich_help_panel=TRAINING)]
Bptt = Annotated[
    str | None,
    typer.Option(
        metavar="TEXT",
        help="How far gradients go back: full, truncated(50, 100), checkpointed, "
        "randomtruncated(50).",
        rich_help_panel=TRAINING,
    ),
]
BpttSteps = Annotated[
    int | None,
    typer.Option(min=1, help="Steps of a window, the state carried.", rich_help_panel=TRAINING),
]
UpdateEvery = Annotated[
    int | None,
    typer.Option(
        min=1,
        help="Steps between two updates of long series or videos, the state carried.",
        rich_help_panel=TRAINING,
    ),
]
Patience = Annotated[
    int | None,
    typer.Option(
        min=1, help="Stop after so many epochs that are no better.", rich_help_panel=TRAINING
    ),
]
Seed = Annotated[
    int | None,
    typer.Option(min=0, help="Of all randomness (default: 0).", rich_help_panel=TRAINING),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other parameter of the estimator; may be repeated.",
        rich_help_panel=TRAINING,
    ),
]

BeamSize = Annotated[int | None, typer.Option(min=1, help="Beam of a translation; 1 is greedy.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for machines.")]
