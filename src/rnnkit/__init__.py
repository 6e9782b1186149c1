"""Recurrent neural networks for people who have sequences and an ordinary CPU."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnkit import (
        batch,
        bptt,
        cells,
        data,
        decode,
        diagnose,
        kernels,
        learn,
        networks,
        tasks,
        vectorize,
    )
    from rnnkit.errors import RnnkitError
    from rnnkit.ship import load
    from rnnkit.tasks import (
        Caption,
        Captioner,
        FrameTagger,
        LanguageModel,
        SequenceClassifier,
        SequenceRegressor,
        SequenceTagger,
        Translation,
        Translator,
    )

__all__ = [
    "Caption",
    "Captioner",
    "FrameTagger",
    "LanguageModel",
    "RnnkitError",
    "SequenceClassifier",
    "SequenceRegressor",
    "SequenceTagger",
    "Translation",
    "Translator",
    "__version__",
    "batch",
    "bptt",
    "cells",
    "data",
    "decode",
    "diagnose",
    "kernels",
    "learn",
    "load",
    "networks",
    "tasks",
    "vectorize",
]

__version__ = "0.1.0"

# Imported when first used: `rnnkit --help` need not wait for torch, nor does what works without.
_HOMES = {
    "LanguageModel": "rnnkit.tasks",
    "Caption": "rnnkit.tasks",
    "Captioner": "rnnkit.tasks",
    "FrameTagger": "rnnkit.tasks",
    "RnnkitError": "rnnkit.errors",
    "SequenceClassifier": "rnnkit.tasks",
    "SequenceRegressor": "rnnkit.tasks",
    "SequenceTagger": "rnnkit.tasks",
    "Translation": "rnnkit.tasks",
    "Translator": "rnnkit.tasks",
    "load": "rnnkit.ship",
}


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in __all__:
        return import_module(f"rnnkit.{name}")
    raise AttributeError(f"module 'rnnkit' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
