"""How good answers are: of answers and what they should be alone, whoever gave them."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnkit.metrics.agreement import chrf_between, most_agreed
    from rnnkit.metrics.captions import CaptionScores, caption_words, cider_d, score_captions
    from rnnkit.metrics.forecasts import ForecastScores, score_forecasts
    from rnnkit.metrics.labels import (
        LabelScore,
        LabelScores,
        RankingScores,
        score_labels,
        score_ranking,
    )
    from rnnkit.metrics.translation import TranslationScores, score_by_group, score_translations

__all__ = [
    "CaptionScores",
    "ForecastScores",
    "LabelScore",
    "LabelScores",
    "RankingScores",
    "TranslationScores",
    "caption_words",
    "chrf_between",
    "cider_d",
    "most_agreed",
    "score_by_group",
    "score_captions",
    "score_forecasts",
    "score_labels",
    "score_ranking",
    "score_translations",
]

# Imported when first used: scores of forecasts need neither sacreBLEU nor scikit-learn.
_MODULES = {
    "agreement": ("chrf_between", "most_agreed"),
    "captions": ("CaptionScores", "caption_words", "cider_d", "score_captions"),
    "forecasts": ("ForecastScores", "score_forecasts"),
    "labels": ("LabelScore", "LabelScores", "RankingScores", "score_labels", "score_ranking"),
    "translation": ("TranslationScores", "score_by_group", "score_translations"),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'rnnkit.metrics' has no attribute {name!r}")
    return getattr(import_module(f"rnnkit.metrics.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
