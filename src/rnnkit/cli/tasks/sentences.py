"""What tasks share whose answers are sentences, found by a search."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from rnnkit.cli.tasks.task import Asked, Report
from rnnkit.nest import Json

if TYPE_CHECKING:
    from rnnkit.metrics import CaptionScores, TranslationScores
    from rnnkit.tasks import Caption, Captioner, Translation, Translator

__all__ = ["plain_sentences", "sentence_report", "width"]


def width(model: Translator | Captioner, asked: Asked) -> int:
    """The beam size, wide enough for all sentences that are asked for."""
    return max(model.beam_size, asked.n_best) if asked.beam_size is None else asked.beam_size


def plain_sentences(found: Sequence[Translation | Caption]) -> list[Json]:
    """Sentences for JSON."""
    return [{"text": one.text, "probability": one.probability, "score": one.score} for one in found]


def sentence_report(scores: TranslationScores | CaptionScores, more: Sequence[str] = ()) -> Report:
    """The scores, and more lines of those that not all have."""
    lines = [
        f"chrF: {scores.chrf:.2f} ({scores.chrf_signature})",
        f"BLEU: {scores.bleu:.2f} ({scores.bleu_signature})",
        *more,
        f"exact: {scores.exact:.2f} %",
    ]
    return Report(asdict(scores), lines)
