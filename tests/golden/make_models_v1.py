"""Write models_v1/: small model files of format 1, each beside what it answers.

    git checkout 24d5f2e -- src  # version 0.1.0, the last commit that writes format 1
    pip install pandas
    python -m tests.golden.make_models_v1

Seeds are fixed, so that the same machine makes the same models, but for the times in their
histories. NAME.rnn is a model. NAME.json holds its parameters, attributes, and calls with their
answers; tests/test_golden_models.py asks again. What the file cannot hold is in tests/goldens.py.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from itertools import product
from operator import attrgetter
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch

import rnnkit
from rnnkit import (
    Captioner,
    FrameTagger,
    LanguageModel,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
    Translator,
)
from rnnkit.bptt import RandomTruncated
from tests.goldens import given, keep, plain

FOLDER = Path(__file__).with_name("models_v1")
FORMAT = 1

ATTRIBUTES = (
    "classes_",
    "num_parameters_",
    "n_features_in_",
    "feature_names_in_",
    "history_.best_epoch",
    "history_.best",
    "history_.stopped",
)

SMALL: dict[str, Any] = {
    "embedding_size": 6,
    "hidden_size": 7,
    "batch_size": 8,
    "max_epochs": 10,
    "lr": 0.05,
    "validation_fraction": 0.2,
    "random_state": 0,
}


class Call(NamedTuple):
    """A method, and what it is given."""

    name: str
    args: list[Any] = []
    options: dict[str, Any] = {}


class Golden(NamedTuple):
    """A model that is to be fitted on X and y, and what it is asked then."""

    name: str
    estimator: Any
    X: Any
    y: Any
    calls: list[Call]


def asked(X: Any, *names: str) -> list[Call]:
    return [Call(name, [X]) for name in names]


# -- data ---------------------------------------------------------------------------------------

GOOD, BAD = ["good", "fine", "좋은"], ["bad", "dull", "나쁜"]
REVIEWS = [f"a {w} film {'정말 ' * i}".strip() for i in range(4) for w in GOOD + BAD]
VERDICTS = ["pos" if text.split()[1] in GOOD else "neg" for text in REVIEWS]
NEW_REVIEWS = ["a good film", "나쁜 영화", "never seen words", "", "정말 FINE"]

WORDS = {"one": "하나", "two": "둘", "three": "셋", "four": "Vier"}
NUMBERS = [f"{a} {b}" for a, b in product(WORDS, repeat=2)]
NUMERALS = [" ".join(WORDS[word] for word in text.split()) for text in NUMBERS]
NEW_NUMBERS = ["two three", "six 하나!", ""]

LINES = ["the cat sat", "the dog ran", "고양이가 앉았다", "개가 뛰었다", "a cat ran"] * 8
NEW_LINES = ["the cat ran", "개가 앉았다", "zebra"]

NOUNS, VERBS = ["dogs", "Cats", "새들"], ["bark", "sing", "잔다"]
SENTENCES = [[n, v, *["often"] * k] for k in range(3) for n in NOUNS for v in VERBS]
PARTS = [["NOUN", "VERB", *["ADV"] * (len(words) - 2)] for words in SENTENCES]
NEW_SENTENCES = [["Cats", "bark"], ["unseen", "words", "often"], [], ["새들", "sing", ""]]


def series(count: int, width: int | None = None, *, seed: int = 0, gaps: bool = False) -> list[Any]:
    """Random walks of 4 to 9 steps; with gaps, the second value of each is missing."""
    generator = np.random.default_rng(seed)
    shape = () if width is None else (width,)
    walks = [
        generator.normal(size=(4 + place % 6, *shape)).cumsum(axis=0).round(3)
        for place in range(count)
    ]
    for walk in walks if gaps else []:
        walk[1, ...] = np.nan
    return walks


def rises(walks: list[Any]) -> list[int]:
    return [int(np.ravel(walk[-1])[0] > np.ravel(walk[0])[0]) for walk in walks]


def states(walks: list[Any]) -> list[list[int]]:
    return [(walk[:, 0] > 0).astype(int).tolist() for walk in walks]


def ids(count: int, *, seed: int = 0) -> list[list[int]]:
    """Ids from 1 to 7, with two zeros of padding at the end."""
    generator = np.random.default_rng(seed)
    return [[*generator.integers(1, 8, 3 + n % 4).tolist(), 0, 0] for n in range(count)]


def halves(channels: int) -> tuple[list[Any], list[list[str]]]:
    """Images whose upper or lower half is light, and two captions of each."""
    X, y = [], []
    for light, top in product((250, 200, 150), (True, False)):
        image = np.zeros((8, 8, channels), np.uint8)
        image[:4] = light if top else 0
        image[4:] = 0 if top else light
        X.append(image)
        y.append(["light above", "위가 밝다"] if top else ["light below", "아래가 밝다"])
    return X * 2, y * 2


def videos(count: int, channels: int = 1) -> tuple[list[Any], list[list[str]]]:
    """Frames that are light or dark, and "up" where light follows dark."""
    generator = np.random.default_rng(0)
    X, y = [], []
    for place in range(count):
        light = generator.integers(0, 2, 3 + place % 3)
        frames = np.broadcast_to(light[:, None, None, None] * 255, (len(light), 8, 8, channels))
        X.append(frames.astype(np.uint8))
        rise = np.diff(light, prepend=1) > 0
        y.append(np.where(rise, "up", "-").tolist())
    return X, y


# -- classifiers --------------------------------------------------------------------------------


def classifier(name: str, X: Any, y: Any, new: Any, **options: Any) -> Golden:
    name = f"classifier-{name}"
    model = SequenceClassifier(**{**SMALL, "buckets": 32, **options, **given(name)})
    return Golden(name, model, X, y, asked(new, "predict", "predict_proba"))


def classifiers() -> Iterator[Golden]:
    numbers = [int(verdict == "pos") for verdict in VERDICTS]
    truths = [verdict == "pos" for verdict in VERDICTS]
    tokens = [text.split() for text in REVIEWS]
    new_tokens = [text.split() for text in NEW_REVIEWS]
    by_count = [["none", "some", "many", "many"][text.count("정말")] for text in REVIEWS]

    def texts(name: str, y: Any = VERDICTS, **options: Any) -> Golden:
        return classifier(name, REVIEWS, y, NEW_REVIEWS, **options)

    yield texts("word-lstm", num_layers=2, class_weight="balanced")
    yield texts("char-gru", numbers, level="char", ngrams=2, whole_words=True, cell="gru",
                pooling="last")  # fmt: skip
    yield texts("jamo-rnn", truths, level="jamo", cell="rnn", pooling="mean", bidirectional=False)
    yield texts("word-ngrams", by_count, ngrams=2, max_length=3, truncating="post", lower=False,
                normalize="NFC", class_weight={"none": 1.0, "some": 2.0, "many": 0.5})  # fmt: skip
    yield texts("word-none", cell="none")
    yield texts("char-none", level="char", cell="none", ngrams=3)
    yield texts("word-analyzer", numbers)
    yield texts("policy", bptt="truncated(3, 6)", recurrent_dropout=0.2, ema_decay=0.9)
    yield texts("policy-object", bptt=RandomTruncated(4.0, alpha=6.0), cell="gru", init="chrono")
    yield texts("language-model", language_model="language-word-line.rnn")
    yield texts("language-model-char", level="char", cell="gru", ngrams=2, bidirectional=False,
                num_layers=2, language_model="language-char-gru.rnn")  # fmt: skip
    yield classifier("tokens-rnn-relu", tokens, VERDICTS, new_tokens, cell="rnn-relu",
                     init="identity", pooling="max", min_count=2, num_words=6)  # fmt: skip

    rows = ids(24)
    odd = [row[0] % 2 for row in rows]
    for cell in ("lstm", "none"):
        yield classifier(f"ids-{cell}", rows, odd, ids(4, seed=1), inputs="ids", cell=cell,
                         class_weight={0: 1.0, 1: 2.0})  # fmt: skip

    one, two = series(24, gaps=True), series(24, 2, gaps=True)
    new_one, new_two = series(4, seed=1, gaps=True), series(4, 2, seed=1, gaps=True)
    yield classifier("series", one, rises(one), new_one, scale="signed-log")
    yield classifier("series-two", two, rises(two), new_two, cell="gru", num_layers=2)
    yield classifier("series-none", one, rises(one), new_one, cell="none")
    yield classifier("series-two-none", two, rises(two), new_two, cell="none", scale="none")
    table = np.stack([walk[:4] for walk in series(24)])
    new = table[:4] + 0.5
    yield classifier("table", table, rises(list(table)), new, cell="rnn", scale="none")
    # Asked in a list, which has no columns: the answer needs no pandas.
    yield classifier("table-columns", named(table), rises(list(table)), list(new), cell="rnn")


def named(table: np.ndarray) -> Any:
    import pandas as pd

    return pd.DataFrame(table, columns=["mon", "tue", "수", "목"])


# -- taggers ------------------------------------------------------------------------------------


def tagger(name: str, X: Any, y: Any, new: Any, **options: Any) -> Golden:
    spelling = {"character_size": 4, "character_hidden_size": 4}
    model = SequenceTagger(**{**SMALL, "dropout": 0.1, **spelling, **options})
    return Golden(f"tagger-{name}", model, X, y, asked(new, "predict", "predict_proba"))


def taggers() -> Iterator[Golden]:
    gaps = [[None if part == "ADV" else part for part in row] for row in PARTS]

    def words(name: str, y: Any = PARTS, **options: Any) -> Golden:
        return tagger(name, SENTENCES, y, NEW_SENTENCES, **options)

    yield words("words-lstm", affixes=2, num_layers=2)
    yield words("words-crf-gru", affixes=2, crf=True, cell="gru")
    yield words("words-rnn", affixes=0, cell="rnn")
    yield words("words-gaps", gaps, affixes=2, class_weight="balanced", min_count=2)
    yield words("no-characters-rnn-relu", affixes=3, character_size=0, cell="rnn-relu")
    yield words("no-characters-crf", affixes=0, character_size=0, crf=True, lower=False)
    yield words("words-none", affixes=2, cell="none")
    yield words("words-crf-none", affixes=0, crf=True, cell="none", character_size=0)
    texts = [" ".join(row) for row in SENTENCES]
    yield tagger("texts", texts, PARTS, ["Cats bark", "unseen 새들"], affixes=1, init="chrono",
                 bptt="truncated(3, 6)")  # fmt: skip

    walks, new = series(20, 2, gaps=True), series(3, 2, seed=1, gaps=True)
    yield tagger("series-gru", walks, states(walks), new, cell="gru", num_layers=2,
                 bidirectional=False, update_every=4, scale="signed-log")  # fmt: skip
    yield tagger("series-crf", walks, states(walks), new, crf=True)
    yield tagger("series-none", walks, states(walks), new, cell="none")
    rows = ids(20)
    odd = [[bool(number % 2) for number in row] for row in rows]
    yield tagger("ids-lstm", rows, odd, ids(3, seed=1), inputs="ids")
    yield tagger("ids-crf-rnn", rows, odd, ids(3, seed=1), inputs="ids", crf=True, cell="rnn")


# -- regressors ---------------------------------------------------------------------------------


def regressor(name: str, X: Any, y: Any, calls: list[Call], **options: Any) -> Golden:
    model = SequenceRegressor(**{**SMALL, "buckets": 32, **options})
    return Golden(f"regressor-{name}", model, X, y, calls)


def regressors() -> Iterator[Golden]:
    lengths = [float(len(text)) for text in REVIEWS]
    texts = asked(NEW_REVIEWS, "predict")
    yield regressor("text-lstm", REVIEWS, lengths, texts)
    yield regressor("text-char", REVIEWS, lengths, texts, level="char", ngrams=2, whole_words=True)
    yield regressor("text-jamo", REVIEWS, lengths, texts, level="jamo", cell="gru", pooling="last")
    yield regressor("text-none", REVIEWS, lengths, texts, cell="none")
    yield regressor("language-model", REVIEWS, lengths, texts,
                    language_model="language-word-line.rnn")  # fmt: skip
    rows = ids(20)
    yield regressor("ids-rnn", rows, [float(row[0]) for row in rows],
                    asked(ids(3, seed=1), "predict"), inputs="ids", cell="rnn")  # fmt: skip

    one, two = series(20, gaps=True), series(20, 2, gaps=True)
    last_two = [walk[-1].tolist() for walk in two]
    new_one, new_two = series(3, seed=1, gaps=True), series(3, 2, seed=1, gaps=True)
    asked_one, asked_two = asked(new_one, "predict"), asked(new_two, "predict")
    yield regressor("series", one, [walk[-1] for walk in one], asked_one, scale="signed-log")
    yield regressor("series-two-gru", two, last_two, asked_two, cell="gru", num_layers=2,
                    bidirectional=False)  # fmt: skip
    yield regressor("series-none", two, last_two, asked_two, cell="none")

    stepwise = {"output": "step"}
    sums = [np.nancumsum(walk, axis=0) for walk in two]
    first = [rows[:, 0] for rows in sums]
    yield regressor("step-lstm", two, first, asked_two, **stepwise)
    yield regressor("step-two-rnn-relu", two, sums, asked_two, cell="rnn-relu", **stepwise)
    yield regressor("step-both-ways", two, first, asked_two, cell="gru", bidirectional=True,
                    num_layers=2, **stepwise)  # fmt: skip
    yield regressor("step-none", two, first, asked_two, cell="none", **stepwise)

    steps = [Call("predict_step", [float(value)]) for value in series(1, seed=2)[0]]
    steps_two = [Call("predict_step", [row]) for row in series(1, 2, seed=2)[0]]
    for cell in ("lstm", "none"):
        yield regressor(f"forecast-{cell}", one, None, asked_one + steps, cell=cell, **stepwise)
    yield regressor("forecast-values", one, None, asked_one + steps, differences=False, cell="rnn",
                    update_every=3, **stepwise)  # fmt: skip
    yield regressor("forecast-two", two, None, asked_two + steps_two, cell="gru", num_layers=2,
                    bptt="truncated(3, 6)", **stepwise)  # fmt: skip


# -- language models ----------------------------------------------------------------------------


def language(name: str, X: Any, **options: Any) -> Golden:
    model = LanguageModel(**{**SMALL, "bptt_steps": 8, "num_layers": 1, "dropout": 0.0, **options})
    calls = [
        *asked(NEW_LINES, "score", "log_prob"),
        Call("generate", [], {"temperature": 0, "max_length": 12}),
        Call("generate", ["the cat"], {"temperature": 0, "max_length": 12}),
        Call("generate", ["고양"], {"temperature": 0, "max_length": 12}),
    ]
    return Golden(f"language-{name}", model, X, None, calls)


def languages() -> Iterator[Golden]:
    whole = "\n".join(LINES)
    even = {"embedding_size": 6, "hidden_size": 6, "max_epochs": 20}
    yield language("word-line", whole)
    yield language("word-document-gru", LINES, cell="gru", tied=False, **even)
    yield language("word-lines-rnn-relu", LINES, cell="rnn-relu", end_mark="line", lower=True,
                   min_count=9)  # fmt: skip
    yield language("char-rnn", whole, level="char", cell="rnn", tied=False)
    yield language("char-gru", LINES, level="char", cell="gru", num_layers=2)
    yield language("jamo-lstm", whole, level="jamo", num_layers=2, **even)
    yield language("jamo-documents", LINES, level="jamo", num_words=20, bptt="truncated(3, 6)")
    yield language("word-none", LINES, cell="none", window=3)
    yield language("char-none", whole, cell="none", level="char", window=2, tied=False)


# -- translators --------------------------------------------------------------------------------


def translator(name: str, source: str, target: str, **options: Any) -> Golden:
    sizes = {"buckets": 32, "character_size": 4, "character_hidden_size": 4, "subwords": 270}
    model = Translator(**{**SMALL, "max_epochs": 30, "dropout": 0.0, "max_length": 12, **sizes,
                          "source_level": source, "target_level": target, **options})  # fmt: skip
    calls = [
        *asked(NEW_NUMBERS, "predict"),
        Call("translate", [NEW_NUMBERS], {"n_best": 2, "beam_size": 3}),
        Call("align", [NEW_NUMBERS[:1], NUMERALS[:1]]),
    ]
    if target != "subword":
        calls += asked(NEW_NUMBERS[:1], "predict_proba", "align")
    return Golden(f"translator-{name}", model, NUMBERS, NUMERALS, calls)


def translators() -> Iterator[Golden]:
    letters = {"source_words": False, "source_ngrams": 1}
    yield translator("char-lstm", "char", "char", source_ngrams=2)
    yield translator("char-letters-rnn-relu", "char", "char", cell="rnn-relu", num_layers=2,
                     **letters)  # fmt: skip
    yield translator("char-word", "char", "word", input_feeding=False, tied=False, **letters)
    yield translator("jamo-gru", "jamo", "jamo", cell="gru", attention="additive",
                     input_feeding=False)  # fmt: skip
    yield translator("word-rnn", "word", "word", cell="rnn", attention="additive", tied=False)
    yield translator("word-lstm", "word", "char", num_layers=2, attention="additive", lower=True,
                     scheduled_sampling=0.2, bptt="truncated(3, 6)")  # fmt: skip
    yield translator("subword-lstm", "subword", "subword", embedding_size=4)
    yield translator("subword-char-gru", "subword", "char", cell="gru", length_penalty=0.5)
    yield translator("char-none", "char", "char", cell="none", source_ngrams=2)
    yield translator("word-none", "word", "word", cell="none", attention="additive")


# -- captioners ---------------------------------------------------------------------------------


def captioner(name: str, X: Any, y: Any, **options: Any) -> Golden:
    name = f"captioner-{name}"
    sizes = {"image_size": 8, "channels": 1, "encoder_size": 4, "batch_size": 4, "max_length": 12}
    model = Captioner(**{**SMALL, **sizes, "max_epochs": 20, "dropout": 0.0, **options,
                         **given(name)})  # fmt: skip
    calls = [
        *asked(X[1:3], "predict"),
        Call("caption", [X[1:3]], {"n_best": 2, "beam_size": 3}),
        *asked(X[1:2], "predict_proba", "attention_of"),
    ]
    return Golden(name, model, X, y, calls)


def captioners() -> Iterator[Golden]:
    color, gray = halves(3), halves(1)
    english = [texts[0] for texts in gray[1]]
    yield captioner("conv-lstm", *color, channels=3)
    yield captioner("conv-places-gru", gray[0], english, summary="places", cell="gru",
                    num_layers=2, attention="multiplicative", input_feeding=False, tied=False,
                    target_level="char", augment="shift")  # fmt: skip
    yield captioner("conv-none", *gray, cell="none")
    yield captioner("conv-rnn", gray[0], english, cell="rnn", input_feeding=False, lower=True)
    yield captioner("conv-given", gray[0], english)
    yield captioner("places-given", *gray, summary="places", cell="gru", bptt="truncated(3, 6)")
    generator = np.random.default_rng(0)
    vectors = list(generator.normal(size=(12, 3)).round(3))
    places = [generator.normal(size=(2 + n % 3, 3)).round(3) for n in range(12)]
    yield captioner("features-rnn-relu", vectors, english, encoder="none", cell="rnn-relu")
    yield captioner("features-places", places, gray[1], encoder="none", target_level="jamo",
                    num_layers=2)  # fmt: skip


# -- taggers of frames --------------------------------------------------------------------------


def frames(name: str, X: Any, y: Any, **options: Any) -> Golden:
    name = f"frames-{name}"
    sizes = {"image_size": 8, "channels": 1, "encoder_size": 4, "batch_size": 4}
    model = FrameTagger(**{**SMALL, **sizes, **options, **given(name)})
    return Golden(name, model, X, y, asked(X[2:5], "predict", "predict_proba"))


def frame_taggers() -> Iterator[Golden]:
    gray, (color, labels) = videos(10), videos(10, channels=3)
    yield frames("conv-lstm", color, labels, channels=3, class_weight="balanced")
    yield frames("conv-crf-gru", *gray, crf=True, cell="gru", augment="shift-flip")
    yield frames("conv-rnn", *gray, cell="rnn", bidirectional=False, num_layers=2, update_every=2)
    yield frames("conv-none", *gray, cell="none", window=0)
    yield frames("conv-window", *gray, cell="none", window=2, bidirectional=False)
    yield frames("conv-given", *gray, bptt="truncated(3, 6)")
    features = [video.reshape(len(video), -1)[:, :3] / 255 for video in gray[0]]
    features = [row + np.arange(3) for row in features]
    yield frames("features-rnn-relu", features, gray[1], encoder="none", cell="rnn-relu")
    yield frames("features-crf-window", features, gray[1], encoder="none", cell="none", window=1,
                 crf=True)  # fmt: skip


# -- files --------------------------------------------------------------------------------------


def goldens() -> Iterator[Golden]:
    yield from languages()  # with some of them the others begin
    yield from classifiers()
    yield from taggers()
    yield from regressors()
    yield from translators()
    yield from captioners()
    yield from frame_taggers()


def attributes(model: Any) -> dict[str, Any]:
    found = {}
    for name in ATTRIBUTES:
        if hasattr(model, name.split(".")[0]):
            found[name] = plain(attrgetter(name)(model))
    return found


def parameters(name: str, model: Any) -> dict[str, str]:
    """The text of each parameter that the file holds."""
    params = model.get_params()
    return {key: repr(value) for key, value in params.items() if key not in given(name)}


def write(golden: Golden) -> None:
    """Fit a model, save it, and keep what the loaded one answers."""
    golden.estimator.fit(golden.X, golden.y)
    path = Path(f"{golden.name}.rnn")
    golden.estimator.save(path)
    model = rnnkit.load(path, **given(golden.name))
    kept = {
        "estimator": type(model).__name__,
        "parameters": parameters(golden.name, model),
        "attributes": attributes(model),
        "calls": [
            {
                "call": call.name,
                "args": keep(call.args),
                "options": call.options,
                "answer": plain(getattr(model, call.name)(*call.args, **call.options)),
            }
            for call in golden.calls
        ],
    }
    text = json.dumps(kept, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    path.with_suffix(".json").write_text(text + "\n", encoding="utf-8")


def main() -> None:
    if rnnkit.archive.FORMAT_VERSION != FORMAT:
        raise SystemExit(f"this rnnkit writes format {rnnkit.archive.FORMAT_VERSION}, not {FORMAT}")
    torch.set_num_threads(1)
    FOLDER.mkdir(exist_ok=True)
    # Models keep the path of their language model: it shall be a bare name.
    os.chdir(FOLDER)
    for golden in goldens():
        write(golden)


if __name__ == "__main__":
    main()
