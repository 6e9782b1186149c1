"""Image captioning, from scratch."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from benchmarks.quality.result import Result, corpora
from rnnkit import Captioner
from rnnkit.baselines import ConstantCaption, NearestImage
from rnnkit.data import CaptionedImages, read_captions
from rnnkit.metrics import CaptionScores, caption_words, most_agreed, score_captions

EMOJI: dict[str, Any] = {
    "image_size": 32,
    "summary": "places",
    "batch_size": 32,
    "max_epochs": 60,
    "lr": 3e-3,
    "dropout": 0.2,
    "weight_decay": 0.5,
    "ema_decay": 0.99,
    "label_smoothing": 0.0,
    "monitor": "accuracy",
}
# The picture in 16 patches of 4 x 4 places, each the mean of four pixels: with 1,524 pictures of
# which many differ from another one in a detail, what is learnt from all pixels carries further
# than what convolutions find.
EMOJI_PATCHES = (2, 4)
# What is said is the sentence that the draws of so many networks agree with most.
EMOJI_AVERAGED, EMOJI_DRAWS, EMOJI_TEMPERATURE = 5, 16, 0.7

FLICKR8K = {
    "image_size": 96,
    "encoder_size": 128,
    "augment": "shift-flip",
    "lower": True,
    "min_count": 5,
    "embedding_size": 192,
    "hidden_size": 256,
    "input_feeding": False,
    "batch_size": 32,
    "max_epochs": 20,
    "lr": 2e-3,
    "monitor": "accuracy",
}

# Training captions among which the best constant one is looked for, on the validation images.
CONSTANTS = 100


def caption_emoji(seed: int) -> Result:
    """The names of emoji from their pictures, in English and in Korean, by models of their own."""
    metrics: dict[str, Any] = {}
    baselines: dict[str, dict[str, Any]] = {
        "one model, beam search": {},
        "nearest image": {},
        "most frequent caption": {},
    }
    for language in ("en", "ko"):
        train, valid, test = _parts("emoji", language)
        models, minutes = _namers(train, valid, seed)
        rivals = {
            "one model, beam search": models[0],
            "nearest image": NearestImage().fit(train.images, train.captions),
            "most frequent caption": ConstantCaption().fit(train.images, train.captions),
        }
        for part, data in (("test", test), ("val", valid)):
            name = f"{language} {part}"
            metrics |= _names(name, score_captions(_said_by(models, data.images), data.captions))
            for rival, estimator in rivals.items():
                said = estimator.predict(data.images)
                baselines[rival] |= _names(name, score_captions(said, data.captions))
        metrics[f"{language} training minutes"] = minutes
        metrics[f"{language} parameters"] = sum(model.num_parameters_ for model in models)
    settings = {
        **EMOJI,
        "encoder": "patches",
        "random_state": seed,
        "models": EMOJI_AVERAGED,
        "draws of each": EMOJI_DRAWS,
        "temperature": EMOJI_TEMPERATURE,
    }
    return Result(metrics, baselines, settings)


def _namers(
    train: CaptionedImages, valid: CaptionedImages, seed: int
) -> tuple[list[Captioner], float]:
    """Models of one seed each, and the minutes that they took."""
    mean_of, side = EMOJI_PATCHES
    encoder = nn.Sequential(nn.AvgPool2d(mean_of), nn.PixelUnshuffle(side))
    fitted = [
        _fitted(Captioner(**EMOJI, encoder=encoder, random_state=seed + place), train, valid)
        for place in range(EMOJI_AVERAGED)
    ]
    return [model for model, _ in fitted], sum(minutes for _, minutes in fitted)


def _said_by(models: Sequence[Captioner], images: Any) -> list[str]:
    """For each image the sentence that those which the models draw agree with most."""
    drawn = [
        [one.text for one in model.sample(images, temperature=EMOJI_TEMPERATURE, random_state=draw)]
        for model in models
        for draw in range(EMOJI_DRAWS)
    ]
    return [several[most_agreed(several)] for several in zip(*drawn, strict=True)]


def caption_flickr8k(seed: int) -> Result:
    """Flickr8k, official split, photographs of 96 pixels a side, no pretrained weights."""
    train, valid, test = _parts("flickr8k", "caption")
    model, minutes = _fitted(Captioner(**FLICKR8K, random_state=seed, verbose=1), train, valid)
    nearest = NearestImage().fit(train.images, train.captions)
    metrics: dict[str, Any] = {}
    baselines: dict[str, dict[str, Any]] = {"nearest image": {}, "best constant caption": {}}
    constants = best_constants(train.captions, valid.captions)
    for part, data in (("test", test), ("val", valid)):
        metrics |= _captions(part, score_captions(model.predict(data.images), data.captions))
        copied = score_captions(nearest.predict(data.images), data.captions)
        baselines["nearest image"] |= _captions(part, copied)
        for figure, text in constants.items():
            scores = score_captions([text] * len(data), data.captions)
            found = _captions(part, scores)[f"{part} {figure}"]
            baselines["best constant caption"][f"{part} {figure}"] = found
    metrics |= {"training minutes": minutes, "parameters": model.num_parameters_}
    return Result(metrics, baselines, model.get_params())


def best_constants(
    train: Sequence[Sequence[str]], valid: Sequence[Sequence[str]]
) -> dict[str, str]:
    """For BLEU-4 and CIDEr-D, the training caption that is best on all validation images.

    Looked for among those whose pairs of words are the most frequent.
    """
    texts = sorted({text for several in train for text in several})
    pairs = Counter(pair for text in texts for pair in _pairs(text))
    frequent = [text for text in texts if 8 <= len(_pairs(text)) <= 14]
    frequent.sort(key=lambda text: -sum(pairs[p] for p in set(_pairs(text))) / len(_pairs(text)))
    scores = {text: score_captions([text] * len(valid), valid) for text in frequent[:CONSTANTS]}
    return {
        "BLEU-4": max(scores, key=lambda text: scores[text].bleu),
        "CIDEr-D": max(scores, key=lambda text: scores[text].cider),
    }


def _pairs(text: str) -> list[tuple[str, str]]:
    words = ["", *caption_words(text), ""]
    return list(pairwise(words))


def _parts(name: str, caption: str) -> list[CaptionedImages]:
    folder = corpora() / "captions" / name
    found = read_captions(
        folder / "captions.tsv", folder / "images", caption=caption, split="split"
    )
    return [found.part(part) for part in ("train", "val", "test")]


def _fitted(
    model: Captioner, train: CaptionedImages, valid: CaptionedImages
) -> tuple[Captioner, float]:
    """The fitted model, and the minutes that took."""
    began = time.perf_counter()
    model.fit(train.images, train.captions, validation=(valid.images, valid.captions))
    return model, (time.perf_counter() - began) / 60


def _names(part: str, scores: CaptionScores) -> dict[str, float]:
    return {f"{part} exact": scores.exact, f"{part} chrF": scores.chrf}


def _captions(part: str, scores: CaptionScores) -> dict[str, float]:
    return {f"{part} BLEU-4": scores.bleu, f"{part} CIDEr-D": scores.cider}
