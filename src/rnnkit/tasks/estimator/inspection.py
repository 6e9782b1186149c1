"""A fitted estimator as `rnnkit.diagnose` looks at it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from rnnkit.bptt import Policy
from rnnkit.cells import using_bptt
from rnnkit.diagnose import Subject
from rnnkit.packed import Layout
from rnnkit.tasks.estimator.objectives import Objective
from rnnkit.tasks.estimator.values import Output

__all__ = ["subject_of"]


def subject_of(
    network: nn.Module,
    *,
    forward: Callable[[], Output],
    loss: Callable[[], Tensor],
    objective: Objective,
    lengths: np.ndarray,
    decodes: bool,
    labels: list[str],
) -> Subject:
    """A network and one batch of examples.

    forward, loss: what the network says of them, and the loss of that. decodes: whether states go
    from step to step, each with a loss of its own. labels: of the first example's steps.
    """

    def follow(policy: Policy | None) -> AbstractContextManager[object]:
        return nullcontext() if policy is None else using_bptt(network, policy)

    def backward(policy: Policy | None) -> None:
        with follow(policy):
            loss().backward()  # type: ignore[no-untyped-call]

    def last(policy: Policy | None) -> None:
        with follow(policy):
            output = forward()
            rows = _last_rows(output.layout, len(output.known))
            losses = objective.each(output.said[rows], output.known[rows])
            losses.nanmean().backward()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def each() -> tuple[np.ndarray, np.ndarray]:
        output = forward()
        losses, layout = objective.each(output.said, output.known).nan_to_num(), output.layout
        if layout is None:
            return np.asarray(lengths), losses.numpy()
        sums = torch.zeros(layout.num_sequences).index_add(0, layout.sequence_of_row, losses)
        return layout.lengths.numpy(), (sums / layout.lengths).numpy()

    return Subject(
        network,
        backward,
        lambda: forward().said,
        num_steps=int(np.ceil(max(lengths))),
        last=last if decodes else None,
        each=each,
        labels=labels,
    )


def _last_rows(layout: Layout | None, rows: int) -> Tensor:
    """Where each sequence's last step stands."""
    return torch.arange(rows) if layout is None else layout.last_row
