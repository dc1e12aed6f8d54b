"""Sprite sheets: the dictionary as one picture, similar sprites side by side.

The order is a one-dimensional t-SNE (van der Maaten and Hinton 2008, exact, in numpy) of
what the sprites look like.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from spritecodec.errors import SettingsError
from spritecodec.scene import Scene

Picture = NDArray[np.uint8]

GAP = 2  # pixels around every sprite, not scaled yet
CHECK = 4  # side of the checkerboard's squares in pixels, not scaled yet
GROUND = np.array([24, 24, 28], np.uint8)
LIGHT = np.array([160, 160, 160], np.uint8)
DARK = np.array([112, 112, 112], np.uint8)
MOST_PIXELS = 1 << 27  # of a sheet; viewers refuse larger ones, as Pillow does

THUMBNAIL = 8
# t-SNE compares every sprite with every other one; beyond this many it takes too long,
# and the order is that of the first principal component.
MAX_FOR_TSNE = 1500
TSNE_STEPS = 400
PERPLEXITY = 12.0


def used_sprites(scenes: Iterable[Scene]) -> NDArray[np.int64]:
    """Numbers of the sprites that any track shows, ascending, each once."""
    used = [np.unique(scene.tracks.sprite) for scene in scenes]
    return np.unique(np.concatenate([np.zeros(0, np.int64), *used]))


def look(sprites: Sequence[Picture]) -> NDArray[np.float64]:
    """What the sprites look like: an 8x8 thumbnail and the size of each.

    Parameters
    ----------
    sprites : sequence of ndarray, each shape (h, w, 4), uint8

    Returns
    -------
    ndarray, shape (n, 258), float64
        Colours weighted by alpha, in 0 to 1; log2 of height and width in eighths.
    """
    out = np.zeros((len(sprites), 4 * THUMBNAIL**2 + 2))
    for i, sprite in enumerate(sprites):
        h, w = sprite.shape[:2]
        rows = np.arange(THUMBNAIL) * h // THUMBNAIL
        columns = np.arange(THUMBNAIL) * w // THUMBNAIL
        small = sprite[rows][:, columns].astype(np.float64) / 255
        small[..., :3] *= small[..., 3:]
        out[i, :-2] = small.ravel()
        out[i, -2:] = np.log2([h, w]) / 8
    return out


def order_by_similarity(features: NDArray[np.float64]) -> NDArray[np.int64]:
    """Order similar things side by side, along a one-dimensional t-SNE.

    Parameters
    ----------
    features : ndarray, shape (n, f), float
        For example what `look` gives; similar things have similar rows.

    Returns
    -------
    ndarray, shape (n,), int64
        A permutation of 0 to n - 1; the same one whenever the features are the same.
    """
    n = len(features)
    if n < 3:
        return np.arange(n)
    centred = features - features.mean(axis=0)
    start = centred @ np.linalg.svd(centred, full_matrices=False)[2][0]
    if n > MAX_FOR_TSNE:
        return np.argsort(start, kind="stable")
    return np.argsort(_tsne(centred, start), kind="stable")


def _tsne(features: NDArray[np.float64], start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions on a line whose neighbourhoods are those of the features."""
    near = _affinities(features)
    y = 1e-2 * start / (start.std() or 1.0)
    speed = np.zeros_like(y)
    for step in range(TSNE_STEPS):
        exaggeration = 4.0 if step < TSNE_STEPS // 4 else 1.0
        apart = y[:, None] - y[None, :]
        kernel = 1 / (1 + apart * apart)
        np.fill_diagonal(kernel, 0)
        force = (exaggeration * near - kernel / kernel.sum()) * kernel * apart
        speed = 0.8 * speed - len(y) / 12 * 4 * force.sum(axis=1)
        y = y + speed
        y -= y.mean()
    return y


def _affinities(features: NDArray[np.float64]) -> NDArray[np.float64]:
    """Symmetric P of t-SNE: Gaussian, each row's width set for the wanted perplexity."""
    square = (features**2).sum(axis=1)
    distance = np.maximum(square[:, None] + square[None, :] - 2 * features @ features.T, 0)
    np.fill_diagonal(distance, np.inf)
    distance -= distance.min(axis=1, keepdims=True)
    wanted = np.log(min(PERPLEXITY, (len(features) - 1) / 2))
    scale = distance[np.isfinite(distance)].mean() or 1.0
    low = np.full((len(features), 1), 1e-6 / scale)
    high = np.full((len(features), 1), 1e6 / scale)
    finite = np.where(np.isfinite(distance), distance, 0)
    for _ in range(60):
        beta = np.sqrt(low * high)
        p = np.exp(-distance * beta)
        total = p.sum(axis=1, keepdims=True)
        entropy = np.log(total) + beta * (finite * p).sum(axis=1, keepdims=True) / total
        low, high = np.where(entropy > wanted, beta, low), np.where(entropy > wanted, high, beta)
    p /= total
    both: NDArray[np.float64] = (p + p.T) / (2 * len(p))
    return both


def draw_sheet(sprites: Sequence[Picture], scale: int = 1) -> NDArray[np.uint8]:
    """The sprites in rows, each on a checkerboard that shows where it is clear.

    Parameters
    ----------
    sprites : sequence of ndarray, each shape (h, w, 4), uint8
        In reading order.
    scale : int
        Enlarge by this factor with nearest neighbour.

    Returns
    -------
    ndarray, shape (h, w, 3), uint8
        RGB; a 1x1 picture where there are no sprites.

    Raises
    ------
    SettingsError
        It would have more than `MOST_PIXELS`, as of sprites that are wide and others that are high.
    """
    if not sprites:
        return GROUND.reshape(1, 1, 3).copy()
    area = sum((s.shape[0] + GAP) * (s.shape[1] + GAP) for s in sprites)
    widest = max(s.shape[1] for s in sprites)
    width = max(widest + 2 * GAP, round((1.5 * area) ** 0.5))
    places, x, y, tallest = [], GAP, GAP, 0
    for sprite in sprites:
        h, w = sprite.shape[:2]
        if x + w + GAP > width:
            x, y, tallest = GAP, y + tallest + GAP, 0
        places.append((x, y))
        x, tallest = x + w + GAP, max(tallest, h)
    height = y + tallest + GAP
    if width * height * scale**2 > MOST_PIXELS:
        raise SettingsError(
            f"the sheet would have {width * scale}x{height * scale} pixels, more than "
            f"{MOST_PIXELS:,}; " + ("a smaller scale helps" if scale > 1 else "draw fewer sprites")
        )
    sheet = np.empty((height, width, 3), np.uint8)
    sheet[:] = GROUND
    for sprite, (x, y) in zip(sprites, places, strict=True):
        h, w = sprite.shape[:2]
        rows, columns = np.indices((h, w)) // CHECK
        board = np.where(((rows + columns) % 2 == 0)[..., None], LIGHT, DARK).astype(np.uint16)
        alpha = sprite[..., 3:].astype(np.uint16)
        mixed = (alpha * sprite[..., :3] + (255 - alpha) * board + 127) // 255
        sheet[y : y + h, x : x + w] = mixed
    return sheet.repeat(scale, axis=0).repeat(scale, axis=1)
