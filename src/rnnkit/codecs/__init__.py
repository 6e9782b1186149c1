"""Raw examples to numbers, and answers back: one codec an estimator, on numpy alone."""

from rnnkit.codecs.captioner import CaptionerCodec
from rnnkit.codecs.classifier import ClassifierCodec
from rnnkit.codecs.codec import AnyExamples, Codec, Examples, Given, Sentences, Sequences
from rnnkit.codecs.forecaster import ForecasterCodec
from rnnkit.codecs.frames import FrameCodec
from rnnkit.codecs.images import Pictures
from rnnkit.codecs.labels import NO_LABEL, Labels, class_weights
from rnnkit.codecs.language import LanguageCodec
from rnnkit.codecs.reading import required
from rnnkit.codecs.regressor import RegressorCodec
from rnnkit.codecs.sequences import SequenceCodec
from rnnkit.codecs.tagger import StepLabelCodec, TaggerCodec
from rnnkit.codecs.translator import TranslatorCodec

__all__ = [
    "NO_LABEL",
    "AnyExamples",
    "CaptionerCodec",
    "ClassifierCodec",
    "Codec",
    "Examples",
    "ForecasterCodec",
    "FrameCodec",
    "Given",
    "Labels",
    "LanguageCodec",
    "Pictures",
    "RegressorCodec",
    "Sentences",
    "SequenceCodec",
    "Sequences",
    "StepLabelCodec",
    "TaggerCodec",
    "TranslatorCodec",
    "class_weights",
    "required",
]
