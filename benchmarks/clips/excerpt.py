"""Clips by name, in part: ``NAME[:FRAMES][@DB]``, of the size gate or of ``benchmarks/cache``."""

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
        ``NAME[:FRAMES][@DB]``.
    """
    name, _, count = clip.partition("@")[0].partition(":")
    most = int(count) if count else None
    if name in GATE:
        return GATE[name].draw()[:most]
    file = CACHE / f"{name}.mp4"
    if not file.is_file():
        return None
    every = (frame for piece in sc.open_clip(str(file)).pieces() for frame in piece.frames)
    return np.stack(list(islice(every, most)))


def quality_of(clip: str) -> float | None:
    """The PSNR in dB that is asked for; None for every pixel."""
    name, _, asked = clip.partition("@")
    if asked:
        return float(asked)
    quality = GATE[name].quality if name in GATE else "lossless"
    return None if quality == "lossless" else float(quality)
