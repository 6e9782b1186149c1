"""A language model of characters: trained on a text, it tells how probable others are and goes on.

`python examples/language_model.py FILE` learns from a text of your own, whatever its language;
without a file, from a nursery rhyme. `--quick` takes seconds and learns little.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from rnnkit import LanguageModel

RHYME = """This is the house that Jack built.
This is the malt
That lay in the house that Jack built.
This is the rat,
That ate the malt
That lay in the house that Jack built.
This is the cat,
That killed the rat,
That ate the malt
That lay in the house that Jack built.
This is the dog,
That worried the cat,
That killed the rat,
That ate the malt
That lay in the house that Jack built.
"""


def train(text: str, *, quick: bool, cell: str = "lstm") -> LanguageModel:
    """Characters, in windows of 32, the end of the text held out."""
    size = 16 if quick else 128
    model = LanguageModel(
        level="char",
        cell=cell,
        embedding_size=size,
        hidden_size=size,
        num_layers=1,
        bptt_steps=32,
        max_epochs=2 if quick else 40,
        random_state=0,
    )
    return model.fit(text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="a text in UTF-8")
    parser.add_argument("--prompt", default="This is the ")
    parser.add_argument("--quick", action="store_true")
    options = parser.parse_args()
    text = options.file.read_text(encoding="utf-8") if options.file else RHYME * 4
    model = train(text, quick=options.quick)
    contrast = train(text, quick=options.quick, cell="none")
    held_out = text[-len(text) // 10 :]
    for name, one in (("lstm", model), ("the last five characters only", contrast)):
        print(f"{name}: perplexity {one.perplexity(held_out):.2f} a character")
    for temperature in (0.3, 0.7, 1.0):
        print(f"\ntemperature {temperature}:\n{options.prompt}", end="")
        for piece in model.stream(options.prompt, temperature=temperature, random_state=0):
            print(piece, end="", flush=True)
        print()


if __name__ == "__main__":
    main()
