"""`rnnkit generate`: a text that a saved language model writes."""

from __future__ import annotations

from pathlib import Path

from rnnkit.cli.output import print_json
from rnnkit.errors import InputError
from rnnkit.ship import load
from rnnkit.tasks import LanguageModel

__all__ = ["generate"]


def generate(
    path: Path,
    prompt: str,
    *,
    count: int,
    seed: int | None,
    as_json: bool,
    max_length: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
) -> None:
    """Write on after the prompt, token by token."""
    model = load(path)
    if not isinstance(model, LanguageModel):
        raise InputError(
            f"{path}: this is a {type(model).__name__}; `rnnkit train language` trains models that "
            f"write on."
        )
    for place in range(count):
        pieces = model.stream(
            prompt,
            random_state=None if seed is None else seed + place,
            max_length=max_length,
            temperature=temperature,
            top_k=top_k,
            top_p=top_p,
        )
        if as_json:
            print_json({"prompt": prompt, "text": "".join(pieces)})
            continue
        print(prompt, end="", flush=True)
        for piece in pieces:
            print(piece, end="", flush=True)
        print()
