from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from sklearn.base import clone

from rnnkit import (
    Captioner,
    FrameTagger,
    SequenceClassifier,
    SequenceRegressor,
    SequenceTagger,
    Translator,
)
from tests.checks import CHECKS, Case

SMALL = {"embedding_size": 16, "hidden_size": 16, "batch_size": 8, "lr": 0.02, "random_state": 3}
GOOD, BAD = ["good", "fine", "lovely"], ["bad", "poor", "dull"]


def reviews() -> Case:
    X = [f"a {word} film {'indeed ' * i}".strip() for i in range(4) for word in GOOD + BAD]
    y = ["pos" if x.split()[1] in GOOD else "neg" for x in X]
    model = SequenceClassifier(max_epochs=8, validation_fraction=0, rare_dropout=0, **SMALL)
    return Case("reviews", model, X, y, 0.95, ["", "never seen words", "?!", "영화가 good"])


def rising() -> Case:
    generator = np.random.default_rng(0)
    X = [np.cumsum(generator.normal(d, 1.0, size=n)) for n in range(5, 25) for d in (-1, 1)]
    y = [int(x[-1] > x[0]) for x in X]
    model = SequenceClassifier(max_epochs=8, validation_fraction=0, **SMALL)
    return Case("rising series", model, X, y, 0.9, [np.array([3.0]), np.arange(100.0)])


def parts_of_speech() -> Case:
    nouns, verbs = ["dogs", "cats", "birds"], ["bark", "sing", "sleep"]
    X = [[n, v, *["often"] * k] for k in range(3) for n in nouns for v in verbs]
    y = [["NOUN", "VERB", *["ADV"] * (len(x) - 2)] for x in X]
    model = SequenceTagger(
        max_epochs=8,
        validation_fraction=0,
        character_size=8,
        character_hidden_size=8,
        num_layers=1,
        **SMALL,
    )
    return Case("parts of speech", model, X, y, 0.95, [[], ["unseen"], ["고양이", "sleep"], [""]])


def phrases() -> Case:
    """The next label is known from the one before better than from the word."""
    generator = np.random.default_rng(0)
    X, y = [], []
    for begin in range(2):
        for length in range(1, 13):
            y.append(["BI"[(begin + step) % 2] for step in range(length)])
            X.append([str(generator.choice(["um", "eh"])) for _ in range(length)])
            X[-1][0] = y[-1][0]
    model = SequenceTagger(
        crf=True,
        affixes=2,
        max_epochs=10,
        validation_fraction=0,
        character_size=8,
        character_hidden_size=8,
        num_layers=1,
        dropout=0,
        **SMALL,
    )
    return Case("phrases", model, X, y, 0.95, [[], ["unseen"], ["eh"] * 30, [""]])


def moments() -> Case:
    generator = np.random.default_rng(0)
    X = [generator.normal(size=(n, 2)) for n in range(3, 33)]
    y = [(np.cumsum(x[:, 0]) > 0).astype(int).tolist() for x in X]
    model = SequenceTagger(max_epochs=25, validation_fraction=0, num_layers=1, dropout=0, **SMALL)
    return Case("moments", model, X, y, 0.85, [np.zeros((1, 2)), np.ones((60, 2))])


def means() -> Case:
    generator = np.random.default_rng(0)
    X = [generator.normal(size=n) for n in range(3, 43)]
    y = [float(np.mean(x)) for x in X]
    model = SequenceRegressor(max_epochs=40, validation_fraction=0, **{**SMALL, "lr": 0.01})
    return Case("means", model, X, y, 0.9, [np.array([3.0]), np.array([0.0, np.nan, 1.0])])


def running_sums() -> Case:
    generator = np.random.default_rng(0)
    X = [generator.normal(size=(24, 2)) for _ in range(16)]
    y = [np.cumsum(x[:, 0]) for x in X]
    model = SequenceRegressor(
        output="step", max_epochs=40, validation_fraction=0, **{**SMALL, "lr": 0.01}
    )
    unseen = [np.zeros((1, 2)), np.ones((40, 2))]
    return Case("running sums", model, X, y, 0.9, unseen, y_is_needed=False)


def numerals() -> Case:
    words = {"one": "하나", "two": "둘", "three": "셋", "four": "넷", "five": "다섯"}
    X = [f"{a} {b}" for a in words for b in words]
    y = [" ".join(words[word] for word in x.split()) for x in X]
    model = Translator(
        max_epochs=30, validation_fraction=0, dropout=0, beam_size=2, buckets=256, **SMALL
    )
    return Case("numerals", model, X, y, 0.9, ["", "six", "one one one one", "하나"])


def subwords() -> Case:
    case = numerals()
    levels = {"source_level": "subword", "target_level": "subword", "subwords": 300}
    # The softmax is over more than 256 bytes too, which takes a larger network than letters do.
    sizes = {"embedding_size": 48, "hidden_size": 48, "lr": 0.01, "label_smoothing": 0}
    model = clone(case.estimator).set_params(**levels, **sizes, attention="additive")
    return Case("subwords", model, case.X, case.y, 0.9, [*case.unseen, "🐟 \ud800"])


def colored_halves() -> Case:
    colors = {"빨간": (220, 30, 30), "green": (30, 200, 30), "blue": (40, 40, 230)}
    X, y = [], []
    for (name, color), top, light in product(colors.items(), (True, False), (0, 20)):
        image = np.full((10, 8, 3), 255 - light, np.uint8)
        image[:5] = color if top else image[:5]
        image[5:] = image[5:] if top else color
        X.append(image)
        y.append(f"{name} {'above' if top else 'below'}")
    model = Captioner(
        max_epochs=25,
        validation_fraction=0,
        dropout=0,
        image_size=8,
        encoder_size=16,
        beam_size=2,
        **{**SMALL, "batch_size": 4},
    )
    unseen = [np.zeros((8, 8)), np.full((3, 20, 4), 9, np.uint8), np.ones((1, 1, 3))]
    return Case("colored halves", model, X, y, 0.9, unseen)


def moving_dots() -> Case:
    """Which way a dot goes, which no frame shows."""
    X, y = [], []
    for length, row, way in product((2, 5, 9), (1, 4, 6), (-1, 1)):
        video = np.zeros((length, 8, 8), np.uint8)
        places = (4 + way * np.arange(length)) % 8
        video[np.arange(length), row, places] = 255
        X.append(video)
        y.append(["left" if way < 0 else "right"] * length)
    model = FrameTagger(
        max_epochs=25,
        validation_fraction=0,
        dropout=0,
        image_size=8,
        channels=1,
        encoder_size=8,
        **{**SMALL, "batch_size": 4},
    )
    unseen = [np.zeros((1, 8, 8)), np.full((3, 5, 9, 3), 9, np.uint8), [np.ones((8, 8))] * 12]
    return Case("moving dots", model, X, y, 0.9, unseen)


CASES = [
    reviews(),
    rising(),
    parts_of_speech(),
    phrases(),
    moments(),
    means(),
    running_sums(),
    numerals(),
    subwords(),
    colored_halves(),
    moving_dots(),
]


@pytest.fixture(scope="module")
def fitted_models():
    return {}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name.replace(" ", "-"))
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_estimator(check, case, fitted_models, tmp_path):
    if case.name not in fitted_models:
        fitted_models[case.name] = clone(case.estimator).fit(case.X, case.y)
    check(case, fitted_models[case.name], tmp_path)
