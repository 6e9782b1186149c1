"""How good captions are, and what captions cost nothing: a constant one, a neighbor's."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from sacrebleu.metrics.bleu import BLEU
from sacrebleu.metrics.chrf import CHRF
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from rnnkit.data import load_image
from rnnkit.errors import InputError
from rnnkit.tasks.pictures import read_captions_of, read_pictures
from rnnkit.vectorize import ImageVectorizer

__all__ = [
    "CaptionScores",
    "ConstantCaption",
    "NearestImage",
    "caption_words",
    "cider_d",
    "score_captions",
]

_WORD = re.compile(r"[\w'-]*\w")

MAX_ORDER, SIGMA = 4, 6.0

# So many rows of distances to all training images are held at once.
_ROWS = 256

Gram = tuple[str, ...]


@dataclass(frozen=True)
class CaptionScores:
    """What a corpus of captions reaches; all from 0 to 100, but cider, which starts at 0.

    bleu: BLEU-4 of the corpus, the closest reference's length (Papineni et al. 2002).
    cider: CIDEr-D times 100, as it is usually told (Vedantam, Zitnick & Parikh 2015).
    chrf: character n-gram F-score against the best reference of each (Popovic 2015).
    exact: percent of the captions that equal one of their references.
    BLEU, CIDEr-D and exact compare `caption_words`; chrF the texts.
    """

    count: int
    bleu: float
    cider: float
    chrf: float
    exact: float
    bleu_signature: str
    chrf_signature: str


def score_captions(
    guesses: Sequence[str], references: Sequence[str | Sequence[str]]
) -> CaptionScores:
    """Corpus scores of captions, each with one reference or several.

    Raises InputError if there are none.

    >>> scores = score_captions(["a red box"], [["a red box .", "the box is red"]])
    >>> scores.exact, round(scores.chrf) > 50
    (100.0, True)
    """
    check_consistent_length(guesses, references)
    if len(guesses) == 0:
        raise InputError("there are no captions to score.")
    several = read_captions_of(references, "references")
    words = [caption_words(guess) for guess in guesses]
    known = [[caption_words(text) for text in texts] for texts in several]
    bleu = BLEU(tokenize="none", force=True)
    chrf = CHRF()
    found = bleu.corpus_score(
        [" ".join(one) for one in words],
        _columns([[" ".join(one) for one in texts] for texts in known]),
    )
    equal = sum(one in texts for one, texts in zip(words, known, strict=True))
    return CaptionScores(
        len(guesses),
        float(found.score),
        100 * float(np.mean(cider_d(guesses, several))),
        float(chrf.corpus_score(list(guesses), _columns(several)).score),
        100 * equal / len(guesses),
        str(bleu.get_signature()),
        str(chrf.get_signature()),
    )


def caption_words(text: str) -> list[str]:
    """What captions are compared by: words in lower case, without punctuation marks.

    >>> caption_words("A dog 's well-known bone .")
    ['a', 'dog', "'s", 'well-known', 'bone']
    """
    return _WORD.findall(text.lower())


def cider_d(guesses: Sequence[str], references: Sequence[str | Sequence[str]]) -> np.ndarray:
    """CIDEr-D of each caption, (n,): how many of the words go together that mark this image.

    CIDEr-D = 10 mean_n mean_j e^{-(l_c - l_j)^2 / (2 sigma^2)} min(g_c, g_j) . g_j / (|g_c| |g_j|)
    over n = 1..4 and the references j; g holds the count of each n-gram of `caption_words` times
    log(N / images whose references have it), l is a length in words, sigma = 6.
    Source: Vedantam, Zitnick & Parikh 2015, "CIDEr: Consensus-based Image Description Evaluation",
    equation 5 (counts in place of frequencies, as in the authors' code).
    With one image alone every n-gram is everywhere, and all is 0.

    >>> cider_d(["a red box", "a dog"], [["a red box"], ["a cat"]]).round(3).tolist()
    [7.5, 0.0]
    """
    several = read_captions_of(references, "references")
    known = [[_grams(caption_words(text)) for text in texts] for texts in several]
    found = Counter(
        gram for texts in known for gram in set().union(*(text.keys() for text in texts))
    )
    total = math.log(len(known))
    weights = {gram: total - math.log(count) for gram, count in found.items()}
    scores = []
    for guess, texts in zip(guesses, known, strict=True):
        grams = _grams(caption_words(guess))
        scores.append(10 * np.mean([_similarity(grams, one, weights, total) for one in texts]))
    return np.array(scores)


def _grams(words: Sequence[str]) -> Counter[Gram]:
    return Counter(
        tuple(words[i : i + n]) for n in range(1, MAX_ORDER + 1) for i in range(len(words) - n + 1)
    )


def _similarity(
    guess: Counter[Gram], reference: Counter[Gram], weights: dict[Gram, float], unknown: float
) -> float:
    """The mean over n of the clipped cosine, and a penalty of other lengths."""
    one, other = (
        {gram: count * weights.get(gram, unknown) for gram, count in side.items()}
        for side in (guess, reference)
    )
    dots, norms = np.zeros(MAX_ORDER), np.zeros((2, MAX_ORDER))
    for gram, value in one.items():
        dots[len(gram) - 1] += min(value, other.get(gram, 0.0)) * other.get(gram, 0.0)
    for row, side in enumerate((one, other)):
        for gram, value in side.items():
            norms[row, len(gram) - 1] += value**2
    scale = np.sqrt(norms[0] * norms[1])
    cosines = np.divide(dots, scale, out=np.zeros(MAX_ORDER), where=scale > 0)
    lengths = [sum(c for g, c in side.items() if len(g) == 1) for side in (guess, reference)]
    penalty = math.exp(-((lengths[0] - lengths[1]) ** 2) / (2 * SIGMA**2))
    return float(cosines.mean()) * penalty


def _columns(several: Sequence[Sequence[str]]) -> list[list[Any]]:
    """References as sacreBLEU takes them: the first of each, the second, ...; None where none."""
    most = max(map(len, several))
    return [[texts[i] if i < len(texts) else None for texts in several] for i in range(most)]


class ConstantCaption(BaseEstimator):  # type: ignore[misc]
    """The baseline that does not look: the most frequent caption of training, for every image.

    Of several that are as frequent, the one whose words are in most captions.

    >>> ConstantCaption().fit([0, 0, 0], ["a dog", ["a cat", "a dog"], "birds"]).predict([0, 0])
    ['a dog', 'a dog']
    """

    def fit(self, X: Any, y: Sequence[str | Sequence[str]]) -> Self:  # noqa: ARG002 - not looked at
        """Count the captions. Raises InputError if there are none."""
        captions = Counter(text for texts in read_captions_of(y, "y") for text in texts)
        words = Counter(word for text in captions for word in set(caption_words(text)))

        def rank(text: str) -> tuple[int, float]:
            known = [words[word] for word in caption_words(text)] or [0]
            return captions[text], sum(known) / len(known)

        self.caption_ = max(captions, key=rank)
        return self

    def predict(self, X: Sequence[Any]) -> list[str]:
        """The same for each image."""
        check_is_fitted(self, "caption_")
        return [self.caption_] * len(X)


class NearestImage(BaseEstimator):  # type: ignore[misc]
    """The baseline that only looks: copy the first caption of the image with the nearest pixels.

    Nearest is the least sum of squared differences, at `image_size` pixels a side.

    >>> night, day = np.zeros((4, 4), np.uint8), np.full((4, 4), 255, np.uint8)
    >>> NearestImage().fit([night, day], ["night", "day"]).predict([day - 50])
    ['day']
    """

    def __init__(self, *, image_size: int = 32, channels: int = 3) -> None:
        self.image_size = image_size
        self.channels = channels

    def fit(self, X: Any, y: Sequence[str | Sequence[str]]) -> Self:
        """Remember the images and captions."""
        images, captions = read_pictures(X), read_captions_of(y, "y")
        check_consistent_length(images, captions)
        self.vectorizer_ = ImageVectorizer(
            image_size=self.image_size, channels=self.channels, load=load_image
        ).fit(images)
        self.known_ = self._rows(images)
        self.captions_ = [texts[0] for texts in captions]
        return self

    def predict(self, X: Any) -> list[str]:
        """The caption of each image's nearest known one."""
        check_is_fitted(self, "known_")
        asked = self._rows(read_pictures(X))
        sizes = np.square(self.known_).sum(axis=1)
        copied: list[str] = []
        for start in range(0, len(asked), _ROWS):
            # |a - b|^2 without |a|^2, which is the same for all b.
            far = sizes - 2 * asked[start : start + _ROWS] @ self.known_.T
            copied += [self.captions_[row] for row in far.argmin(axis=1)]
        return copied

    def _rows(self, images: list[Any]) -> np.ndarray:
        """(n, C S S) float32."""
        rows: np.ndarray = self.vectorizer_.batch(self.vectorizer_.transform(images))
        return rows.reshape(len(images), -1)
