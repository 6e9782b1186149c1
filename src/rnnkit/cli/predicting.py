"""`rnnkit predict`: what a saved model says about texts."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from rnnkit import data
from rnnkit.cli.datasets import TABLE_SUFFIXES, read_unlabeled_series, suffix_of
from rnnkit.cli.output import print_json, print_line
from rnnkit.cli.specs import FRAMES, SERIES, SPECS
from rnnkit.cli.training import task_of
from rnnkit.errors import DataError, InputError, OptionError
from rnnkit.ship import load
from rnnkit.tasks import (
    Captioner,
    FrameTagger,
    LanguageModel,
    SequenceClassifier,
    SequenceEstimator,
    SequenceTagger,
    Translator,
)
from rnnkit.tasks.labeling import StepTagger

__all__ = ["generate", "predict", "read_inputs"]

CHUNK = 1000

Text = str | list[str]


def predict(
    path: Path,
    inputs: Sequence[str],
    *,
    column: str | None,
    proba: bool,
    n_best: int,
    beam_size: int | None,
    as_json: bool,
    columns: dict[str, Any],
) -> None:
    """Print one result for each text, in order, some texts at a time; or for each series, image or
    frame.

    columns: where in a table the series are, and which frames of a video are read.
    """
    model = load(path)
    _check_options(model, proba, n_best, beam_size, as_json)
    columns = _own_columns(model, columns)
    if getattr(model, "kind_", "text") == "series":
        _predict_series(model, inputs, columns, proba=proba, as_json=as_json)
        return
    if isinstance(model, FrameTagger):
        _label_frames(model, inputs, columns, proba=proba, as_json=as_json)
        return
    if isinstance(model, Captioner):
        _caption(model, inputs, n_best=n_best, beam_size=beam_size, as_json=as_json)
        return
    _check_text(path, model)
    if isinstance(model, Translator) and beam_size is None:
        beam_size = max(model.beam_size, n_best)
    texts = read_inputs(inputs, column=column, tagged=isinstance(model, SequenceTagger))
    # A person who types a line waits for its answer; a file is read in large pieces.
    size = 1 if "-" in inputs and sys.stdin.isatty() else CHUNK
    for chunk in _chunks(texts, size):
        for text, answer in zip(chunk, _answers(model, chunk, n_best, beam_size), strict=True):
            if as_json:
                print_json(_as_json(text, answer, proba))
            else:
                _print(text, answer, proba)
        sys.stdout.flush()


def _own_columns(model: SequenceEstimator, columns: dict[str, Any]) -> dict[str, Any]:
    """Those that say how the model's examples are read. Raises OptionError if others are given."""
    kinds = {"series": SERIES, "frames": FRAMES}
    kind = getattr(model, "kind_", "text")
    own = kinds.get(kind, {})
    for name, value in columns.items():
        if value and name not in own:
            meant = "series" if name in SERIES else "videos"
            raise OptionError(f"--{name} is for models of {meant}, and this one reads {kind}.")
    return {name: columns[name] for name in own}


def _check_text(path: Path, model: SequenceEstimator) -> None:
    kind = getattr(model, "kind_", "text")
    if kind != "text":
        raise InputError(
            f"{path}: this model reads {kind}, which no command does. Use it from Python: "
            f"rnnkit.load(...)."
        )


def _predict_series(
    model: SequenceEstimator,
    inputs: Sequence[str],
    columns: dict[str, Any],
    *,
    proba: bool,
    as_json: bool,
) -> None:
    """A line for each series of each file: its name, and the label or the next value."""
    for given in inputs:
        if given == "-":
            raise InputError("a model of series reads files: give a table or a .ts file.")
        dataset = read_unlabeled_series(Path(given), **columns)
        names = dataset.names or [f"line {line}" for line in dataset.lines]
        answers = (
            _classes(model, dataset.X)
            if isinstance(model, SequenceClassifier)
            else [{"next": np.ravel(rows[-1]).tolist()} for rows in model.predict(dataset.X)]
        )
        for name, answer in zip(names, answers, strict=True):
            if as_json:
                print_json({"id": name, **_shown(answer, proba)})
            elif "next" in answer:
                print_line(str(name), *(f"{value:.6g}" for value in answer["next"]))
            else:
                print_line(*_class_fields(answer, proba), str(name))


def _caption(
    model: Captioner,
    inputs: Sequence[str],
    *,
    n_best: int,
    beam_size: int | None,
    as_json: bool,
) -> None:
    """A line for each caption of each image file, or of each image in a folder."""
    if "-" in inputs:
        raise InputError("a model of images reads files and folders, not standard input.")
    images = [path for given in inputs for path in data.read_images(given).paths]
    size = max(model.beam_size, n_best) if beam_size is None else beam_size
    found = model.caption(images, n_best=n_best, beam_size=size)
    for path, several in zip(images, found, strict=True):
        if as_json:
            captions = [
                {"text": one.text, "probability": one.probability, "score": one.score}
                for one in several
            ]
            print_json({"image": str(path), "captions": captions})
            continue
        for one in several:
            print_line(one.text, f"{one.probability:.4f}", str(path))


def _label_frames(
    model: FrameTagger,
    inputs: Sequence[str],
    columns: dict[str, Any],
    *,
    proba: bool,
    as_json: bool,
) -> None:
    """A line for each frame that is kept of each video, or one of JSON for each video."""
    if "-" in inputs:
        raise InputError("a model of videos reads files and folders, not standard input.")
    if model.encoder == "none":
        raise InputError(
            "this model reads features of frames, which no command does. Use it from Python: "
            "rnnkit.load(...)."
        )
    for video in data.find_videos(*inputs, every=columns["every"] or 1, fps=columns["fps"]):
        frames, pixels = video.read(size=model.image_size, channels=model.channels)
        (answer,) = _labels_of_steps(model, [pixels])
        if as_json:
            where: dict[str, list[Any]] = {"frames": [one.number for one in frames]}
            if frames[0].time is not None:
                where["seconds"] = [one.time for one in frames]
            print_json({"video": str(video), **where, **_shown(answer, proba)})
            continue
        for frame, label, share in zip(
            frames, answer["labels"], answer["probability"], strict=True
        ):
            print_line(str(label), f"{share:.4f}", str(video), str(frame.number))


def read_inputs(
    inputs: Sequence[str], *, column: str | None = None, tagged: bool = False
) -> Iterator[Text]:
    """The texts that the arguments stand for: '-' for standard input, a file, or a text itself."""
    for given in inputs:
        if given == "-":
            yield from _standard_input()
        elif _is_file(given):
            yield from _file(Path(given), column, tagged)
        elif _looks_like_a_file(given):
            raise DataError("there is no such file.", path=given)
        else:
            yield given


def _is_file(given: str) -> bool:
    try:
        return Path(given).exists()
    except (OSError, ValueError):  # a text too long for a name, or with a null character
        return False


def _looks_like_a_file(given: str) -> bool:
    known = (*TABLE_SUFFIXES, ".txt", ".conllu")
    return not any(map(str.isspace, given)) and suffix_of(Path(given)) in known


def _standard_input() -> Iterator[str]:
    for number, line in enumerate(sys.stdin.buffer, start=1):
        try:
            yield line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            raise DataError(
                f"byte 0x{line[error.start]:02x} is not UTF-8.", path="standard input", line=number
            ) from None


def _file(path: Path, column: str | None, tagged: bool) -> Iterable[Text]:
    if column is not None or suffix_of(path) in TABLE_SUFFIXES:
        return _column(path, column or "text", tagged)
    if tagged and suffix_of(path) == ".conllu":
        # The tags are what is asked for: they may be missing, and the words stand in for them.
        return data.read_conllu(path, tag="form").tokens
    return data.read_lines(path)


def _column(path: Path, column: str, tagged: bool) -> list[Text]:
    table = data.read_table(path, [column])
    for line, value in zip(table.lines, table[column], strict=True):
        words = tagged and isinstance(value, list) and all(isinstance(one, str) for one in value)
        if not isinstance(value, str) and not words:
            raise DataError(
                f"a text was expected, but this is {value!r:.60} ({type(value).__name__}).",
                path=path,
                line=line,
                column=column,
            )
    return table[column]


def _check_options(
    model: SequenceEstimator, proba: bool, n_best: int, beam_size: int | None, as_json: bool
) -> None:
    name = type(model).__name__
    speaks = isinstance(model, Translator | Captioner)
    if not speaks and (n_best != 1 or beam_size is not None):
        raise OptionError(
            f"--n-best and --beam-size are for a Translator or a Captioner, and this is a {name}."
        )
    if proba and speaks:
        raise OptionError("--proba is for classes and tags; a sentence's is always printed.")
    if proba and isinstance(model, StepTagger) and not as_json:
        step = SPECS[task_of(model)].step
        raise OptionError(f"--proba of a {name} has one row a {step}: add --json.")


def _chunks(texts: Iterable[Text], size: int) -> Iterator[list[Text]]:
    iterator = iter(texts)
    while chunk := list(itertools.islice(iterator, size)):
        yield chunk


# -- answers: plain dicts, which are what --json prints -------------------------------------------


def _answers(
    model: SequenceEstimator, texts: list[Text], n_best: int, beam_size: int | None
) -> list[dict[str, Any]]:
    if isinstance(model, SequenceClassifier):
        return _classes(model, texts)
    if isinstance(model, SequenceTagger):
        return _tags(model, texts)
    if isinstance(model, Translator):
        return _translations(model, texts, n_best, beam_size)
    if isinstance(model, LanguageModel):
        return [{"log_prob": float(one)} for one in model.log_prob(texts)]
    raise InputError(f"predict does not know how to show a {type(model).__name__}.")


def _classes(model: SequenceClassifier, texts: Any) -> list[dict[str, Any]]:
    names = model.classes_.tolist()
    return [
        {
            "label": names[row.argmax()],
            "probability": float(row.max()),
            "probabilities": dict(zip(map(str, names), row.tolist(), strict=True)),
        }
        for row in model.predict_proba(texts)
    ]


def _labels_of_steps(model: StepTagger, sequences: list[Any]) -> list[dict[str, Any]]:
    """The best label of each step, its probability, and those of all."""
    names = model.classes_.tolist()
    return [
        {
            "labels": [names[best] for best in rows.argmax(axis=1)] if len(rows) else [],
            "probability": rows.max(axis=1).tolist() if len(rows) else [],
            "probabilities": [
                dict(zip(map(str, names), row, strict=True)) for row in rows.tolist()
            ],
        }
        for rows in model.predict_proba(sequences)
    ]


def _tags(model: SequenceTagger, texts: list[Text]) -> list[dict[str, Any]]:
    sentences = [text.split() if isinstance(text, str) else text for text in texts]
    return [
        {"tokens": tokens, "tags": answer.pop("labels"), **answer}
        for tokens, answer in zip(sentences, _labels_of_steps(model, sentences), strict=True)
    ]


def _translations(
    model: Translator, texts: list[Text], n_best: int, beam_size: int | None
) -> list[dict[str, Any]]:
    # A blank line stays blank: there is nothing to translate, and lines keep their places.
    filled = [place for place, text in enumerate(texts) if text]
    answers: list[dict[str, Any]] = [{"translations": []} for _ in texts]
    if filled:
        found = model.translate([texts[i] for i in filled], n_best=n_best, beam_size=beam_size)
        for place, several in zip(filled, found, strict=True):
            answers[place]["translations"] = [
                {"text": one.text, "probability": one.probability, "score": one.score}
                for one in several
            ]
    return answers


def _as_json(text: Text, answer: dict[str, Any], proba: bool) -> dict[str, Any]:
    shown = _shown(answer, proba)
    return shown if "tokens" in answer else {"text": text, **shown}


def _shown(answer: dict[str, Any], proba: bool) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if proba or name != "probabilities"}


def _print(text: Text, answer: dict[str, Any], proba: bool) -> None:
    shown = text if isinstance(text, str) else " ".join(text)
    if "label" in answer:
        print_line(*_class_fields(answer, proba), shown)
    elif "log_prob" in answer:
        print_line(f"{answer['log_prob']:.4f}", shown)
    elif "tags" in answer:
        pairs = zip(answer["tokens"], answer["tags"], strict=True)
        print_line(" ".join(f"{word}/{tag}" for word, tag in pairs))
    elif not answer["translations"]:
        print_line("")
    for one in answer.get("translations", []):
        print_line(one["text"], f"{one['probability']:.4f}")


def _class_fields(answer: dict[str, Any], proba: bool) -> list[str]:
    each = [f"{name}={share:.4f}" for name, share in answer["probabilities"].items()]
    return [str(answer["label"]), *(each if proba else [f"{answer['probability']:.4f}"])]


def generate(
    path: Path, prompt: str, *, count: int, seed: int | None, as_json: bool, **options: Any
) -> None:
    """Write on after the prompt, token by token."""
    model = load(path)
    if not isinstance(model, LanguageModel):
        raise InputError(
            f"{path}: this is a {type(model).__name__}; `rnnkit train language` trains models that "
            f"write on."
        )
    for place in range(count):
        state = None if seed is None else seed + place
        if as_json:
            text = model.generate(prompt, random_state=state, **options)
            print_json({"prompt": prompt, "text": text})
            continue
        print(prompt, end="", flush=True)
        for piece in model.stream(prompt, random_state=state, **options):
            print(piece, end="", flush=True)
        print()
