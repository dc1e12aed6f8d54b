"""Clips by name, in part: ``NAME[:FRAMES][*TIMES][@DB]``, of the size gate or of the cache.

``*TIMES`` enlarges each pixel, as a recorder does.
"""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import spritecodec as sc
from benchmarks.clips.gate import GATE

CACHE = Path(__file__).resolve().parent.parent / "cache"


def frames_of(clip: str) -> NDArray[np.uint8] | None:
    """The frames of a clip, shape (n, h, w, 3); None where it is not at hand.

    Parameters
    ----------
    clip : str
        ``NAME[:FRAMES][*TIMES][@DB]``.
    """
    part, _, times = clip.partition("@")[0].partition("*")
    name, _, count = part.partition(":")
    frames = _native_frames(name, int(count) if count else None)
    if frames is None or not times:
        return frames
    return frames.repeat(int(times), axis=1).repeat(int(times), axis=2)


def _native_frames(name: str, most: int | None) -> NDArray[np.uint8] | None:
    if name in GATE:
        return GATE[name].draw()[:most]
    file = CACHE / f"{name}.mp4"
    if not file.is_file():
        return None
    every = (frame for piece in sc.open_clip(str(file)).pieces() for frame in piece.frames)
    return np.stack(list(islice(every, most)))


def quality_of(clip: str) -> float | None:
    """The PSNR in dB that is asked for; None for every pixel."""
    part, _, asked = clip.partition("@")
    if asked:
        return float(asked)
    name = part.partition("*")[0].partition(":")[0]
    quality = GATE[name].quality if name in GATE else "lossless"
    return None if quality == "lossless" else float(quality)
