"""`rnnkit demo`: a translator of real English-Korean pairs, trained and tried in minutes."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rnnkit.baselines import NearestTranslation
from rnnkit.cli.dataset import Dataset
from rnnkit.cli.guard import FAILURE, fail
from rnnkit.cli.output import human_size, print_json, print_line, print_table, say
from rnnkit.cli.training import check_writable, fit, save
from rnnkit.data import Sample, load_english_korean, split_english_korean
from rnnkit.metrics import TranslationScores, score_by_group
from rnnkit.tasks import Translation, Translator

__all__ = ["MAX_LENGTH", "SETTINGS", "demo"]

# Parameters of the translator; under five minutes on two cores.
SETTINGS: dict[str, Any] = {
    "batch_size": 16,
    "max_epochs": 10,
    "lr": 2e-3,
    "dropout": 0.2,
    "random_state": 0,
}

# Longer texts, about one in a hundred, are left out: one takes as long as many short ones.
MAX_LENGTH = 120

# Test sentences that are shown, of each origin.
SHOWN = 2


@dataclass(frozen=True)
class Example:
    """A test pair and its translation."""

    origin: str
    source: str
    translation: str
    probability: float
    reference: str


@dataclass(frozen=True)
class Result:
    """What was reached: scores of each translator and origin, and some translations."""

    scores: dict[str, dict[str, TranslationScores]]
    examples: list[Example]


def demo(*, out: Path, epochs: int | None, seed: int | None, quiet: bool, as_json: bool) -> None:
    """Train on the sample, save, and show what was learnt on pairs that training has not seen."""
    check_writable(out)
    train, valid, test = split_english_korean(load_english_korean(max_length=MAX_LENGTH))
    if not quiet:
        _introduce(train, valid, test)
    given = {"max_epochs": epochs, "random_state": seed}
    chosen = {name: value for name, value in given.items() if value is not None}
    model = Translator(**{**SETTINGS, "verbose": int(not quiet), **chosen})
    fitted = fit(model, _dataset(train), _dataset(valid), out=out)
    size = save(model, out)
    if fitted.interrupted:
        raise fail(f"interrupted: the best model so far is in {out}.", FAILURE)
    if not quiet:
        say(f"translating {len(test):,} test pairs ...")
    result = _try(model, train, test)
    if as_json:
        seconds = round(fitted.seconds, 3)
        print_json({"model": str(out), "bytes": size, "seconds": seconds, **asdict(result)})
    else:
        _print(result)
        print_line("")
        print_line(f"model: {out} ({human_size(size)}), trained in {fitted.seconds:,.0f} seconds")
        print_line(f'Try it: rnnkit predict {out} "delete the selected files"')


def _introduce(train: Sample, valid: Sample, test: Sample) -> None:
    total = len(train) + len(valid) + len(test)
    say(
        f"{total:,} English-Korean pairs that come inside installed Python packages: {len(train):,}"
        f" to train, {len(valid):,} to validate, {len(test):,} to test; near-duplicates are on one "
        f"side."
    )
    counts = Counter(train.origins + valid.origins + test.origins)
    say("from " + ", ".join(f"{name} {count:,}" for name, count in counts.most_common()))


def _dataset(sample: Sample) -> Dataset[str, str]:
    rows = range(1, len(sample) + 1)
    return Dataset(sample.sources, sample.targets, rows, Path("sample"))


def _try(model: Translator, train: Sample, test: Sample) -> Result:
    """Scores of the model and of copying the nearest training pair, and some translations."""
    found = [best[0] for best in model.translate(test.sources)]
    nearest = NearestTranslation().fit(train.sources, train.targets)
    guesses = {
        "rnnkit": [one.text for one in found],
        "nearest pair": nearest.predict(test.sources),
    }
    scores = {
        name: score_by_group(texts, test.targets, test.origins) for name, texts in guesses.items()
    }
    return Result(scores, _examples(found, test))


def _examples(found: list[Translation], test: Sample) -> list[Example]:
    """The same test sentences every time, spread evenly over each origin."""
    rows: list[int] = []
    for origin in dict.fromkeys(test.origins):
        own = [row for row, name in enumerate(test.origins) if name == origin]
        rows += [own[len(own) * (i + 1) // (SHOWN + 1)] for i in range(min(SHOWN, len(own)))]
    return [
        Example(
            test.origins[row],
            test.sources[row],
            found[row].text,
            found[row].probability,
            test.targets[row],
        )
        for row in rows
    ]


def _print(result: Result) -> None:
    print_line("unseen test pairs; the baseline copies the translation of the nearest known source")
    model, baseline = result.scores.values()
    rows = [
        [
            group,
            f"{scores.count:,}",
            *(
                f"{figure:.1f}"
                for one in zip(_figures(scores), _figures(baseline[group]), strict=True)
                for figure in one
            ),
        ]
        for group, scores in model.items()
    ]
    columns = ["origin", "pairs", "chrF", "baseline", "BLEU", "baseline", "exact %", "baseline"]
    print_table(columns, rows)
    print_line(f"chrF: {model['all'].chrf_signature}")
    print_line(f"BLEU: {model['all'].bleu_signature}")
    for example in result.examples:
        print_line("")
        print_line(f"{example.origin}: {example.source}")
        print_line(f"  {example.translation} (probability {example.probability:.4f})")
        print_line(f"  reference: {example.reference}")


def _figures(scores: TranslationScores) -> tuple[float, float, float]:
    return scores.chrf, scores.bleu, scores.exact
