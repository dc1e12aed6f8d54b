"""Small clips of odd sizes, counts and contents, encoded and compared with what comes back.

    python -m tests.fuzz.encoding FIRST COUNT

encodes the clips of these seeds and prints a line for each that goes wrong; on standard error, the
seed of each, so that the last one tells where a process ended. With the environment variable
NUMBA_BOUNDSCHECK=1 and a NUMBA_CACHE_DIR of its own, compiled code checks its indices.
"""

from __future__ import annotations

import io
import random
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import spritecodec as sc
from spritecodec.model.presets import PRESETS, Fit

Frame = Frames = NDArray[np.uint8]
QUALITIES = ("lossless", "lossless", "lossless", "base", 30.0)


def draw(rng: np.random.Generator) -> Frames:
    """A clip: a background that may scroll, things that move over it, flashes, noise."""
    height, width = (int(n) for n in rng.integers(1, rng.choice([5, 20, 48]), 2))
    count = int(rng.integers(1, rng.choice([3, 12, 30])))
    colours = rng.integers(0, 256, (int(rng.choice([1, 2, 4, 40, 256])), 3), np.uint8)
    world = colours[rng.integers(0, len(colours), (height + 40, width + 40))]
    if rng.random() < 0.5:  # tiles instead of noise
        tiled = np.tile(world[:8, :8], (height // 8 + 6, width // 8 + 6, 1))
        world = tiled[: height + 40, : width + 40]
    steps = rng.integers(-1, 2, (2, 1)) if rng.random() < 0.5 else rng.integers(-1, 2, (2, count))
    pan = np.clip(20 + np.cumsum(np.broadcast_to(steps, (2, count)), axis=1), 0, 40)
    frames = np.stack([world[y : y + height, x : x + width] for x, y in pan.T])
    for _ in range(int(rng.integers(0, 6))):
        h, w = (int(n) for n in rng.integers(1, 12, 2))
        sprite = colours[rng.integers(0, len(colours), (h, w))]
        shape = rng.random((h, w)) < rng.choice([1.0, 0.7])
        place, step = rng.integers(-10, 50, 2), rng.integers(-3, 4, 2)
        for t in range(int(rng.integers(0, count)), count):
            _stamp(frames[t], sprite, shape, *(place + t * step).tolist())
    if rng.random() < 0.2:
        frames[rng.integers(0, count, 2)] //= 2
    if rng.random() < 0.1:
        frames[rng.integers(0, count)] = rng.integers(0, 256, frames.shape[1:], np.uint8)
    return frames


def _stamp(frame: Frame, sprite: Frame, shape: NDArray[np.bool_], x: int, y: int) -> None:
    height, width = frame.shape[:2]
    for i, j in zip(*np.nonzero(shape), strict=True):
        if 0 <= y + i < height and 0 <= x + j < width:
            frame[y + i, x + j] = sprite[i, j]


def preset_of(seed: int) -> str:
    """The preset of a seed; those that may train are rarer."""
    return "slow" if seed % 400 == 399 else "default" if seed % 10 == 9 else "fast"


def fault(seed: int) -> str | None:
    """What goes wrong with the clip of a seed; None where nothing does."""
    frames = draw(np.random.default_rng(seed))
    quality = random.Random(seed).choice(QUALITIES)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "a.spr")
        try:
            sc.encode(frames, file, quality=quality, preset=preset_of(seed), device="cpu")
            with sc.open(io.BytesIO(file.read_bytes())) as reader:
                decoded = reader[:]
        except Exception as e:
            return f"{type(e).__name__}: {e}"
    if decoded.shape != frames.shape:
        return f"{frames.shape} came back as {decoded.shape}"
    if quality == "lossless" and not np.array_equal(decoded, frames):
        return "other frames came back"
    return None


def main(first: int, count: int) -> None:
    """Encode the clips of some seeds.

    The network of ``slow`` trains for a few steps instead of 3,500: minutes of a clip's encoding
    would tell nothing about indices.
    """
    PRESETS["slow"] = replace(PRESETS["slow"].scaled(0.004), fit=Fit(steps=10))
    for seed in range(first, first + count):
        print(seed, file=sys.stderr, flush=True)
        wrong = fault(seed)
        if wrong is not None:
            print(f"seed {seed}: {wrong}", flush=True)
    print(f"{count} clips encoded", flush=True)


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:3]))
