"""The options of commands that are no options of estimators, with their help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rnnkit.recurrence import NO_CELL, by_name, cell_names


def cells_to_compare() -> list[str]:
    """Those that `compare` takes unless it is told: all but variants of another, and none.

    >>> cells_to_compare()
    ['none', 'rnn', 'gru', 'lstm']
    """
    return [NO_CELL, *(name for name in cell_names() if not by_name(name).variant)]


TRAINING = "Training"
NETWORK = "Network"
DATA = "Data"


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
Texts = Annotated[
    str | None,
    typer.Option(
        "--text",
        "--source",
        "--form",
        metavar="COLUMN",
        help="Column of a table that holds the texts (default: text).",
    ),
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
Feature = Annotated[
    list[str] | None,
    typer.Option(
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


Epochs = Annotated[int | None, typer.Option(min=1, help="Passes over the data.")]
Seed = Annotated[int | None, typer.Option(min=0, help="Seed of all that is random.")]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME=VALUE",
        help="Any other option of the estimator; may be repeated.",
        rich_help_panel=TRAINING,
    ),
]

BeamSize = Annotated[
    int | None, typer.Option(min=1, help="Sentences that a search keeps; 1 is greedy.")
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="No progress.")]
Json = Annotated[bool, typer.Option("--json", help="JSON, for machines.")]
