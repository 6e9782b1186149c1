"""A layer whose gradients go back through time as a policy says."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from rnnkit import kernels
from rnnkit.bptt import Checkpointed, Policy, policy_of, unroll
from rnnkit.kernels import Form, State, Weights, state_sizes
from rnnkit.packed import Layout
from rnnkit.recurrence import CellSpec

__all__ = ["run_through_time", "set_bptt", "using_bptt"]

Rows: TypeAlias = tuple[Tensor | None, State]
"""The output of some steps, None where it is not wanted, and the last states of what ended."""


def set_bptt(module: nn.Module, policy: object) -> nn.Module:
    """Let every recurrent layer and decoder of rnnkit inside a module go back as the policy says.

    Each layer and direction is cut by itself, in windows counted in its own reading order, so that
    in a stack a loss may reach further back through the layers below. In a batch the windows are
    those of its longest sequence: one that ends inside a block goes back as far as that block.
    Only gradients are touched: outputs and states are those of full back-propagation.
    Checkpointed saves memory with the native kernel; the others keep what they need all the same.
    Returns the module. Raises OptionError if the text names no policy.

    >>> from rnnkit.cells import LSTM
    >>> set_bptt(LSTM(3, 4), "truncated(20, 40)").bptt
    Truncated(k1=20, k2=40)
    """
    chosen = policy_of(policy)
    for part in module.modules():
        if hasattr(part, "bptt"):
            part.bptt = chosen  # type: ignore[assignment]
    return module


@contextmanager
def using_bptt(module: nn.Module, policy: Policy | str | None) -> Iterator[nn.Module]:
    """`set_bptt` for a while; every part has its own policy again afterwards.

    >>> from rnnkit.cells import GRU
    >>> layer = GRU(3, 4)
    >>> with using_bptt(layer, "truncated(5)"):
    ...     str(layer.bptt)
    'truncated(5, 5)'
    >>> str(layer.bptt)
    'full()'
    """
    before = [(part, part.bptt) for part in module.modules() if hasattr(part, "bptt")]
    try:
        yield set_bptt(module, policy)
    finally:
        for part, kept in before:
            part.bptt = kept


def run_through_time(
    policy: Policy,
    spec: CellSpec,
    data: Tensor,
    form: Form,
    state: State | None,
    weights: Weights,
    *,
    reverse: bool = False,
    need_state: bool = True,
    need_output: bool = True,
    checkpoint: int | None = None,
) -> tuple[Any, State]:
    """`kernels.run` in the policy's windows; without a gradient there is nothing to cut."""
    options = {"reverse": reverse, "need_state": need_state, "need_output": need_output}
    keeps = torch.is_grad_enabled()
    if not keeps or policy.exact:
        if keeps and isinstance(policy, Checkpointed) and checkpoint is None:
            checkpoint = _segment(policy, spec, data, form, weights)
        return kernels.run(spec, data, form, state, weights, checkpoint=checkpoint, **options)

    def windowed(
        spec: CellSpec,
        data: Tensor,
        layout: Layout,
        state: State,
        weights: Weights,
        **options: bool,
    ) -> tuple[Any, State]:
        return _in_windows(policy, spec, data, layout, state, weights, **options)

    output, final = kernels.run_packed(windowed, spec, data, form, state, weights, options)
    return output, tuple(s.unsqueeze(0) for s in final)


def _in_windows(
    policy: Policy,
    spec: CellSpec,
    data: Tensor,
    layout: Layout,
    state: State,
    weights: Weights,
    *,
    reverse: bool,
    need_state: bool,
    need_output: bool,
) -> tuple[Tensor | None, State]:
    """(N, I) and (B, H) to (N, P) and (B, H), in sorted order."""
    starts, sizes = layout.starts.tolist(), [*layout.batch_sizes.tolist(), 0]
    data = data.index_select(0, layout.reversal) if reverse else data

    def run(begin: int, end: int, before: State) -> tuple[Rows, State]:
        """The sequences that are still running; those that end here give their last state."""
        output, after = kernels.run(
            spec,
            data[starts[begin] : starts[end]],
            layout.between(begin, end),
            before,
            weights,
            need_output=need_output,
        )
        running = sizes[end]
        ended = tuple(s[0, running:] for s in after)
        return (output, ended), tuple(s[0, :running] for s in after)

    def narrow(output: Rows, begin: int, end: int, first: int) -> Rows:
        rows, ended = output
        rows = None if rows is None else rows[starts[first] - starts[begin] :]
        return rows, tuple(s[: sizes[first] - sizes[end]] for s in ended)

    walk = unroll(policy.windows(layout.num_steps), run, state, narrow=narrow)
    outputs = [piece.output for _, pieces, _ in walk for piece in pieces]
    # Sequences that end early come first here, and last in sorted order.
    final = tuple(
        torch.cat([ended[part] for _, ended in reversed(outputs)]) for part in range(len(state))
    )
    if not need_state:
        final = final[:1]
    if not need_output:
        return None, final
    rows = torch.cat([rows for rows, _ in outputs if rows is not None])
    return rows.index_select(0, layout.reversal) if reverse else rows, final


def _segment(
    policy: Checkpointed, spec: CellSpec, data: Tensor, form: Form, weights: Weights
) -> int | None:
    """Steps of a segment, from what the native kernel keeps of a step and of a state."""
    if isinstance(form, Layout):
        steps, sequences = form.num_steps, form.num_sequences
    else:
        steps, sequences = data.shape[:2]
    sizes = state_sizes(spec, weights)
    hidden_size = weights.weight_ih.shape[0] // spec.num_blocks
    step = len(spec.kept) * hidden_size + sizes[0]
    row = sequences * weights.weight_ih.element_size()
    lengths = policy.segment_lengths(
        steps, step_bytes=row * step, state_bytes=row * sum(sizes), levels=1
    )
    return lengths[0] if lengths else None
