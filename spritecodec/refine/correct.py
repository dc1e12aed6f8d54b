"""The residual: exactly what the sprite scene does not say."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from spritecodec.refine.kernels import differing, label_near
from spritecodec.render import Renderer
from spritecodec.scene import Residual, Scene


def _patches(
    drawn: NDArray[np.uint8], wanted: NDArray[np.uint8]
) -> Iterable[tuple[int, int, NDArray[np.uint8]]]:
    """Regions that differ, as (x, y, RGBA picture with clear pixels where nothing differs)."""
    differs = np.empty(drawn.shape[:2], np.bool_)
    # All that differs lies in one box: the rest need not be looked at.
    left, top, right, bottom = differing(drawn, wanted, differs)
    if left >= right:
        return
    inside = (slice(top, bottom), slice(left, right))
    differs, wanted = differs[inside], wanted[inside]
    # A patch costs more than a few clear pixels.
    labels = np.empty(differs.shape, np.int32)
    box = np.empty((int(np.count_nonzero(differs)), 4), np.int32)
    count = label_near(differs, labels, box)
    for i, (x0, y0, x1, y1) in enumerate(box[:count].tolist()):
        mask = labels[y0:y1, x0:x1] == i + 1
        picture = np.zeros((*mask.shape, 4), np.uint8)
        picture[mask, :3] = wanted[y0:y1, x0:x1][mask]
        picture[mask, 3] = 255
        yield left + x0, top + y0, picture


def exact_residual(scene: Scene, frames: Iterable[NDArray[np.uint8]]) -> Residual:
    """What must replace the drawn pixels so that every frame comes out as wanted.

    Parameters
    ----------
    scene : Scene
        Its own residual is ignored.
    frames : iterable of ndarray, each shape (h, w, 3), uint8
        As many as the scene has.
    """
    renderer = Renderer(scene, residual=False)
    rows: list[list[int]] = []  # start, length, x, y, width, height
    pictures: list[NDArray[np.uint8]] = []
    alive: dict[tuple[int, int, bytes, int], int] = {}
    for t, wanted in enumerate(frames):
        still: dict[tuple[int, int, bytes, int], int] = {}
        for x, y, picture in _patches(renderer.frame(t), wanted):
            height, width = picture.shape[:2]
            key = (x, y, picture.tobytes(), width)
            if key in alive:
                rows[alive[key]][1] += 1
                still[key] = alive[key]
            else:
                still[key] = len(rows)
                rows.append([t, 1, x, y, width, height])
                pictures.append(picture)
        alive = still
    if not rows:
        return Residual.none()
    columns = np.array(rows, np.int32).T
    start, length, x_, y_, width_, height_ = (np.ascontiguousarray(c) for c in columns)
    first = np.append(0, np.cumsum(width_.astype(np.int64) * height_))
    pixels = np.concatenate([p.reshape(-1, 4) for p in pictures])
    layer = np.full(len(rows), -1, np.int32)
    return Residual(start, length, layer, x_, y_, width_, height_, first, pixels)
