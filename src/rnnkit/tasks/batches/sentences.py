"""Batches of those that answer in sentences: inputs, and the targets that a decoder is given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from torch import Tensor

from rnnkit.batch import pack, pack_like
from rnnkit.codecs.sentences import BOUNDARY
from rnnkit.packed import Packed
from rnnkit.tasks.batches.source import Source

__all__ = ["CaptionBatch", "Forced", "TranslatorBatch", "teacher_forced"]


class Forced(NamedTuple):
    """inputs: packed (N,) target ids from the boundary on; targets: (N,) the ids that follow."""

    inputs: Packed
    targets: Tensor


class TranslatorBatch(NamedTuple):
    """source: what the encoder reads; forced: what the decoder is given, None in prediction."""

    source: Source
    forced: Forced | None = None


class CaptionBatch(NamedTuple):
    """images: (B, C, S, S), or packed features; rows: (R,) the image of each caption; forced: what
    the decoder is given. Both are None in prediction."""

    images: Tensor | Packed
    rows: Tensor | None = None
    forced: Forced | None = None


def teacher_forced(targets: Sequence[np.ndarray]) -> Forced:
    """What the decoder reads and says, given (U,) ids of each target.

    >>> inputs, following = teacher_forced([np.array([7, 8])])
    >>> inputs.data.tolist(), following.tolist()
    ([0, 7, 8], [7, 8, 0])
    """
    inputs = pack([np.concatenate([[BOUNDARY], ids]) for ids in targets])
    following = [np.concatenate([ids, [BOUNDARY]]) for ids in targets]
    return Forced(inputs, pack_like(following, inputs))
