"""Sequences out of next-token probabilities, over any `step` callable; best paths of labels.

All of it works on numpy arrays and needs no torch. A state may hold arrays of either.
"""

from rnnkit.decode.beam import beam
from rnnkit.decode.hypothesis import Hypothesis
from rnnkit.decode.rollout import follow, greedy, sample
from rnnkit.decode.sampling import Sampler
from rnnkit.decode.state import reorder
from rnnkit.decode.stepper import Step
from rnnkit.decode.viterbi import viterbi

__all__ = [
    "Hypothesis",
    "Sampler",
    "Step",
    "beam",
    "follow",
    "greedy",
    "reorder",
    "sample",
    "viterbi",
]
