"""Sequences out of a model's next-token probabilities, over any `step` callable."""

from rnnkit.decode.beam import beam
from rnnkit.decode.hypothesis import Hypothesis
from rnnkit.decode.rollout import follow, greedy, sample
from rnnkit.decode.sampling import Sampler
from rnnkit.decode.state import reorder
from rnnkit.decode.stepper import Step

__all__ = [
    "Hypothesis",
    "Sampler",
    "Step",
    "beam",
    "follow",
    "greedy",
    "reorder",
    "sample",
]
