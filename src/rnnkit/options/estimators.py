"""The options of each estimator: what they share, and what is its own or has another default.

They import no torch, so that the command line can show them at once.
"""

from __future__ import annotations

from rnnkit.options.domains import Choice, Flag, Share, Whole
from rnnkit.options.inputs import (
    Images,
    Inputs,
    LanguageStart,
    Series,
    TargetVocabulary,
    Texts,
    Vocabulary,
)
from rnnkit.options.names import OUTPUTS, SUMMARIES
from rnnkit.options.networks import (
    Bidirectional,
    Decoder,
    Network,
    Path,
    Pooling,
    RareDropout,
    RecurrentDropout,
    Speller,
)
from rnnkit.options.table import DATA, NETWORK, TRAINING, option, options
from rnnkit.options.training import ClassWeights, LabelSmoothing, Training, Windows
from rnnkit.vectorize.documents import END_MARKS
from rnnkit.vectorize.features import LEVELS

__all__ = [
    "ESTIMATORS",
    "CaptionerOptions",
    "ClassifierOptions",
    "FrameTaggerOptions",
    "LanguageModelOptions",
    "RegressorOptions",
    "SequenceOptions",
    "TaggerOptions",
    "TranslatorOptions",
]

SUBWORD = "subword"

ACCURACY_OR_LOSS = Choice(("loss", "accuracy"))
BEST = "which figure of held-out examples says the best epoch"


@options
class SequenceOptions(
    RareDropout,
    RecurrentDropout,
    Pooling,
    Network,
    Series,
    Texts,
    Inputs,
    Training,
):
    """Options of every estimator that reads texts, series or ids with one recurrent network."""


@options
class ClassifierOptions(
    ClassWeights,
    LabelSmoothing,
    LanguageStart,
    Bidirectional,
    SequenceOptions,
):
    """Options of `rnnkit.SequenceClassifier`."""

    monitor: str = option("accuracy", BEST, ACCURACY_OR_LOSS)


@options
class RegressorOptions(
    Windows,
    LanguageStart,
    SequenceOptions,
):
    """Options of `rnnkit.SequenceRegressor`."""

    output: str = option(
        "last",
        "'last' is one answer for each series, 'step' one for each of its steps",
        Choice(OUTPUTS),
        group=NETWORK,
    )
    differences: bool = option(
        True,
        "of forecasts: whether the network says by how much the next value differs from this one",
        Flag(),
        group=NETWORK,
    )
    bidirectional: bool | None = option(
        None,
        "whether sequences are read from both ends; None is True with output='last' and False "
        "with 'step'",
        Flag(),
        group=NETWORK,
    )
    dropout: float = 0.0
    max_epochs: int = 20


@options
class TaggerOptions(
    ClassWeights,
    LabelSmoothing,
    Windows,
    RareDropout,
    RecurrentDropout,
    Path,
    Bidirectional,
    Speller,
    Network,
    Series,
    Vocabulary,
    Inputs,
    Training,
):
    """Options of `rnnkit.SequenceTagger`."""

    affixes: int = option(
        4,
        "the longest prefix and suffix of a word, in characters, that has a vector of its own; 0 "
        "for none",
        Whole(0),
        group=DATA,
    )
    character_size: int = option(
        32,
        "numbers of a character's vector; 0 reads no characters",
        Whole(0),
        group=NETWORK,
    )
    embedding_size: int = 100
    hidden_size: int = 160
    dropout: float = 0.5
    rare_dropout: float = 0.5
    lr: float = 3e-3
    max_epochs: int = 12
    monitor: str = option("accuracy", BEST, ACCURACY_OR_LOSS)


@options
class FrameTaggerOptions(
    ClassWeights,
    LabelSmoothing,
    Windows,
    RecurrentDropout,
    Path,
    Bidirectional,
    Images,
    Network,
    Training,
):
    """Options of `rnnkit.FrameTagger`."""

    window: int = option(
        0,
        "frames to either side that the contrast of cell='none' sees; 0 labels each frame by what "
        "it shows alone",
        Whole(0),
        group=NETWORK,
    )
    encoder_size: int = 64
    embedding_size: int = option(
        128, "numbers of a frame, to which its places are projected", Whole(1), group=NETWORK
    )
    hidden_size: int = 128
    dropout: float = 0.1
    batch_size: int = 4
    max_epochs: int = 20
    monitor: str = option("accuracy", BEST, ACCURACY_OR_LOSS)


@options
class LanguageModelOptions(
    RareDropout,
    RecurrentDropout,
    Network,
    Vocabulary,
    Training,
):
    """Options of `rnnkit.LanguageModel`."""

    level: str = option(
        "word",
        "what a step is: 'word' is split at white space, nothing filtered",
        Choice(LEVELS),
        group=DATA,
    )
    num_words: int | None = option(
        None, "keep the indices below it; other tokens are <unk>", Whole(1), group=DATA
    )
    end_mark: str = option(
        "auto",
        "after what an <eos> stands; 'auto' is after each text of a list, and in one string after "
        "each line of words",
        Choice(("auto", *END_MARKS)),
        group=DATA,
    )
    lower: bool = False
    embedding_size: int = 256
    hidden_size: int = 256
    num_layers: int = 2
    window: int = option(5, "tokens that the contrast of cell='none' sees", Whole(1), group=NETWORK)
    tied: bool = option(
        True, "one matrix for the input embedding and the output", Flag(), group=NETWORK
    )
    rare_dropout: float = 0.0
    lr: float = 3e-3
    bptt_steps: int = option(
        50, "steps of a window; the state is carried from one to the next", Whole(1)
    )
    clip_norm: float | None = 1.0
    monitor: str = option("loss", BEST, Choice(("loss", "perplexity")))


@options
class TranslatorOptions(
    LabelSmoothing,
    Decoder,
    RareDropout,
    RecurrentDropout,
    Speller,
    Network,
    TargetVocabulary,
    Vocabulary,
    Training,
):
    """Options of `rnnkit.Translator`."""

    source_level: str = option(
        "char",
        "what a step of the source is; a 'word' is spelled by its characters too",
        Choice((*LEVELS, SUBWORD)),
        group=DATA,
    )
    target_level: str = option(
        "char", "what a step of the target is", Choice((*LEVELS, SUBWORD)), group=DATA
    )
    subwords: int = option(8000, "size of a side's vocabulary of subwords", Whole(1), group=DATA)
    source_words: bool = option(
        True, "add the hashed word to each character of the source", Flag(), group=DATA
    )
    source_ngrams: int = option(
        3, "add hashed n-grams of up to so many characters of the source", Whole(1), group=DATA
    )
    buckets: int = option(2**15, "of each hashed column", Whole(1), group=DATA)
    lower: bool = option(False, "whether the source is lowered", Flag(), group=DATA)
    normalize: str | None = "NFC"
    embedding_size: int = 128
    hidden_size: int = 192
    dropout: float = 0.3
    scheduled_sampling: float = option(
        0.0,
        "the chance, rising from epoch to epoch up to this one, that the decoder reads its own "
        "token in training (Bengio et al. 2015)",
        Share(closed=True),
        group=TRAINING,
    )
    clip_norm: float | None = 1.0
    batch_size: int = 64
    max_epochs: int = 20
    validation_fraction: float = 0.05
    label_smoothing: float = 0.1


@options
class CaptionerOptions(
    LabelSmoothing,
    Decoder,
    Images,
    Network,
    TargetVocabulary,
    Training,
):
    """Options of `rnnkit.Captioner`."""

    summary: str = option(
        "mean",
        "what the decoder starts from: the 'mean' of the places' features, or all 'places' side "
        "by side, for pictures that tell by where things are",
        Choice(SUMMARIES),
        group=NETWORK,
    )
    target_level: str = option("word", "what a step of a caption is", Choice(LEVELS), group=DATA)
    lower: bool = option(False, "whether captions are lowered", Flag(), group=DATA)
    min_count: int = option(
        1, "tokens that training saw less often are unknown", Whole(1), group=DATA
    )
    embedding_size: int = 128
    hidden_size: int = 192
    attention: str = "additive"
    dropout: float = 0.3
    clip_norm: float | None = 1.0
    max_epochs: int = 20
    validation_fraction: float = 0.05
    label_smoothing: float = 0.1


ESTIMATORS: dict[str, type] = {
    "SequenceClassifier": ClassifierOptions,
    "SequenceRegressor": RegressorOptions,
    "SequenceTagger": TaggerOptions,
    "FrameTagger": FrameTaggerOptions,
    "LanguageModel": LanguageModelOptions,
    "Translator": TranslatorOptions,
    "Captioner": CaptionerOptions,
}
"""For each estimator its options, without the estimator itself."""
