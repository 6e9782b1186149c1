"""Options to the parts of plans that several estimators share."""

from __future__ import annotations

import copy
from typing import Protocol

from torch import nn

from rnnkit import plans
from rnnkit.errors import OptionError, check_option
from rnnkit.networks import GivenEncoder
from rnnkit.options.inputs import Images
from rnnkit.options.names import IMAGE_ENCODERS
from rnnkit.vectorize import WordVectorizer

__all__ = [
    "AROUND_A_SOURCE",
    "AROUND_A_WORD",
    "BEFORE_EACH_STEP",
    "LAST_TOKENS",
    "augmentation",
    "check_images",
    "encoder",
    "image_encoder",
    "spelled",
    "token_vectors",
]

# What the feed-forward contrast of cell="none" sees, in steps.
BEFORE_EACH_STEP = 4  # of a series with an answer at each step
AROUND_A_WORD = 2  # to either side of what is tagged
AROUND_A_SOURCE = 3  # to either side of a source's step
LAST_TOKENS = 3  # of a sentence that is said

# Of an image's side: how far "shift" goes.
SHIFT = 1 / 8


def encoder(
    options: _Encoded, input_size: int, *, bidirectional: bool, window: int
) -> plans.Encoder:
    """The recurrent layers. window: what the contrast sees."""
    return plans.Encoder(
        options.cell,
        input_size,
        options.hidden_size,
        num_layers=options.num_layers,
        bidirectional=bidirectional,
        dropout=options.dropout,
        recurrent_dropout=options.recurrent_dropout,
        window=window,
    )


def token_vectors(options: _Embedded, sizes: list[int]) -> plans.Tokens:
    """The vectors of ids in columns of these sizes."""
    return plans.Tokens(tuple(sizes), options.embedding_size, options.rare_dropout)


def spelled(options: _Spelled, words: plans.Tokens, vectorizer: WordVectorizer) -> plans.Words:
    """The vectors of words beside those that their spelling gives."""
    return plans.Words(
        words,
        plans.Characters(
            vectorizer.num_characters,
            options.character_size,
            options.character_hidden_size,
            options.cell,
            # On either side of the characters a quarter of what the whole network drops.
            options.dropout / 4,
        ),
    )


def image_encoder(options: Images) -> plans.ConvolutionalEncoder | plans.GivenEncoder:
    """What makes features of images."""
    channels, side = options.channels, options.image_size
    if not isinstance(options.encoder, nn.Module):
        return plans.ConvolutionalEncoder(channels, side, options.encoder_size)
    # What it returns is found by asking it.
    asked = GivenEncoder(copy.deepcopy(options.encoder), channels, side)
    return plans.GivenEncoder(channels, side, asked.output_size, asked.grid)


def augmentation(options: Images) -> plans.Augmentation | None:
    """How images change in training."""
    if options.augment is None:
        return None
    shift = max(1, int(options.image_size * SHIFT)) if "shift" in options.augment else 0
    return plans.Augmentation(shift, "flip" in options.augment)


def check_images(options: Images) -> None:
    """Raise OptionError where the options of images do not go together."""
    if not isinstance(options.encoder, nn.Module):
        check_option("encoder", options.encoder, IMAGE_ENCODERS)
    if options.augment is not None and options.encoder == "none":
        raise OptionError(
            f"augment={options.augment!r} is for images, but with encoder='none' features come."
        )


class _Encoded(Protocol):
    """What `encoder` reads of options."""

    cell: str
    hidden_size: int
    num_layers: int
    dropout: float
    recurrent_dropout: float


class _Embedded(Protocol):
    """What `token_vectors` reads of options."""

    embedding_size: int
    rare_dropout: float


class _Spelled(Protocol):
    """What `spelled` reads of options."""

    cell: str
    dropout: float
    character_size: int
    character_hidden_size: int
