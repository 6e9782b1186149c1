"""Examples to numbers: texts, words, series, images and labels."""

from rnnkit.vectorize.affixes import AffixVectorizer
from rnnkit.vectorize.documents import DocumentVectorizer
from rnnkit.vectorize.features import LEVELS, TextVectorizer
from rnnkit.vectorize.images import ImageVectorizer
from rnnkit.vectorize.labels import LabelEncoder, labels_from_json, labels_to_json
from rnnkit.vectorize.sequences import pad_sequences
from rnnkit.vectorize.series import (
    MISSING,
    SCALES,
    IdVectorizer,
    SeriesVectorizer,
    carried_forward,
    used_steps,
)
from rnnkit.vectorize.subwords import SubwordVectorizer
from rnnkit.vectorize.text import (
    from_jamo,
    hashing_trick,
    normalize_text,
    one_hot,
    text_to_word_sequence,
    to_jamo,
)
from rnnkit.vectorize.tokenizer import Tokenizer, tokenizer_from_json
from rnnkit.vectorize.words import WordVectorizer

__all__ = [
    "LEVELS",
    "MISSING",
    "SCALES",
    "AffixVectorizer",
    "DocumentVectorizer",
    "IdVectorizer",
    "ImageVectorizer",
    "LabelEncoder",
    "SeriesVectorizer",
    "SubwordVectorizer",
    "TextVectorizer",
    "Tokenizer",
    "WordVectorizer",
    "carried_forward",
    "from_jamo",
    "hashing_trick",
    "labels_from_json",
    "labels_to_json",
    "normalize_text",
    "one_hot",
    "pad_sequences",
    "text_to_word_sequence",
    "to_jamo",
    "tokenizer_from_json",
    "used_steps",
]
