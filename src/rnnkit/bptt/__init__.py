"""Back-propagation through time: how far gradients go back, and how they are afforded."""

import rnnkit.needs_torch  # noqa: F401 - says what to install
from rnnkit.bptt.checkpointing import in_segments
from rnnkit.bptt.gradient import Gone, Loss, backward, call_module
from rnnkit.bptt.policies import (
    POLICIES,
    Checkpointed,
    Full,
    Policy,
    RandomTruncated,
    Truncated,
    Window,
    policy_of,
)
from rnnkit.bptt.states import (
    Tensors,
    batch_dim,
    check_streams,
    detach,
    replace_streams,
    scale_gradient,
    tensors_of,
)
from rnnkit.bptt.unroll import Piece, Run, output_of, run_window, unroll

__all__ = [
    "POLICIES",
    "Checkpointed",
    "Full",
    "Gone",
    "Loss",
    "Piece",
    "Policy",
    "RandomTruncated",
    "Run",
    "Tensors",
    "Truncated",
    "Window",
    "backward",
    "batch_dim",
    "call_module",
    "check_streams",
    "detach",
    "in_segments",
    "output_of",
    "policy_of",
    "replace_streams",
    "run_window",
    "scale_gradient",
    "tensors_of",
    "unroll",
]
