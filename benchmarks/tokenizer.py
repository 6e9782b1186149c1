"""The Tokenizer beside Keras' own code: the same results first, then the time that each takes.

Both run in one process, in turns, on one text: documents of Zipf-distributed words, half of them
English-like (mixed case, punctuation), half Korean-like (Hangul eojeols with particles).
"""

from __future__ import annotations

import argparse
import gc
import importlib.util
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import accumulate
from pathlib import Path
from statistics import median
from types import ModuleType
from typing import Any

from benchmarks.report import write
from rnnkit.vectorize import Tokenizer

ORACLE = Path(__file__).parents[1] / ".benchmarks" / "keras-oracle"
PACKAGES = ("keras-preprocessing==1.1.2", "six==1.16.0")
MEDIAN_LENGTH = 40  # words a document: between a comment and a long review
PARTICLES = ("은", "는", "이", "가", "을", "를", "에", "에서", "으로", "의", "도", "")
PUNCTUATION = ("",) * 16 + (",", ",", ".", ".", "!", "?", ";", '"', "...", ")")


def keras_text() -> ModuleType:
    """Keras' own text module, from keras-preprocessing's file; installed apart if missing."""
    path = ORACLE / "keras_preprocessing" / "text.py"
    if not path.is_file():
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps"]
        subprocess.run([*pip, "--target", str(ORACLE), *PACKAGES], check=True)
    sys.path.append(str(ORACLE))  # for six
    spec = importlib.util.spec_from_file_location("keras_text", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} cannot be imported: remove {ORACLE} and run this again.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_texts(words: int, *, types: int = 50_000, seed: int = 0) -> list[str]:
    """Documents with `words` words in all, English and Korean in turn."""
    rng = random.Random(seed)
    languages = [
        list(_zipf_words(rng, [english_word(rng) for _ in range(types)], words // 2)),
        list(_zipf_words(rng, [korean_word(rng) for _ in range(types)], words - words // 2)),
    ]
    texts = [_documents(rng, stream) for stream in languages]
    shuffled = [text for documents in texts for text in documents]
    rng.shuffle(shuffled)
    return shuffled


def english_word(rng: random.Random) -> str:
    """A made-up word of 2 to 12 letters."""
    return "".join(rng.choices("etaoinshrdlucmfwypvbgk", k=min(12, 2 + int(rng.expovariate(0.25)))))


def korean_word(rng: random.Random) -> str:
    """A made-up eojeol: one to four syllables and a particle."""
    stem = "".join(chr(rng.randint(0xAC00, 0xD7A3)) for _ in range(rng.randint(1, 4)))
    return stem + rng.choice(PARTICLES)


def _zipf_words(rng: random.Random, types: list[str], count: int) -> Iterator[str]:
    weights = list(accumulate(1 / (rank + 2.7) for rank in range(len(types))))
    for word in rng.choices(types, cum_weights=weights, k=count):
        end = rng.choice(PUNCTUATION)
        yield (word.capitalize() if rng.random() < 0.1 else word) + end


def _documents(rng: random.Random, words: list[str]) -> list[str]:
    texts, start = [], 0
    while start < len(words):
        length = max(1, round(rng.lognormvariate(0, 0.8) * MEDIAN_LENGTH))
        texts.append(" ".join(words[start : start + length]))
        start += length
    return texts


def check_equal(ours: Any, keras: Any, texts: list[str]) -> None:
    """Stop unless both give the same vocabulary, counts and sequences."""
    for tokenizer in (ours, keras):
        tokenizer.fit_on_texts(texts)
    for name in ("word_index", "word_counts"):
        if list(getattr(ours, name).items()) != list(getattr(keras, name).items()):
            raise SystemExit(f"{name} is not the one of Keras.")
    for name in ("word_docs", "index_docs", "index_word", "document_count"):
        if getattr(ours, name) != getattr(keras, name):
            raise SystemExit(f"{name} is not the one of Keras.")
    if ours.texts_to_sequences(texts) != keras.texts_to_sequences(texts):
        raise SystemExit("the sequences are not those of Keras.")


def seconds(tokenizer: Any, texts: list[str]) -> tuple[float, float]:
    """Wall time of fit_on_texts and of texts_to_sequences."""
    gc.collect()
    begin = time.perf_counter()
    tokenizer.fit_on_texts(texts)
    fitted = time.perf_counter()
    tokenizer.texts_to_sequences(texts)
    return fitted - begin, time.perf_counter() - fitted


def measure(
    tokenizers: dict[str, type], texts: list[str], runs: int
) -> dict[str, dict[str, float]]:
    """Median seconds over `runs` turns in which each tokenizer runs once."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in tokenizers}
    for _ in range(runs):
        for name, tokenizer in tokenizers.items():
            times[name].append(seconds(tokenizer(), texts))
    return {
        name: {
            "fit_seconds": median(fit for fit, _ in found),
            "sequences_seconds": median(sequences for _, sequences in found),
            "sum_seconds": median(map(sum, found)),
        }
        for name, found in times.items()
    }


def main() -> None:
    """Check, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--words", type=int, default=1_000_000, help="words in all")
    parser.add_argument("--runs", type=int, default=5, help="runs of each, in turns")
    parser.add_argument("--json", metavar="FILE", help="write the result there ('-': print it)")
    options = parser.parse_args()
    begin = time.perf_counter()
    keras = keras_text()
    texts = make_texts(options.words)
    check_equal(Tokenizer(), keras.Tokenizer(), texts)
    found = measure({"rnnkit": Tokenizer, "keras": keras.Tokenizer}, texts, options.runs)
    ours, theirs = found["rnnkit"], found["keras"]
    ratios = {key.replace("seconds", "ratio"): theirs[key] / ours[key] for key in ours}
    print(f"{options.words:,} words in {len(texts):,} texts: all results are those of Keras.")
    print(f"{'':12}{'fit':>8}{'to sequences':>15}{'sum':>8}")
    for name, row in (("rnnkit, s", ours), ("Keras, s", theirs), ("ratio", ratios)):
        fit, sequences, both = row.values()
        print(f"{name:12}{fit:8.3f}{sequences:15.3f}{both:8.3f}")
    write(
        options.json,
        name="tokenizer",
        metrics={**ours, **ratios},
        baselines={"keras-preprocessing 1.1.2": theirs},
        seconds=time.perf_counter() - begin,
        settings={"words": options.words, "texts": len(texts), "runs": options.runs},
    )


if __name__ == "__main__":
    main()
