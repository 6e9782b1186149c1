"""Write keras_text.json.gz: what Keras' own legacy text code answers to thousands of random cases.

Needs an environment of its own, because the code is from 2020:

    python3.11 -m venv keras-oracle
    keras-oracle/bin/pip install keras-preprocessing==1.1.2 "numpy<2"
    PYTHONHASHSEED=0 keras-oracle/bin/python tests/golden/make_keras_text.py

The hash seed is fixed since Keras counts documents in the order of a set. tests/vectorize reads
the file; every case holds what goes in beside what came out.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

TARGET = Path(__file__).with_name("keras_text.json.gz")
FILTERS = '!"#$%&()*+,-./:;<=>?@[\\]^_`{|}~\t\n'
ENGLISH = [
    "the",
    "cat",
    "sat",
    "on",
    "a",
    "mat",
    "The",
    "CAT",
    "dog's",
    "e-mail",
    "3.14",
    "oov",
    "UNK",
]
LATIN = ["über", "ÜBER", "straße", "İstanbul", "ΟΔΟΣ", "ΑΣ.Β", "naïve", "ﬁn", "Ⅷ", "½"]
KOREAN = ["사과", "사과를", "나무", "나무는", "한국어", "각", "\u1100\u1161\u11a8", "ㅋㅋㅋ"]
LONG = ["antidisestablishmentarianism", "대한민국에서는요"]
ODD = ["日本語", "👍🏽", "\ud800", "a\x00b", "a", "a\x00", "\x1f", "\x85"]
WORDS = ENGLISH + LATIN + KOREAN + LONG + ODD
GAPS = [" "] * 8 + ["  ", "\t", "\n", ", ", ". ", "!", "...", "\u3000", "\xa0", "\r\n", "。", "--"]
MODES = ["binary", "count", "tfidf", "freq"]


def outcome(function: Callable[[], Any]) -> Any:
    """What it gives, or the type of what it raises."""
    try:
        return function()
    except Exception as error:
        return {"error": type(error).__name__}


def random_text(rng: random.Random) -> str:
    pieces = []
    for _ in range(rng.choice([0, 1, 2, 4, 8])):
        pieces += [rng.choice(GAPS) if rng.random() < 0.3 else " ", rng.choice(WORDS)]
    text = "".join(pieces[rng.randint(0, 1) :]) + rng.choice(["", "", ".", " ", "\n"])
    return unicodedata.normalize("NFD", text) if rng.random() < 0.1 else text


def random_item(rng: random.Random) -> Any:
    return rng.choices(WORDS, k=rng.randint(0, 4)) if rng.random() < 0.1 else random_text(rng)


def random_texts(rng: random.Random) -> list[Any]:
    return [random_item(rng) for _ in range(rng.choice([0, 1, 2, 3, 5]))]


def random_splitting(rng: random.Random) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if rng.random() < 0.4:
        options["filters"] = rng.choice(
            ["", ".", "aT", "는를", FILTERS + "。\u3000", " ", "ς\u0307"]
        )
    if rng.random() < 0.3:
        options["split"] = rng.choice([", ", "a", "  ", "\n", "나", "|", "T"])
    if rng.random() < 0.3:
        options["lower"] = False
    return options


def random_options(rng: random.Random) -> dict[str, Any]:
    options = random_splitting(rng)
    if rng.random() < 0.5:
        options["num_words"] = rng.choice([0, 1, 2, 3, 5, 100])
    if rng.random() < 0.5:
        options["oov_token"] = rng.choice(["<oov>", "oov", "cat", "unk", "나무", "the", "a"])
    if rng.random() < 0.2:
        options["char_level"] = True
    if rng.random() < 0.1:
        options["document_count"] = 7
    return options


def random_sequences(rng: random.Random) -> list[list[int]]:
    return [
        [rng.randint(0, 12) for _ in range(rng.randint(0, 5))] for _ in range(rng.randint(0, 3))
    ]


def matrix(array: Any) -> Any:
    """Shape, places and values of what is not zero."""
    rows, columns = array.nonzero()
    values = [float(value) for value in array[rows, columns]]
    return [list(array.shape), rows.tolist(), columns.tolist(), values]


def state(tokenizer: Any) -> dict[str, Any]:
    return {
        "word_counts": list(tokenizer.word_counts.items()),
        "word_index": list(tokenizer.word_index.items()),
        "index_word": list(tokenizer.index_word.items()),
        "word_docs": sorted(tokenizer.word_docs.items()),
        "index_docs": sorted(tokenizer.index_docs.items()),
        "document_count": tokenizer.document_count,
    }


def tokenizer_case(rng: random.Random) -> dict[str, Any]:
    from keras_preprocessing.text import Tokenizer

    options, fits = (
        random_options(rng),
        [random_texts(rng) for _ in range(rng.choice([0, 1, 1, 2]))],
    )
    new, sequences, mode = random_texts(rng), random_sequences(rng), rng.choice([*MODES, "median"])
    counted = random_sequences(rng) if rng.random() < 0.2 else []
    tokenizer = Tokenizer(**options)
    for texts in fits:
        tokenizer.fit_on_texts(texts)
    if counted:
        tokenizer.fit_on_sequences(counted)
    return {
        "options": options,
        "fits": fits,
        "counted": counted,
        "state": state(tokenizer),
        "new": new,
        "new_sequences": outcome(lambda: tokenizer.texts_to_sequences(new)),
        "sequences": sequences,
        "texts": outcome(lambda: tokenizer.sequences_to_texts(sequences)),
        "mode": mode,
        "matrix": outcome(lambda: matrix(tokenizer.sequences_to_matrix(sequences, mode))),
        "text_matrix": outcome(lambda: matrix(tokenizer.texts_to_matrix(new, mode))),
    }


def json_case(rng: random.Random) -> dict[str, Any]:
    from keras_preprocessing.text import Tokenizer

    tokenizer = Tokenizer(**random_options(rng))
    tokenizer.fit_on_texts(random_texts(rng))
    new = random_texts(rng)
    return {
        "json": tokenizer.to_json(),
        "new": new,
        "new_sequences": outcome(lambda: tokenizer.texts_to_sequences(new)),
    }


def words_case(rng: random.Random) -> dict[str, Any]:
    from keras_preprocessing.text import hashing_trick, text_to_word_sequence

    options, text, n = random_splitting(rng), random_text(rng), rng.choice([0, 1, 2, 3, 50, 1000])
    return {
        "options": options,
        "text": text,
        "words": outcome(lambda: text_to_word_sequence(text, **options)),
        "n": n,
        "hashed": outcome(lambda: hashing_trick(text, n, "md5", **options)),
    }


def error_case(rng: random.Random) -> dict[str, Any]:
    from keras_preprocessing.text import Tokenizer

    options = random_options(rng)
    options.update(rng.choice([{}, {"split": ""}, {"filters": None}, {"filters": ["ab"]}]))
    texts = [rng.choice([None, 3, 2.5, True, "a b", ["a", 3], {"a": 1}, "", []])]
    tokenizer = Tokenizer(**options)
    return {
        "options": options,
        "texts": texts,
        "fitted": outcome(lambda: tokenizer.fit_on_texts(texts)),
        "new_sequences": outcome(lambda: Tokenizer(**options).texts_to_sequences(texts)),
    }


def padding_case(rng: random.Random) -> dict[str, Any]:
    from keras_preprocessing.sequence import pad_sequences

    shape = rng.choice([(), (), (), (2,), (3, 1)])
    sequences = [random_steps(rng, shape) for _ in range(rng.randint(0, 4))]
    if rng.random() < 0.1:
        sequences.append(rng.choice([random_steps(rng, (2,)), 5, None, ["a", "b"]]))
    options = {
        "maxlen": rng.choice([None, None, 0, 1, 2, 3, 5, -1]),
        "dtype": rng.choice(["int32", "int64", "float32", "float64", "object", "U3"]),
        "padding": rng.choice(["pre", "post", "pre", "post", "left"]),
        "truncating": rng.choice(["pre", "post", "pre", "post", "right"]),
        "value": rng.choice([0.0, 1, -1, 2.5, "pad"]),
    }
    options = {name: value for name, value in options.items() if rng.random() < 0.5}

    def padded() -> Any:
        array = pad_sequences(sequences, **options)
        return {"dtype": array.dtype.str, "shape": list(array.shape), "values": array.tolist()}

    return {"sequences": sequences, "options": options, "padded": outcome(padded)}


def random_steps(rng: random.Random, shape: tuple[int, ...]) -> Any:
    if not shape:
        return [rng.randint(-9, 99) for _ in range(rng.randint(0, 4))]
    inner = (shape[1:], shape[0])
    return [random_block(rng, *inner) for _ in range(rng.randint(0, 3))]


def random_block(rng: random.Random, shape: tuple[int, ...], size: int) -> list[Any]:
    if not shape:
        return [rng.randint(-9, 99) for _ in range(size)]
    return [random_block(rng, shape[1:], shape[0]) for _ in range(size)]


CASES = {
    "tokenizer": (tokenizer_case, 1500),
    "json": (json_case, 150),
    "words": (words_case, 1200),
    "errors": (error_case, 300),
    "padding": (padding_case, 1200),
}


def main() -> None:
    if os.environ.get("PYTHONHASHSEED") != "0":
        raise SystemExit("set PYTHONHASHSEED=0, or the file differs from run to run.")
    rng = random.Random(20261123)
    cases = {name: [make(rng) for _ in range(count)] for name, (make, count) in CASES.items()}
    text = json.dumps(cases, separators=(",", ":"))
    TARGET.write_bytes(gzip.compress(text.encode("ascii"), 9, mtime=0))
    print(f"{TARGET.name}: {sum(map(len, cases.values()))} cases, {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
