"""Small videos as files, where PyAV is installed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest


def write_video(
    path: Path, frames: np.ndarray, *, rate: int = 10, codec: str = "libx264", **options: str
) -> Path:
    """frames: (T, H, W, 3) uint8."""
    av = pytest.importorskip("av", reason="av (the video extra) is not installed")
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.height, stream.width = frames.shape[1:3]
        stream.pix_fmt = "yuv420p"
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())
    return path


def write_folder(path: Path, frames: np.ndarray) -> Path:
    """A folder of images, 0.png and on."""
    image = pytest.importorskip("PIL.Image", reason="pillow (the image extra) is not installed")
    path.mkdir()
    for number, frame in enumerate(frames):
        image.fromarray(frame).save(path / f"{number}.png")
    return path


def counted(steps: int, *, height: int = 32, width: int = 48) -> np.ndarray:
    """(T, height, width, 3): frame t is gray, of 10 t, which no codec mistakes for another."""
    grays = np.arange(steps, dtype=np.uint8)[:, None, None, None] * 10
    return np.broadcast_to(grays, (steps, height, width, 3)).copy()


def numbers_of(pixels: np.ndarray) -> list[int]:
    """Which of the frames of `counted` these are."""
    return np.rint(pixels.reshape(len(pixels), -1).mean(axis=1) / 10).astype(int).tolist()
