"""Recurrent neural networks for people who have sequences and an ordinary CPU."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rnnkit import bptt, diagnose
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
    "bptt",
    "diagnose",
    "load",
]

__version__ = "0.1.0"

# Imported when first used, so that `rnnkit --help` need not wait for torch.
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
_MODULES = ("bptt", "diagnose")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"rnnkit.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'rnnkit' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
