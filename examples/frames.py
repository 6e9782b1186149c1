"""Many to many, aligned: a label for every frame of a video.

Draws videos of a shape that goes left, goes right or stands still, by turns. Which of these it is
no single frame shows, so that a network with memory is compared with the same one without. Where
PyAV is installed (`pip install 'rnnkit[video]'`), the videos are written as files, and read again
with a table that says what happens from which second to which; without it, they stay arrays.

`--quick` draws few videos and trains for few epochs: it runs, but learns little.
"""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from rnnkit import FrameTagger
from rnnkit.data import read_videos

WAYS = {"left": -1, "right": 1, "still": 0}
SIZE, RATE = 32, 10  # pixels of a side, frames a second
MODELS = {
    "with memory, both directions": {"cell": "gru"},
    "with memory, forward only": {"cell": "gru", "bidirectional": False},
    "without memory, one frame": {"cell": "none"},
    "without memory, a frame to either side": {"cell": "none", "window": 1},
}


def draw(steps: int, generator: np.random.Generator) -> tuple[np.ndarray, list[str]]:
    """A video (steps, SIZE, SIZE, 3) and what its shape does at each frame."""
    labels: list[str] = []
    while len(labels) < steps:
        labels += [str(generator.choice(list(WAYS)))] * int(generator.integers(4, 12))
    color, background = generator.integers(130, 256, size=3), generator.integers(0, 90, size=3)
    place, row, radius = generator.uniform(0, SIZE), generator.uniform(8, SIZE - 8), 4.0
    y, x = np.indices((SIZE, SIZE)) + 0.5
    video = np.empty((steps, SIZE, SIZE, 3), np.uint8)
    for frame, label in zip(video, labels, strict=False):
        place += 1.5 * WAYS[label]
        aside = (x - place + SIZE / 2) % SIZE - SIZE / 2  # what leaves on one side comes back
        inside = aside**2 + (y - row) ** 2 < radius**2
        frame[:] = np.where(inside[..., None], color, background)
    return video, labels[:steps]


def write(videos: list[np.ndarray], labels: list[list[str]], folder: Path) -> Path:
    """The videos as files, and a table of what happens in them from which second to which."""
    import av

    rows = ["clip\tstart\tend\tlabel"]
    for number, (video, row) in enumerate(zip(videos, labels, strict=True)):
        name = f"{number}.mp4"
        with av.open(str(folder / name), "w") as container:
            stream = container.add_stream("mpeg4", rate=RATE)
            stream.width, stream.height, stream.pix_fmt = SIZE, SIZE, "yuv420p"
            stream.bit_rate = 1_000_000
            for frame in video:
                container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
            container.mux(stream.encode())
        begin = 0
        for end in range(1, len(row) + 1):
            if end == len(row) or row[end] != row[begin]:
                rows.append(f"{name}\t{begin / RATE}\t{end / RATE}\t{row[begin]}")
                begin = end
    table = folder / "labels.tsv"
    table.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return table


def main(arguments: list[str] | None = None) -> dict[str, float]:
    """Train every model; returns the share of frames of new videos that each labels rightly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few videos, few epochs")
    quick = parser.parse_args(arguments).quick
    generator = np.random.default_rng(0)
    drawn = [draw(40, generator) for _ in range(15 if quick else 150)]
    X, y = [video for video, _ in drawn], [labels for _, labels in drawn]
    with TemporaryDirectory() as folder:
        try:
            found = read_videos(write(X, y, Path(folder)), unit="seconds")
            X, y = found.videos, found.labels
            print(f"{len(X)} files of video, such as {X[0].path.name}")
        except ImportError:
            print(f"{len(X)} arrays (without PyAV no files are written)")
        # Files are decoded here, once, at the size that the models want.
        X = [video if isinstance(video, np.ndarray) else video.load(size=SIZE) for video in X]
    count = len(X) * 4 // 5
    scores = {}
    for name, options in MODELS.items():
        model = FrameTagger(
            image_size=SIZE,
            encoder_size=32,
            embedding_size=64,
            hidden_size=64,
            max_epochs=2 if quick else 15,
            lr=4e-3,
            validation_fraction=0,
            random_state=0,
            **options,
        )
        model.fit(X[:count], y[:count])
        scores[name] = model.score(X[count:], y[count:])
        print(f"{name:<40} {100 * scores[name]:5.1f} %")
        print("  " + "".join(label[0] for label in model.predict(X[-1:])[0]))
    print("  " + "".join(label[0] for label in y[-1]) + "  (what it does)")
    counts = Counter(label for row in y[:count] for label in row)
    often = counts.most_common(1)[0][0]
    scores["always the same"] = np.mean([label == often for row in y[count:] for label in row])
    print(f"{'always ' + often:<40} {100 * scores['always the same']:5.1f} %")
    return scores


if __name__ == "__main__":
    main()
