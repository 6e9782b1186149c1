"""`rnnkit info`: what is in a model file, from its header alone."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from rnnkit import archive
from rnnkit.cli.output import human_size, print_json, print_line

__all__ = ["describe", "info"]


Facts: TypeAlias = dict[str, Any]
"""Plain JSON by name."""


def info(path: Path, *, as_json: bool) -> None:
    """Print the description of a model file."""
    description = describe(path)
    if as_json:
        print_json(description)
        return
    for name, value in description.items():
        shown = human_size(value) if name == "bytes" else _as_text(value)
        print_line(f"{'size' if name == 'bytes' else name}: {shown}")


def describe(path: Path) -> Facts:
    """Estimator, labels, vocabularies, history, parameters, versions, as plain JSON.

    No tensor is read. Raises ArchiveError if this is no model of rnnkit.
    """
    header = archive.read_header(path)
    codec: Facts = header.get("codec") or header.get("state") or {}  # of format 2, of format 1
    labels = codec.get("labels")
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "format": header["format"],
        "estimator": header.get("estimator"),
        "parameters": archive.count_numbers(path),
        "vocabularies": dict(_vocabularies(codec)),
        "labels": None if labels is None else labels["values"],
        "history": _summary(header.get("history")),
        "settings": header.get("params"),
        "versions": header.get("versions"),
    }


_NAMES = {"tokenizer": "tokens"}


def _vocabularies(codec: Facts, prefix: str = "") -> Iterator[tuple[str, int]]:
    """Entries of each tokenizer's index, wherever a vectorizer keeps one."""
    for name, value in codec.items():
        if isinstance(value, str) and '"word_index"' in value:
            yield prefix or _NAMES.get(name, name), _index_size(json.loads(value))
        elif isinstance(value, dict):
            inner = name if name in ("source", "target") else prefix
            yield from _vocabularies(value, inner or ("" if name == "vectorizer" else name))


def _index_size(tokenizer: Facts) -> int:
    """The size of a tokenizer in Keras' JSON, in which the index is JSON again."""
    config = tokenizer.get("config", tokenizer)
    index = config["word_index"]
    size = len(json.loads(index) if isinstance(index, str) else index)
    limit = config.get("num_words")
    # num_words counts the reserved index 0.
    return size if limit is None else min(size, limit - 1)


def _summary(history: Facts | None) -> Facts | None:
    if history is None:
        return None
    epochs = history["epochs"]
    best = next((e for e in epochs if e["epoch"] == history["best_epoch"]), None)
    shown = best or (epochs[-1] if epochs else {})
    return {
        "epochs": len(epochs),
        "best_epoch": history["best_epoch"],
        "stopped": history["stopped"],
        "seconds": round(sum(epoch["seconds"] for epoch in epochs), 3),
        **{name: shown[name] for name in ("loss", "valid_loss", "valid_accuracy") if name in shown},
    }


def _as_text(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, dict):
        return ", ".join(f"{key} {_plain(one)}" for key, one in value.items()) or "none"
    if isinstance(value, list):
        more = f", ... ({len(value)} in all)" if len(value) > 20 else ""
        return ", ".join(map(str, value[:20])) + more
    return _plain(value)


def _plain(value: object) -> str:
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, dict) and "policy" in value:
        return str(value["policy"])
    return f"{value:.4g}" if isinstance(value, float) else str(value)
