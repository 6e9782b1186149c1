"""Many to many, aligned: a label for each moment of sequences of numbers, or frame of a video."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.quality.phases import LocalPhases
from benchmarks.quality.result import Result, corpora
from rnnkit import FrameTagger, SequenceTagger
from rnnkit.data import LabeledVideos, read_series, read_table, read_videos

# Chosen on the training videos alone: those of person a for learning and of b for judging, and the
# other way round.
GESTURE_SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 64,
    "num_layers": 2,
    "dropout": 0.5,
    "batch_size": 8,
    "max_epochs": 30,
    "lr": 3e-3,
    "weight_decay": 0.1,
}
# Frames to either side over which a speed is taken.
SPAN = 5
# Training videos are seen in pieces of so many frames that overlap by half; the others whole.
GESTURE_PIECE = 128

ACTIVITY_SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "hidden_size": 64,
    "num_layers": 2,
    "bidirectional": False,
    "update_every": 250,
    "dropout": 0.3,
    "batch_size": 8,
    "max_epochs": 15,
    "lr": 3e-3,
}

# Chosen by folds of the training and validation clips.
DRIVING_SETTINGS: dict[str, Any] = {
    "cell": "gru",
    "image_size": 64,
    "channels": 1,
    "augment": "shift",
    "embedding_size": 64,
    "hidden_size": 64,
    "num_layers": 2,
    "dropout": 0.1,
    # The square roots of the balanced ones.
    "class_weight": {"left": 1.5, "right": 1.7, "straight": 0.67},
    "batch_size": 2,
    "max_epochs": 60,
    "lr": 3e-3,
    "validation_fraction": 0,
}
# Beside it, alike but for its encoder: the one that comes with the estimator.
DRIVING_CONV = {"encoder": "conv", "encoder_size": 32, "image_size": 32, "channels": 3}


def frames_gesture(seed: int) -> Result:
    """The phase of a gesture at each frame of a video, for a person who was never seen."""
    path = corpora() / "video" / "gesture_phase" / "frames.csv.gz"
    table = read_table(path)
    parts: dict[str, list[tuple[np.ndarray, list[str]]]] = {}
    for video in dict.fromkeys(table["video"]):
        rows = [row for row, name in enumerate(table["video"]) if name == video]
        points = np.array([[float(table[name][row]) for name in POINTS] for row in rows])
        labels = [table["phase"][row] for row in rows]
        parts.setdefault(table["split"][rows[0]], []).append((_moving(points), labels))
    train = [piece for video in parts["train"] for piece in _pieces(*video)]
    return _compared(
        GESTURE_SETTINGS, train, parts["val"], parts["test"], seed, as_they_come=parts["train"]
    )


POINTS = [f"{place}{axis}" for place in ("lh", "rh", "h", "s", "lw", "rw") for axis in "xyz"]


def _moving(points: np.ndarray) -> np.ndarray:
    """(T, 18) places -> (T, 35): where hands, head and wrists are as seen from the spine, how fast
    they go over ten frames, how far hands and wrists moved since the last, and how far apart the
    hands are; each brought to mean 0 and deviation 1 within the video, since people differ in size
    and place.
    """
    places = points.reshape(len(points), 6, 3)
    seen = np.delete(places - places[:, 3:4], 3, axis=1).reshape(len(points), 15)
    padded = np.pad(seen, ((SPAN, SPAN), (0, 0)), mode="edge")
    speeds = (padded[2 * SPAN :] - padded[: -2 * SPAN]) / (2 * SPAN)
    hands = places[:, [0, 1, 4, 5]]
    moved = np.linalg.norm(np.diff(hands, axis=0, prepend=hands[:1]), axis=-1)
    apart = np.linalg.norm(places[:, 0] - places[:, 1], axis=-1, keepdims=True)
    features = np.concatenate([seen, speeds, moved, apart], axis=1)
    return (features - features.mean(axis=0)) / (features.std(axis=0) + 1e-9)


def _pieces(video: np.ndarray, labels: list[str]) -> list[tuple[np.ndarray, list[str]]]:
    starts = range(0, max(1, len(video) - GESTURE_PIECE // 2), GESTURE_PIECE // 2)
    return [
        (video[begin : begin + GESTURE_PIECE], labels[begin : begin + GESTURE_PIECE])
        for begin in starts
    ]


def activity(seed: int) -> Result:
    """What a person does at each moment of 3 to 11 minutes, for users who were never seen."""
    path = corpora() / "series" / "hapt_activity" / "hapt_12.5hz.csv.gz"
    table = read_series(path, id="seq", time="t", label="label", ignore=["user", "split"])
    about = read_table(path, ["seq", "user", "split"])
    split_of = dict(zip(about["seq"], about["split"], strict=True))
    user_of = dict(zip(about["seq"], about["user"], strict=True))
    parts: dict[str, list[tuple[np.ndarray, list[Any]]]] = {"train": [], "val": [], "test": []}
    held_out = sorted({user_of[name] for name in table.ids if split_of[name] == "train"})[::7]
    for name, series, labels in zip(table.ids, table.series, table.labels, strict=True):
        split = "val" if user_of[name] in held_out else split_of[name]
        parts[split].append((series, [None if label == "0" else label for label in labels]))
    return _compared(ACTIVITY_SETTINGS, parts["train"], parts["val"], parts["test"], seed)


def frames_driving(seed: int) -> Result:
    """Whether a car steers left, straight or right at each frame of its camera, by the pictures."""
    folder = corpora() / "video" / "driving_frames"
    found = read_videos(folder / "labels.tsv", folder, split="split")
    # Whatever was to be chosen was chosen on folds of both.
    parts, test = [found.part("train"), found.part("val")], found.part("test")
    compared: dict[str, dict[str, Any]] = {}
    settings = {**DRIVING_SETTINGS, "random_state": seed}
    for name, own in (("", {"encoder": LocalPhases()}), (", conv encoder", DRIVING_CONV)):
        chosen = {**settings, **own}
        known = [example for part in parts for example in _frames(part, chosen["image_size"])]
        known += list(map(_mirrored, known))
        rows = _with_and_without(
            FrameTagger, chosen, known, None, _frames(test, chosen["image_size"])
        )
        compared |= {f"{row}{name}": figures for row, figures in rows.items()}
    labels = [label for part in parts for row in part.labels for label in row]
    truth = np.array([label for row in test.labels for label in row])
    compared["majority"] = _majority(labels, truth)
    shown = {**settings, "encoder": "benchmarks.quality.phases.LocalPhases()"}
    return Result(compared.pop("rnnkit"), compared, shown)


def _frames(videos: LabeledVideos, size: int) -> list[tuple[np.ndarray, list[str]]]:
    """(T, size, size, 3) and the labels of each."""
    pixels = [video.load(size=size) for video in videos.videos]
    return list(zip(pixels, videos.labels, strict=True))


def _mirrored(example: tuple[np.ndarray, list[str]]) -> tuple[np.ndarray, list[str]]:
    """The same drive on a track that turns the other way."""
    video, labels = example
    turned = {"left": "right", "right": "left"}
    return video[:, :, ::-1], [turned.get(label, label) for label in labels]


def _compared(
    settings: dict[str, Any],
    train: Sequence[tuple[np.ndarray, list[Any]]],
    valid: Sequence[tuple[np.ndarray, list[Any]]],
    test: Sequence[tuple[np.ndarray, list[Any]]],
    seed: int,
    *,
    as_they_come: Sequence[tuple[np.ndarray, list[Any]]] | None = None,
) -> Result:
    """Beside the feed-forward contrast, logistic regression on single steps, and the majority."""
    settings = {**settings, "random_state": seed}
    found = _with_and_without(SequenceTagger, settings, train, valid, test)
    known, labels = _flat(as_they_come or train)
    steps, truth = _flat(test)
    linear = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(known, labels)
    found["logistic regression"] = _scores(truth, linear.predict(steps))
    found["majority"] = _majority(labels, truth)
    return Result(found.pop("rnnkit"), found, settings)


def _with_and_without(
    estimator: type[Any],
    settings: dict[str, Any],
    train: Sequence[tuple[np.ndarray, list[Any]]],
    valid: Sequence[tuple[np.ndarray, list[Any]]] | None,
    test: Sequence[tuple[np.ndarray, list[Any]]],
) -> dict[str, dict[str, Any]]:
    """The scores of a recurrent network and of the feed-forward contrast, trained alike."""
    found = {}
    for name, cell in (("rnnkit", settings["cell"]), ("feed-forward", "none")):
        model = estimator(**{**settings, "cell": cell, "verbose": 1})
        began = time.perf_counter()
        model.fit(*_columns(train), validation=None if valid is None else _columns(valid))
        minutes = (time.perf_counter() - began) / 60
        said = np.concatenate([np.array(row) for row in model.predict(_columns(test)[0])])
        found[name] = {
            **_scores(_labels_of(test), said[_labeled(test)]),
            "training minutes": minutes,
            "parameters": model.num_parameters_,
        }
    return found


def _majority(labels: Sequence[Any] | np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """The scores of the most frequent of the training labels, said always."""
    values, counts = np.unique(labels, return_counts=True)
    return _scores(truth, np.full(len(truth), values[counts.argmax()]))


def _columns(examples: Sequence[tuple[np.ndarray, list[Any]]]) -> tuple[list[Any], list[Any]]:
    return [series for series, _ in examples], [labels for _, labels in examples]


def _labeled(examples: Sequence[tuple[np.ndarray, list[Any]]]) -> np.ndarray:
    return np.array([label is not None for _, labels in examples for label in labels])


def _labels_of(examples: Sequence[tuple[np.ndarray, list[Any]]]) -> np.ndarray:
    """(N,) the labels that there are."""
    return np.array([label for _, row in examples for label in row if label is not None])


def _flat(examples: Sequence[tuple[np.ndarray, list[Any]]]) -> tuple[np.ndarray, np.ndarray]:
    """(N, F) the steps that have a label, and (N,) the labels."""
    steps = np.concatenate([series for series, _ in examples])
    return steps[_labeled(examples)], _labels_of(examples)


def _scores(truth: np.ndarray, said: np.ndarray) -> dict[str, float]:
    return {
        "test accuracy": 100 * float((truth == said).mean()),
        "macro-F1": 100 * float(f1_score(truth, said, average="macro", zero_division=0)),
    }
