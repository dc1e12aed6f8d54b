"""Placements: where a scene shows its sprites, by frame and on the screen."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.scene import Scene


@dataclass(frozen=True)
class Placements:
    """Some placements of a scene; each array of shape (n,).

    Attributes
    ----------
    sprite, track, frame : ndarray, int64
    x, y : ndarray, int64
        Of the top left corner, on the screen.
    flip : ndarray, uint8
    """

    sprite: Longs
    track: Longs
    frame: Longs
    x: Longs
    y: Longs
    flip: NDArray[np.uint8]

    @staticmethod
    def of(scene: Scene) -> Placements:
        """All, track by track."""
        tracks = scene.tracks
        track = np.repeat(np.arange(len(tracks)), tracks.length)
        frame = np.arange(len(track)) - tracks.first[track] + tracks.start[track]
        pan = np.stack([layer.pan for layer in scene.layers])[tracks.layer[track], frame]
        x, y = tracks.x - pan[:, 0], tracks.y - pan[:, 1]
        sprite, x, y = (a.astype(np.int64) for a in (tracks.sprite, x, y))
        return Placements(sprite, track, frame, x, y, tracks.flip)

    @cached_property
    def _by_frame(self) -> tuple[Longs, Longs]:
        """The placements in order of time, and where each frame begins."""
        order = np.argsort(self.frame, kind="stable")
        last = int(self.frame.max(initial=-1))
        return order, np.searchsorted(self.frame[order], np.arange(last + 2))

    def at(self, t: int) -> Placements:
        """Those of frame t."""
        order, begin = self._by_frame
        which = order[begin[t] : begin[t + 1]] if t + 1 < len(begin) else order[:0]
        return Placements(
            self.sprite[which],
            self.track[which],
            self.frame[which],
            self.x[which],
            self.y[which],
            self.flip[which],
        )
