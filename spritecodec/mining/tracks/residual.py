"""The residual: exactly what the sprite scene does not say."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.tracks.residual_kernels import carry_on, cut_out, differing, label_near
from spritecodec.render import Renderer
from spritecodec.scene import Residual, Scene

# Frames for which a patch lives on though nothing needs it, if something then does.
LONGEST_REST = 16


def _make_room(array: NDArray[Any], rows: int) -> None:
    """Lengthen an array where it has fewer rows than so many; in place, to save memory."""
    if rows > len(array):
        array.resize((max(rows, len(array) * 9 // 8), *array.shape[1:]), refcheck=False)


class _Patches:
    """Patches found so far, and which of them live on.

    Parameters
    ----------
    pans : ndarray, shape (planes, n, 2), int64
        The different ways to move; a patch may go on by any that it has agreed with so far.
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
        """Let patches of the frames before live on; what they show is `needed` no more."""
        alive, agrees = self._alive, self._agrees
        start = self.life[alive, 0]
        use = np.empty(len(alive), np.int64)
        way = (self.pans[:, t, None] - self.pans[:, start]).transpose(1, 0, 2)
        where, first = self.rectangle[alive], self.first[alive]
        carry_on(wanted, needed, where, first, self.pixels, way, agrees, use)
        used = use > 0
        self.life[alive[used], 1] = t + 1 - start[used]
        self.plane[alive[used]] = agrees[used].argmax(axis=1)
        rests = t + 1 - start - self.life[alive, 1]
        lives = (use >= 0) & (rests <= LONGEST_REST)
        self._alive, self._agrees = alive[lives], agrees[lives]

    def add(
        self, t: int, wanted: NDArray[np.uint8], needed: NDArray[np.bool_], left: int, top: int
    ) -> None:
        """Make patches of what is `needed` of a part of frame t that begins at (left, top)."""
        labels = np.empty(needed.shape, np.int32)
        box = np.empty((int(np.count_nonzero(needed)), 4), np.int32)
        box = box[: label_near(needed, labels, box)]
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


def exact_residual(scene: Scene, frames: Iterable[NDArray[np.uint8]]) -> Residual:
    """What must replace the drawn pixels so that every frame comes out as wanted.

    A patch lives on, where it stands or moving with a layer, as long as it is right and will
    be of use; what is wrong beside it becomes new patches.

    Parameters
    ----------
    scene : Scene
        Its own residual is ignored.
    frames : iterable of ndarray, each shape (h, w, 3), uint8
        As many as the scene has.
    """
    renderer = Renderer(scene, residual=False)
    # The screen, which stands still, and the layers that move like nothing before them.
    pans, layers = [np.zeros((len(scene), 2), np.int64)], [-1]
    for i, layer in enumerate(scene.layers):
        if not any((layer.pan == pan).all() for pan in pans):
            pans.append(layer.pan.astype(np.int64))
            layers.append(i)
    patches = _Patches(np.stack(pans))
    needed = np.empty((scene.height, scene.width), np.bool_)
    for t, wanted in enumerate(frames):
        # All that differs lies in one box: the rest need not be looked at.
        left, top, right, bottom = differing(renderer.frame(t), wanted, needed)
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
