"""A bounded, evenly spaced sample of a clip's frames, taken in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spritecodec.clip import Clip
from spritecodec.errors import InputError
from spritecodec.model.presets import MAX_SAMPLE_BYTES, MAX_SAMPLE_FRAMES


@dataclass(frozen=True)
class Sample:
    """Some frames of a clip.

    Attributes
    ----------
    frames : ndarray, shape (f, h, w, 3), uint8
    index : ndarray, shape (f,), int64
        Their numbers in the clip, increasing, at least 1 of them.
    """

    frames: NDArray[np.uint8]
    index: NDArray[np.int64]

    def thin(self, count: int) -> Sample:
        """At most `count` of these frames, evenly spaced."""
        if len(self.index) <= count:
            return self
        take = np.linspace(0, len(self.index) - 1, count).round().astype(np.int64)
        return Sample(self.frames[take], self.index[take])


def sample_frames(clip: Clip) -> Sample:
    """Read `clip` once and keep evenly spaced frames within the memory bound.

    The bound is `MAX_SAMPLE_FRAMES` frames and `MAX_SAMPLE_BYTES` bytes whatever the clip's
    length, which need not be known: every s-th frame is kept, and s doubles when full.

    Raises
    ------
    InputError
        The clip has no frames.
    """
    limit = min(MAX_SAMPLE_FRAMES, MAX_SAMPLE_BYTES // (clip.width * clip.height * 3))
    limit = max(limit, 2)
    stride = 1 if clip.frame_count is None else max(1, -(-clip.frame_count // limit))
    kept: dict[int, NDArray[np.uint8]] = {}
    number = 0
    for piece in clip.pieces():
        for frame in piece.frames:
            if number % stride == 0:
                if len(kept) == limit:
                    stride *= 2
                    kept = {i: f for i, f in kept.items() if i % stride == 0}
                if number % stride == 0:
                    kept[number] = frame.copy()
            number += 1
    if not kept:
        raise InputError(f"{clip.name} has no frames; there is nothing to learn sprites from")
    return Sample(np.stack(list(kept.values())), np.array(list(kept), dtype=np.int64))
