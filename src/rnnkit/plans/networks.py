"""What the networks of the estimators are made of. Sizes are numbers of features unless said."""

from __future__ import annotations

import math
from dataclasses import dataclass

from rnnkit.plans.plan import Plan

__all__ = [
    "Augmentation",
    "CaptionerPlan",
    "Characters",
    "ClassifierPlan",
    "ConvolutionalEncoder",
    "Decoder",
    "Encoder",
    "FixedWindow",
    "Frames",
    "GivenEncoder",
    "LanguagePlan",
    "Pooling",
    "TaggerPlan",
    "Tokens",
    "TranslatorPlan",
    "Words",
]


# -- what is read -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tokens(Plan):
    """Ids to vectors: one table a column of ids, of `sizes` rows each; a step's vectors add up."""

    sizes: tuple[int, ...]
    output_size: int
    rare_dropout: float = 0.0


@dataclass(frozen=True)
class Encoder(Plan):
    """A sequence to a sequence. cell: of `rnnkit.recurrence`, or "none" for the contrast, which
    sees `window` steps to either side, or before it alone."""

    cell: str
    input_size: int
    hidden_size: int
    num_layers: int = 1
    bidirectional: bool = True
    dropout: float = 0.0
    recurrent_dropout: float = 0.0
    window: int = 0

    @property
    def output_size(self) -> int:
        """Of each step."""
        both = self.bidirectional and self.cell != "none"
        return self.hidden_size * (2 if both else 1)


@dataclass(frozen=True)
class Characters(Plan):
    """A word to a vector, from its characters."""

    num_characters: int
    character_size: int
    hidden_size: int
    cell: str
    dropout: float = 0.0

    @property
    def encoder(self) -> Encoder:
        """What reads the characters; the contrast sees windows of three."""
        return Encoder(
            self.cell, self.character_size, self.hidden_size, dropout=self.dropout, window=1
        )

    @property
    def output_size(self) -> int:
        """Of each word."""
        return self.encoder.output_size


@dataclass(frozen=True)
class Words(Plan):
    """A word's own vector beside the one that its characters give."""

    words: Tokens
    characters: Characters

    @property
    def output_size(self) -> int:
        """Of each word."""
        return self.words.output_size + self.characters.output_size


@dataclass(frozen=True)
class ConvolutionalEncoder(Plan):
    """An image (channels, S, S) to features of its places; S is the image_size."""

    channels: int
    image_size: int
    output_size: int


@dataclass(frozen=True)
class GivenEncoder(Plan):
    """A module of the user's own in its place, which a file cannot hold.

    output_size: of a place; grid: (h, w), its places.
    """

    channels: int
    image_size: int
    output_size: int
    grid: tuple[int, ...]


@dataclass(frozen=True)
class Augmentation(Plan):
    """How images change in training: shifted by up to so many pixels, mirrored."""

    shift: int
    flip: bool


@dataclass(frozen=True)
class Frames(Plan):
    """A vector for each frame of videos. mean, deviation: of each channel, to scale by."""

    encoder: ConvolutionalEncoder | GivenEncoder
    output_size: int
    mean: tuple[float, ...]
    deviation: tuple[float, ...]
    augmentation: Augmentation | None = None


# -- a sequence to one vector -------------------------------------------------------------------


@dataclass(frozen=True)
class Pooling(Plan):
    """An encoder, and one vector of all its steps: "last", "mean", "max" or "mean-max"."""

    encoder: Encoder
    pooling: str

    @property
    def output_size(self) -> int:
        """Of the vector."""
        return self.encoder.output_size * (2 if self.pooling == "mean-max" else 1)


@dataclass(frozen=True)
class FixedWindow(Plan):
    """The contrast of whole series: the last `steps` steps side by side, and a hidden layer."""

    input_size: int
    output_size: int
    steps: int
    dropout: float = 0.0


# -- whole networks -----------------------------------------------------------------------------


@dataclass(frozen=True)
class ClassifierPlan(Plan):
    """Many to one: `outputs` numbers for each sequence. embedding: None where numbers come."""

    embedding: Tokens | None
    body: Pooling | FixedWindow
    outputs: int
    dropout: float = 0.0


@dataclass(frozen=True)
class TaggerPlan(Plan):
    """Many to many, aligned: `outputs` numbers for each step. embedding: None where numbers come.
    crf: whether a label depends on the one before."""

    embedding: Words | Tokens | Frames | None
    encoder: Encoder
    outputs: int
    crf: bool = False


@dataclass(frozen=True)
class LanguagePlan(Plan):
    """What comes next after each token. tied: one matrix for input and output."""

    embedding: Tokens
    encoder: Encoder
    tied: bool = True


@dataclass(frozen=True)
class Decoder(Plan):
    """A sentence token by token, looking back at a memory.

    memory_size: of each place of the memory. summary_size: of what the first state is made of.
    window: tokens that the contrast sees.
    """

    vocabulary_size: int
    embedding_size: int
    hidden_size: int
    memory_size: int
    summary_size: int
    cell: str = "lstm"
    num_layers: int = 1
    attention: str = "additive"
    input_feeding: bool = True
    tied: bool = True
    dropout: float = 0.0
    window: int = 3
    scheduled_sampling: float = 0.0


@dataclass(frozen=True)
class TranslatorPlan(Plan):
    """Many to many, unaligned."""

    embedding: Words | Tokens
    encoder: Encoder
    decoder: Decoder


@dataclass(frozen=True)
class CaptionerPlan(Plan):
    """One to many: an image to a sentence. encoder: None where features come.
    summary: "mean" of the places, or all "places" side by side."""

    encoder: ConvolutionalEncoder | GivenEncoder | None
    decoder: Decoder
    augmentation: Augmentation | None = None
    dropout: float = 0.0
    summary: str = "mean"


# A grid of features is halved down to this many places a side, or fewer.
GRID = 7


def conv_grid(image_size: int) -> tuple[int, tuple[int, int]]:
    """How many blocks halve an image of this side, and the grid (h, w) of places that is left.

    >>> conv_grid(64)
    (4, (4, 4))
    """
    blocks, side = 0, image_size
    while side > GRID or not blocks:
        blocks, side = blocks + 1, (side + 1) // 2
    return blocks, (side, side)


def num_places(encoder: ConvolutionalEncoder | GivenEncoder) -> int:
    """Places of an image that have features each."""
    grid = encoder.grid if isinstance(encoder, GivenEncoder) else conv_grid(encoder.image_size)[1]
    return math.prod(grid)
