"""Answers in sentences: searches, draws, where a decoder looked."""

from rnnkit.tasks.sentences.alignment import Alignment, alignment_of, places_of
from rnnkit.tasks.sentences.estimator import SentenceEstimator, forced_of
from rnnkit.tasks.sentences.scheduled import OwnTokens
from rnnkit.tasks.sentences.search import Draw, Search, Sentence

__all__ = [
    "Alignment",
    "Draw",
    "OwnTokens",
    "Search",
    "Sentence",
    "SentenceEstimator",
    "alignment_of",
    "forced_of",
    "places_of",
]
