"""English numbers into Korean: 'forty-two' -> '사십이', learnt from examples, for unseen numbers.

The two languages count in different units (thousands, ten thousands), so that nothing is said at
the place where it was read. One translator a row: by characters, by subwords, with scheduled
sampling, and the feed-forward contrast, which sees windows of fixed length.

`python examples/translation.py` takes some ten minutes on two cores and draws where the translator
looks into --out; `--quick` runs everything in seconds, and learns little.
"""

from __future__ import annotations

import argparse
import random
from pathlib import Path
from typing import Any

from rnnkit import Translator

ONES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
ONES += ["eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen"]
ONES += ["nineteen"]
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
DIGITS, UNITS = "영일이삼사오육칠팔구", ("", "십", "백", "천")

SIZES: dict[str, Any] = {
    "hidden_size": 96,
    "embedding_size": 64,
    "batch_size": 32,
    "lr": 4e-3,
    "dropout": 0.1,
}
SIZES |= {"attention": "additive"}  # of few examples it learns sooner where to look
SUBWORDS = {"source_level": "subword", "target_level": "subword", "subwords": 320}
MODELS: dict[str, dict[str, Any]] = {
    "characters": {"target_level": "char"},
    "subwords": SUBWORDS,
    "subwords, scheduled sampling": {**SUBWORDS, "scheduled_sampling": 0.25},
    "subwords, feed-forward": {**SUBWORDS, "cell": "none"},
}


def english(number: int) -> str:
    """English words of 0 to 999,999.

    >>> english(42_017)
    'forty-two thousand seventeen'
    """
    if number >= 1000:
        rest = f" {english(number % 1000)}" if number % 1000 else ""
        return f"{english(number // 1000)} thousand{rest}"
    if number >= 100:
        rest = f" {english(number % 100)}" if number % 100 else ""
        return f"{ONES[number // 100]} hundred{rest}"
    if number < 20:
        return ONES[number]
    return TENS[number // 10 - 2] + (f"-{ONES[number % 10]}" if number % 10 else "")


def korean(number: int) -> str:
    """The Sino-Korean reading of 0 to 999,999.

    >>> korean(42_017)
    '사만 이천십칠'
    """
    if number == 0:
        return DIGITS[0]
    high, low = divmod(number, 10_000)
    head = ("만" if high == 1 else f"{_below(high)}만") if high else ""
    return " ".join(part for part in (head, _below(low)) if part)


def _below(number: int) -> str:
    """1 to 9,999; a one is not said before a unit; nothing for 0."""
    places = [(number // 10**place % 10, unit) for place, unit in enumerate(UNITS)]
    said = [
        ("" if digit == 1 and unit else DIGITS[digit]) + unit for digit, unit in places if digit
    ]
    return "".join(reversed(said))


def pairs(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Different numbers of any length up to six digits, each length as often."""
    generator, numbers = random.Random(seed), dict[int, None]()
    while len(numbers) < count:
        numbers[generator.randrange(10 ** generator.randint(1, 6))] = None
    return [english(n) for n in numbers], [korean(n) for n in numbers]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--quick", action="store_true", help="few examples, seconds")
    parser.add_argument("--out", type=Path, default=Path(), help="folder for the figure")
    options = parser.parse_args()
    known, test, epochs = (60, 20, 1) if options.quick else (4000, 500, 16)
    X, y = pairs(known + test, seed=0)
    for name, settings in MODELS.items():
        model = Translator(**{**SIZES, **settings, "max_epochs": epochs, "random_state": 0})
        model.fit(X[:known], y[:known])
        said = model.predict(X[known:])
        exact = sum(map(str.__eq__, said, y[known:])) / test
        print(f"{name:30} {100 * exact:5.1f} % of {test} unseen numbers exactly right")
        if name == "subwords":
            asked = english(940_712)
            for one in model.translate([asked], n_best=3)[0]:
                print(f"    {asked} -> {one.text}  (probability {one.probability:.2f})")
            model.align([asked])[0].plot().savefig(options.out / "alignment.png")


if __name__ == "__main__":
    main()
