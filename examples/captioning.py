"""One to many: pictures to sentences. Draws colored shapes, and learns to name them in English and
in Korean; then shows where the network looked at each word.

`--quick` uses few pictures and epochs: it runs, but names little.
Needs nothing but rnnkit: pictures are arrays here. With files, read them by
`rnnkit.data.read_captions` (docs/captioning.md).
"""

from __future__ import annotations

import argparse

import numpy as np

from rnnkit import Captioner

COLORS = {
    ("red", "빨간"): (220, 40, 40),
    ("green", "초록"): (40, 170, 60),
    ("blue", "파란"): (50, 70, 220),
    ("black", "검은"): (20, 20, 20),
}
SHAPES = {
    ("circle", "동그라미"): "circle",
    ("square", "네모"): "square",
    ("cross", "십자"): "cross",
}
SIDES = {("on the left", "왼쪽의"): 0.28, ("on the right", "오른쪽의"): 0.72}
SIZE = 32


def draw(shape: str, color: tuple[int, ...], side: float, generator: np.random.Generator):
    """A picture (SIZE, SIZE, 3) with one shape, a little moved and of a varying size."""
    picture = np.full((SIZE, SIZE, 3), 255, np.uint8)
    middle = np.array([0.5, side]) * SIZE + generator.uniform(-2, 2, size=2)
    radius = generator.uniform(0.14, 0.2) * SIZE
    y, x = (np.indices((SIZE, SIZE)) + 0.5) - middle[:, None, None]
    near, far = np.minimum(abs(x), abs(y)), np.maximum(abs(x), abs(y))
    inside = {
        "circle": x**2 + y**2 < radius**2,
        "square": far < 0.9 * radius,
        "cross": (near < 0.3 * radius) & (far < radius),
    }
    picture[inside[shape]] = color
    return picture


def pictures(count: int, seed: int) -> tuple[list[np.ndarray], list[str], list[str]]:
    """Pictures, and what each shows in English and in Korean."""
    generator = np.random.default_rng(seed)
    drawn, english, korean = [], [], []
    for _ in range(count):
        (color, rgb), (shape, form), (side, place) = (
            list(kind.items())[generator.integers(len(kind))] for kind in (COLORS, SHAPES, SIDES)
        )
        drawn.append(draw(form, rgb, place, generator))
        english.append(f"a {color[0]} {shape[0]} {side[0]}")
        korean.append(f"{side[1]} {color[1]} {shape[1]}")
    return drawn, english, korean


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Train a model a language; returns the share of new pictures that each names exactly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few pictures, few epochs")
    quick = parser.parse_args(arguments).quick
    train, test = pictures(48 if quick else 600, seed=0), pictures(12 if quick else 120, seed=1)
    scores = {}
    for number, language in ((1, "English"), (2, "Korean")):
        model = Captioner(
            image_size=SIZE,
            encoder_size=32 if quick else 64,
            hidden_size=32 if quick else 64,
            embedding_size=32,
            augment=None,  # a shift would say nothing new here, and a flip would lie
            batch_size=8 if quick else 16,
            max_epochs=3 if quick else 12,
            lr=5e-3,
            validation_fraction=0,
            random_state=0,
        )
        model.fit(train[0], train[number])
        guesses = model.predict(test[0])
        right = np.mean([one == other for one, other in zip(guesses, test[number], strict=True)])
        scores[language] = float(right)
        print(f"{language}: {100 * right:.0f} % of new pictures named exactly, such as")
        print(f"  {guesses[0]!r} for {test[number][0]!r}; where it looked:")
        (look,) = model.attention_of(test[0][:1])
        for token, weights in zip(look.target, look.weights, strict=True):
            row, column = np.unravel_index(weights.argmax(), look.grid)
            print(f"  {token:<10} row {row + 1}, column {column + 1} of {look.grid}")
    return scores


if __name__ == "__main__":
    main()
