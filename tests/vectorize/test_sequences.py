from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rnnkit.errors import InputError, OptionError, ShapeError
from rnnkit.vectorize import pad_sequences

SEQUENCES = st.lists(st.lists(st.integers(1, 99), max_size=6), min_size=1, max_size=5)
SIDE = st.sampled_from(["pre", "post"])


@given(SEQUENCES, st.integers(1, 7), SIDE, SIDE)
def test_rows_are_the_cut_sequences_beside_the_padding(sequences, maxlen, padding, truncating):
    padded = pad_sequences(sequences, maxlen, padding=padding, truncating=truncating, value=-1)
    for row, sequence in zip(padded.tolist(), sequences, strict=True):
        kept = sequence[-maxlen:] if truncating == "pre" else sequence[:maxlen]
        fill = [-1] * (maxlen - len(kept))
        assert row == (fill + kept if padding == "pre" else kept + fill)


def test_arrays_tensors_and_features_are_padded_too():
    padded = pad_sequences([np.ones((1, 2)), torch.ones(3, 2)], dtype="float64")
    assert padded.shape == (2, 3, 2)
    assert padded[0].tolist() == [[0, 0], [0, 0], [1, 1]]


def test_what_does_not_fit_is_refused_and_named():
    with pytest.raises(InputError, match="generator"):
        pad_sequences(row for row in [[1]])
    with pytest.raises(InputError, match=r"sequences\[1\] is 5"):
        pad_sequences([[1], 5])
    with pytest.raises(InputError, match="maxlen"):
        pad_sequences([])
    with pytest.raises(ShapeError, match=r"sequences\[1\] has shape \(2,\)"):
        pad_sequences([[1], [[1, 2]]])
    with pytest.raises(OptionError, match="dtype=object"):
        pad_sequences([["a"]], value="b")
    with pytest.raises(OptionError, match="padding='left'"):
        pad_sequences([[1]], padding="left")
    with pytest.raises(OptionError, match="truncating='left'"):
        pad_sequences([[1]], truncating="left")
