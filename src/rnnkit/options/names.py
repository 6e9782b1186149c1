"""The names that options choose from; what each one does is said where it is done."""

from __future__ import annotations

__all__ = [
    "ATTENTIONS",
    "AUGMENTATIONS",
    "IMAGE_ENCODERS",
    "INPUTS",
    "OPTIMIZERS",
    "OUTPUTS",
    "POOLINGS",
    "SCHEDULES",
    "SCHEMES",
    "SUMMARIES",
]

INPUTS = ("auto", "text", "tokens", "series", "ids")
OUTPUTS = ("last", "step")

POOLINGS = ("last", "mean", "max", "mean-max")
ATTENTIONS = ("additive", "multiplicative")
SUMMARIES = ("mean", "places")

# Of images: a network of ours, or features that were computed elsewhere.
IMAGE_ENCODERS = ("conv", "none")
AUGMENTATIONS = ("shift", "flip", "shift-flip")

SCHEMES = ("orthogonal", "torch", "chrono", "identity")
OPTIMIZERS = ("adamw", "adam", "sgd")
SCHEDULES = ("constant", "linear", "cosine", "one-cycle", "step", "plateau")
