"""What drawing a segment costs (SPEC.md, section 10)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spritecodec.formats.spr.budget import DRAW_PIXELS, RECOLOUR_PIXELS, Budget
from spritecodec.scene import Layer, Scene

# Pairs of a background and a frame that are weighed at once.
BLOCK = 1 << 16


def charge_drawing(scene: Scene, budget: Budget) -> None:
    """Draw from the budget what drawing every frame costs.

    Raises
    ------
    FormatError
        It costs more than the budget holds.
    """
    placements, residual = scene.tracks.sprite, scene.residual
    if len(placements):
        uses = np.bincount(placements)
        areas = [_most_shown(scene, *scene.sprites[i].shape[:2]) for i in np.flatnonzero(uses)]
        drawn = sum(n * area for n, area in zip(uses[uses > 0].tolist(), areas, strict=True))
        budget.take(pixels=DRAW_PIXELS * len(placements) + drawn)
    if len(residual):
        area = residual.width.astype(np.int64) * residual.height
        budget.take(pixels=int((area + DRAW_PIXELS) @ residual.length.astype(np.int64)))
    screen = scene.width * scene.height
    if len(scene.recolouring):
        recoloured = int(scene.recolouring.length.sum())
        budget.take(pixels=RECOLOUR_PIXELS * recoloured * screen)
    pairs = len(scene) * sum(len(layer.textures) for layer in scene.layers)
    if budget.holds(pixels=(DRAW_PIXELS + screen) * pairs):
        return  # even if every background filled the screen, as it mostly does
    budget.take(pixels=DRAW_PIXELS * pairs)
    for layer in scene.layers:
        budget.take(pixels=_shown_pixels(scene, layer))


def _most_shown(scene: Scene, height: int, width: int) -> int:
    """Pixels that the screen can show of a picture."""
    return min(height, scene.height) * min(width, scene.width)


def _shown_pixels(scene: Scene, layer: Layer) -> int:
    """Pixels that all frames show of a layer's backgrounds."""
    if not len(layer.textures):
        return 0
    x, y = layer.pan.T.astype(np.int64)
    # As one number, which sorts much faster than pairs.
    _, first, counts = np.unique((x << 32) + y, return_index=True, return_counts=True)
    pans = layer.pan[first].astype(np.int64)
    used, which = np.unique(layer.textures[:, 0], return_inverse=True)
    sizes = np.array([scene.textures[i].shape[1::-1] for i in used.tolist()], np.int64)
    total = 0
    rows = max(1, BLOCK // len(pans))
    for at in range(0, len(layer.textures), rows):
        here = slice(at, at + rows)
        corner, size = layer.textures[here, 1:].astype(np.int64), sizes[which[here]]
        across, down = (
            _overlap(corner[:, i, None] - pans[:, i], size[:, i, None], limit)
            for i, limit in enumerate((scene.width, scene.height))
        )
        total += int(((across * down) @ counts).sum())
    return total


def _overlap(start: NDArray[np.int64], length: NDArray[np.int64], limit: int) -> NDArray[np.int64]:
    """How much of start : start + length lies in 0 : limit."""
    overlap: NDArray[np.int64] = np.minimum(start + length, limit) - np.maximum(start, 0)
    return np.maximum(overlap, 0)
