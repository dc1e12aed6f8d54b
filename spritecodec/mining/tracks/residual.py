"""The residual: what a Scene without it draws wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.thresholds import EVIDENCE, RESIDUAL
from spritecodec.mining.tracks.residual_kernels import (
    Patches,
    carry_on,
    cut_out,
    differing,
    label_near,
)
from spritecodec.render import Renderer
from spritecodec.scene import Residual, Scene

Wanted = Callable[[int, NDArray[np.uint8]], NDArray[np.uint8]]


def _make_room(array: NDArray[Any], rows: int) -> None:
    """Give an array at least so many rows; in place, to save memory."""
    if rows > len(array):
        array.resize((max(rows, len(array) * 9 // 8), *array.shape[1:]), refcheck=False)


class _GrowingPatches:
    """Patches found so far, and which of them are alive.

    Parameters
    ----------
    pans : ndarray, shape (planes, n, 2), int64
        The different motions. A patch may continue with any that has agreed with the frames so
        far.
    """

    def __init__(self, pans: NDArray[np.int64]) -> None:
        self.pans = pans
        self.count = self.size = 0  # patches, and the pixels of all
        self.life = np.zeros((1, 2), np.int32)  # first frame, frames
        self.plane = np.zeros(1, np.int32)
        self.rectangle = np.zeros((1, 4), np.int32)  # x, y, width, height
        self.first = np.zeros(2, np.int64)
        self.pixels = np.zeros((1, 4), np.uint8)
        self._alive = np.zeros(0, np.int64)
        self._agrees = np.zeros((0, len(pans)), np.bool_)

    def carry(self, t: int, wanted: NDArray[np.uint8], needed: NDArray[np.bool_]) -> None:
        """Keep patches of earlier frames alive; what they show is no longer `needed`."""
        alive, agrees = self._alive, self._agrees
        start = self.life[alive, 0]
        use = np.empty(len(alive), np.int64)
        moved = (self.pans[:, t, None] - self.pans[:, start]).transpose(1, 0, 2)
        patches = Patches(self.rectangle[alive], self.first[alive], self.pixels)
        carry_on(wanted, needed, patches, moved, agrees, use)
        used = use > 0
        self.life[alive[used], 1] = t + 1 - start[used]
        self.plane[alive[used]] = agrees[used].argmax(axis=1)
        rest = t + 1 - start - self.life[alive, 1]
        lives = (use >= 0) & (rest <= RESIDUAL.max_rest)
        self._alive, self._agrees = alive[lives], agrees[lives]

    def add(
        self, t: int, wanted: NDArray[np.uint8], needed: NDArray[np.bool_], left: int, top: int
    ) -> None:
        """Make patches of what is `needed` of a part of frame t that begins at (left, top)."""
        labels = np.empty(needed.shape, np.int32)
        box = np.empty((int(np.count_nonzero(needed)), 4), np.int32)
        box = box[: label_near(needed, labels, box, EVIDENCE.near)]
        old, self.count = self.count, self.count + len(box)
        size = box[:, 2:] - box[:, :2]
        first = self.size + size.prod(axis=1, dtype=np.int64).cumsum()
        begin, self.size = self.size, int(first[-1])
        for column in (self.life, self.plane, self.rectangle):
            _make_room(column, self.count)
        _make_room(self.first, self.count + 1)
        _make_room(self.pixels, self.size)
        new = slice(old, self.count)
        self.life[new] = t, 1
        self.plane[new] = 0
        self.rectangle[new, :2] = box[:, :2] + (left, top)
        self.rectangle[new, 2:] = size
        self.first[old + 1 : self.count + 1] = first
        cut_out(wanted, labels, box, self.pixels[begin : self.size])
        self._alive = np.append(self._alive, np.arange(old, self.count))
        agrees = np.ones((len(box), len(self.pans)), np.bool_)
        self._agrees = np.concatenate([self._agrees, agrees])


def exact_residual(scene: Scene, wanted_as: Wanted) -> Residual:
    """What must replace the drawn pixels so that every frame is as wanted.

    A patch stays alive, on the screen or moving with a layer, as long as it is right and is
    needed again soon. What it leaves wrong becomes new patches.

    Parameters
    ----------
    scene : Scene
        Its own residual is ignored.
    wanted_as : callable (t, drawn) -> wanted
        Frame t as it must come back, given what the scene draws; both shape (h, w, 3), uint8.
    """
    renderer = Renderer(scene, residual=False)
    # The screen, which stands still, and each layer that moves unlike all earlier ones.
    pans, layers = [np.zeros((len(scene), 2), np.int64)], [-1]
    for i, layer in enumerate(scene.layers):
        if not any((layer.pan == pan).all() for pan in pans):
            pans.append(layer.pan.astype(np.int64))
            layers.append(i)
    patches = _GrowingPatches(np.stack(pans))
    needed = np.empty((scene.height, scene.width), np.bool_)
    for t in range(len(scene)):
        drawn = renderer.frame(t)
        wanted = wanted_as(t, drawn)
        # Look only at the bounding box of what differs.
        left, top, right, bottom = differing(drawn, wanted, needed)
        patches.carry(t, wanted, needed)
        inside = (slice(top, bottom), slice(left, right))
        if needed[inside].any():
            patches.add(t, wanted[inside], needed[inside], left, top)
    if not patches.count:
        return Residual.none()
    kept = slice(patches.count)
    start, length = np.ascontiguousarray(patches.life[kept].T)
    moves_with = np.array(layers, np.int32)[patches.plane[kept]]
    x, y, width, height = np.ascontiguousarray(patches.rectangle[kept].T)
    first, pixels = patches.first[: patches.count + 1].copy(), patches.pixels
    pixels.resize((patches.size, 4), refcheck=False)
    return Residual(start, length, moves_with, x, y, width, height, first, pixels)
