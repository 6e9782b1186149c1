"""A fitted estimator as `rnnkit.diagnose` looks at it."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from rnnkit.bptt import Policy
from rnnkit.cells import using_bptt
from rnnkit.diagnose import Subject
from rnnkit.packed import Layout
from rnnkit.vectorize import IdVectorizer, SubwordVectorizer, TextVectorizer

__all__ = ["step_labels", "subject_of_examples"]


def subject_of_examples(estimator: Any, data: Any, labels: list[str]) -> Subject:
    """All examples in one batch.

    data: what the estimator's `_encode` gives. labels: of the first example's steps.
    """
    module, batch = estimator.module_, data.collate(np.arange(len(data)))
    objective = estimator._objective()

    def follow(policy: Policy | None) -> AbstractContextManager[Any]:
        return nullcontext() if policy is None else using_bptt(module, policy)

    def backward(policy: Policy | None) -> None:
        with follow(policy):
            estimator._batch_loss(module, batch).loss.backward()

    def last(policy: Policy | None) -> None:
        with follow(policy):
            logits, targets, _ = estimator._logits(module, batch)
            rows = _last_rows(estimator._layout(batch), len(targets))
            objective.each(logits[rows], targets[rows]).nanmean().backward()

    @torch.no_grad()
    def each() -> tuple[np.ndarray, np.ndarray]:
        logits, targets, _ = estimator._logits(module, batch)
        losses = objective.each(logits, targets).nan_to_num()
        layout: Layout | None = estimator._layout(batch)
        if layout is None:
            return np.asarray(data.lengths), losses.numpy()
        sums = torch.zeros(layout.num_sequences).index_add(0, layout.sequence_of_row, losses)
        return layout.lengths.numpy(), (sums / layout.lengths).numpy()

    return Subject(
        module,
        backward,
        lambda: estimator._look(batch),
        num_steps=int(np.ceil(max(data.lengths))),
        last=last if estimator._decodes else None,
        each=each,
        labels=labels,
    )


def step_labels(vectorizer: Any, sequence: Any) -> list[str]:
    """The tokens of a text as the vocabulary has them, ids, or the numbers of a series' steps."""
    (row,) = vectorizer.transform([sequence])
    if isinstance(vectorizer, TextVectorizer | SubwordVectorizer):
        return vectorizer.tokens(row[:, 0])
    if isinstance(vectorizer, IdVectorizer):
        return [str(int(index)) for index in row[:, 0]]
    return [str(step) for step in range(len(row))]


def _last_rows(layout: Layout | None, rows: int) -> Tensor:
    """Where each sequence's last step stands."""
    return torch.arange(rows) if layout is None else layout.last_row
