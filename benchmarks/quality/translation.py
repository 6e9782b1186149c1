"""Translation."""

from __future__ import annotations

import time

from benchmarks.quality.result import Result
from rnnkit import Translator
from rnnkit.cli.demo import MAX_LENGTH
from rnnkit.data import load_english_korean, split_english_korean
from rnnkit.tasks.scoring import NearestTranslation, TranslationScores, score_by_group

# More steps than the demo has time for.
SETTINGS = {"batch_size": 16, "max_epochs": 56, "lr": 2e-3, "dropout": 0.3}


def translate_samples(seed: int) -> Result:
    """English to Korean, on the data of `rnnkit demo` and trained for longer."""
    train, valid, test = split_english_korean(load_english_korean(max_length=MAX_LENGTH))
    model = Translator(**{**SETTINGS, "random_state": seed, "verbose": 1})
    began = time.perf_counter()
    model.fit(train.sources, train.targets, validation=(valid.sources, valid.targets))
    minutes = (time.perf_counter() - began) / 60
    nearest = NearestTranslation().fit(train.sources, train.targets)
    metrics = score_by_group(model.predict(test.sources), test.targets, test.origins)
    baseline = score_by_group(nearest.predict(test.sources), test.targets, test.origins)
    return Result(
        {**_figures(metrics), "training minutes": minutes, "parameters": model.num_parameters_},
        {"nearest training pair": _figures(baseline)},
        {**model.get_params(), "signatures": _signatures(metrics["all"])},
    )


def _figures(scores: dict[str, TranslationScores]) -> dict[str, float]:
    return {
        f"{group} {name}": value
        for group, score in scores.items()
        for name, value in (("chrF", score.chrf), ("BLEU", score.bleu), ("exact", score.exact))
    }


def _signatures(score: TranslationScores) -> list[str]:
    return [score.chrf_signature, score.bleu_signature]
