"""Options of what is read: texts, series, images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from rnnkit.options.domains import Anything, Choice, Flag, Function, PathName, Whole
from rnnkit.options.names import AUGMENTATIONS, IMAGE_ENCODERS, INPUTS
from rnnkit.options.table import DATA, NETWORK, TRAINING, option, options
from rnnkit.vectorize.features import LEVELS
from rnnkit.vectorize.series import MISSING, SCALES
from rnnkit.vectorize.text import FORMS

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "Images",
    "Inputs",
    "LanguageStart",
    "Series",
    "TargetVocabulary",
    "Texts",
    "Vocabulary",
]


@options
class Inputs:
    """Which kind of sequences comes."""

    inputs: str = option(
        "auto",
        "what X holds; 'auto' takes strings as text, lists of strings as tokens, and numbers as "
        "series",
        Choice(INPUTS),
        group=DATA,
    )


@options
class Vocabulary:
    """Which tokens of a text are known."""

    lower: bool = option(True, "whether texts are lowered", Flag(), group=DATA)
    normalize: str | None = option(
        None, "Unicode's normal form that texts are brought to", Choice(FORMS), group=DATA
    )
    min_count: int = option(
        1, "tokens that training saw less often are unknown", Whole(1), group=DATA
    )


@options
class Texts(Vocabulary):
    """Texts as steps of words, characters or jamo, with what stands around each."""

    level: str = option("word", "what a step of a text is", Choice(LEVELS), group=DATA)
    analyzer: Callable[[str], list[str]] | None = option(
        None,
        "a function of your own that splits a text into tokens",
        Function(),
        group=DATA,
    )
    num_words: int | None = option(
        None, "keep the indices below it, as Keras' Tokenizer does", Whole(1), group=DATA
    )
    ngrams: int = option(
        1, "add hashed n-grams of up to so many tokens to each step", Whole(1), group=DATA
    )
    whole_words: bool = option(
        False, "add the hashed word to each character, with level='char'", Flag(), group=DATA
    )
    buckets: int = option(2**16, "of each hashed column", Whole(1), group=DATA)
    max_length: int | None = option(None, "steps kept of a text", Whole(1), group=DATA)
    truncating: str = option(
        "pre",
        "where a longer text loses steps: at its beginning ('pre') or end ('post')",
        Choice(("pre", "post")),
        group=DATA,
    )


@options
class Series:
    """Series of numbers."""

    scale: str = option(
        "standard",
        "how numbers of series are scaled, with the training data's figures: 'standard' to mean 0 "
        "and deviation 1, 'signed-log' by logarithms before that, for amounts of all sizes",
        Choice(SCALES),
        group=DATA,
    )
    missing: str = option(
        "mask",
        "what a NaN inside a series is: 'mask' reads the last value before it and tells the "
        "network that it was missing, 'refuse' is an error",
        Choice(MISSING),
        group=DATA,
    )


@options
class LanguageStart:
    """A network that begins with what a language model has learnt."""

    language_model: str | Path | None = option(
        None,
        "the file of a LanguageModel of the same level, cell and sizes, with whose words and "
        "layers training begins (Dai & Le 2015); texts are then read as it reads them",
        PathName(),
        group=NETWORK,
    )


@options
class TargetVocabulary:
    """Which tokens of answers are known."""

    target_num_words: int | None = option(
        None, "keep the target's indices below it", Whole(1), group=DATA
    )


@options
class Images:
    """Images, or features of images that were computed elsewhere."""

    encoder: str | nn.Module = option(
        "conv",
        "what makes features of an image: 'conv', trained from scratch; 'none' where X holds "
        "features; or a torch module from (B, C, S, S) to (B, M) or (B, M, h, w)",
        Anything("one of " + ", ".join(map(repr, IMAGE_ENCODERS)) + ", or a torch module", str),
        group=NETWORK,
    )
    encoder_size: int = option(
        256, "features of a place, with encoder='conv'", Whole(1), group=NETWORK
    )
    image_size: int = option(
        64, "pixels of a side that images are brought to", Whole(1), group=DATA
    )
    channels: int = option(3, "3 is RGB, 1 is gray", Anything("1 or 3", int), group=DATA)
    augment: str | None = option(
        None,
        "how images change in training: 'shift' by up to an eighth, 'flip' left to right",
        Choice(AUGMENTATIONS),
        group=TRAINING,
    )
