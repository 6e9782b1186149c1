"""What networks read: a batch of sequences, sentences or images, taken by index from numbers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnkit.batch import pack, pack_spellings
from rnnkit.codecs import Pictures, Sentences, Sequences
from rnnkit.codecs.images import alike
from rnnkit.packed import Packed
from rnnkit.vectorize import ImageVectorizer, SeriesVectorizer

__all__ = ["Source", "images_of", "source_of"]


class Source(NamedTuple):
    """What a network reads of a batch.

    x: packed ids (N, C), numbers (N, F) or frames (N, C, S, S). characters: packed (M, 1) ids of
    the batch's distinct words, and spelling: (N,) which of them each row is; None where nothing is
    spelled.
    """

    x: Packed
    characters: Packed | None = None
    spelling: Tensor | None = None


def source_of(numbers: Sequences, indices: np.ndarray) -> Source:
    """The chosen sequences; each distinct word is spelled once."""
    x = pack(alike([numbers.rows[i] for i in indices]))
    if not isinstance(numbers, Sentences):
        return Source(x)
    forms = [numbers.forms[i] for i in indices]
    return Source(x, *pack_spellings(forms, numbers.spellings, x))


def images_of(
    vectorizer: ImageVectorizer | SeriesVectorizer,
    numbers: Pictures | Sequences,
    indices: np.ndarray,
) -> Tensor | Packed:
    """The chosen images, (B, C, S, S) scaled, or the features of their places, packed."""
    if isinstance(numbers, Sequences):
        return source_of(numbers, indices).x
    assert isinstance(vectorizer, ImageVectorizer)
    return torch.as_tensor(vectorizer.batch([numbers.arrays[i] for i in indices]))
