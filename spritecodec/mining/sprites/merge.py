"""Merging: sprites that are always seen together become one.

Mining cuts an object where it happens to look like the background, and cuts it differently
wherever the background differs. A whole scene shows which fragments belong together: wherever
one is placed, the other fits at the same distance. Another mining, with the merged sprites, shows
what they are worth.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.indexed import OTHER, Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.sprites.placements import Placements
from spritecodec.mining.thresholds import EVIDENCE, MERGE
from spritecodec.scene import Scene

# To be counted, two sprites and their distance are packed into one number: numbers of
# SPRITE_BITS, and dx and dy of DISTANCE_BITS each, from -MAX_DISTANCE on.
SPRITE_BITS = 20
DISTANCE_BITS = 10
MAX_DISTANCE = 1 << (DISTANCE_BITS - 1)


def _neighbours(at: Placements, width: Longs, height: Longs) -> tuple[Longs, Longs]:
    """Which sprites are seen side by side.

    Parameters
    ----------
    at : Placements
    width, height : ndarray, shape (sprites,), int64

    Returns
    -------
    rows : ndarray, shape (m, 4), int64
        (sprite, other, dx, dy), ordered by sprite, those seen most often first.
    count : ndarray, shape (m,), int64
        How often each was seen.
    """
    order = np.argsort(at.frame, kind="stable")
    keys = [np.zeros(0, np.int64)]
    for frame in np.split(order, np.flatnonzero(np.diff(at.frame[order])) + 1):
        if len(frame) > LIMITS.things:
            continue
        x, y, s = at.x[frame], at.y[frame], at.sprite[frame]
        right, below = x + width[s] + MERGE.max_gap, y + height[s] + MERGE.max_gap
        near = (x[:, None] <= right) & (x <= right[:, None])
        near &= (y[:, None] <= below) & (y <= below[:, None])
        np.fill_diagonal(near, False)
        i, j = np.nonzero(near)
        dx, dy = x[j] - x[i], y[j] - y[i]
        close = (abs(dx) < MAX_DISTANCE) & (abs(dy) < MAX_DISTANCE)
        key = s[i] << SPRITE_BITS | s[j]
        key = key << DISTANCE_BITS | (dx + MAX_DISTANCE)
        key = key << DISTANCE_BITS | (dy + MAX_DISTANCE)
        keys.append(key[close])
    key, count = np.unique(np.concatenate(keys), return_counts=True)
    pair, low = key >> 2 * DISTANCE_BITS, (1 << DISTANCE_BITS) - 1
    dx, dy = (key >> DISTANCE_BITS & low) - MAX_DISTANCE, (key & low) - MAX_DISTANCE
    rows = np.stack([pair >> SPRITE_BITS, pair & (1 << SPRITE_BITS) - 1, dx, dy], axis=1)
    order = np.lexsort((-count, rows[:, 0]))
    return rows[order], count[order]


def _merged(
    frames: Indexed, at: Placements, places: Longs, pictures: list[Ids], rows: Longs
) -> Ids:
    """A sprite, merged with those of its neighbours that fit wherever it is placed.

    Parameters
    ----------
    frames : Indexed
    at : Placements
    places : ndarray, shape (n,), int64
        The sprite's placements.
    pictures : list of ndarray, each shape (h, w), uint16
        All sprites.
    rows : ndarray, shape (m, 4), int64
        (sprite, neighbour, dx, dy) of that sprite, those seen most often first.

    Returns
    -------
    ndarray, shape (h, w), uint16
        With a clear border.
    """
    height, width = pictures[int(rows[0, 0])].shape
    sizes = np.array([pictures[b].shape for b in rows[:, 1].tolist()])
    left, top = max(0, -int(rows[:, 2].min())), max(0, -int(rows[:, 3].min()))
    right = max(width, int((rows[:, 2] + sizes[:, 1]).max()))
    bottom = max(height, int((rows[:, 3] + sizes[:, 0]).max()))
    chosen = places[
        np.unique(np.linspace(0, len(places) - 1, min(len(places), LIMITS.voters)).astype(int))
    ]
    seen = frames.windows(
        at.frame[chosen], at.x[chosen] - left, at.y[chosen] - top, top + bottom, left + right
    )
    merged = np.full(seen.shape[1:], CLEAR, np.uint16)
    merged[top : top + height, left : left + width] = pictures[int(rows[0, 0])]
    agree = np.ones(len(chosen), bool)
    for _, b, dx, dy in rows.tolist():
        y, x = np.nonzero(pictures[b] != CLEAR)
        colour = pictures[b][y, x]
        y, x = y + dy + top, x + dx + left
        new = merged[y, x] == CLEAR
        shown = seen[:, y[new], x[new]]
        fits = agree & ((shown == colour[new]) | (shown >= OTHER)).all(axis=1)
        if new.any() and fits.sum() >= max(EVIDENCE.min_times, MERGE.min_agreement * agree.sum()):
            agree = fits
            merged[y[new], x[new]] = colour[new]
    return merged


def merge_sprites(scene: Scene, frames: Indexed) -> list[Ids]:
    """A scene's sprites, each merged with the sprites that always fit beside it.

    Parameters
    ----------
    scene : Scene
        Mined from `frames`.
    frames : Indexed

    Returns
    -------
    list of ndarray, each shape (h, w), uint16
        Colour numbers, CLEAR outside; no two alike, those placed most often first. Sprites
        that are placed only once are left out.
    """
    if not len(scene.tracks):
        return []
    at = Placements.of(scene)
    pictures = [frames.ids_of(s) for s in scene.sprites]
    rows, together = _neighbours(
        at, np.array([p.shape[1] for p in pictures]), np.array([p.shape[0] for p in pictures])
    )
    by_sprite = np.argsort(at.sprite, kind="stable")
    place = np.searchsorted(at.sprite[by_sprite], np.arange(len(pictures) + 1))
    row = np.searchsorted(rows[:, 0], np.arange(len(pictures) + 1))
    found: Counter[tuple[tuple[int, ...], bytes]] = Counter()
    for s, picture in enumerate(pictures):
        places = by_sprite[place[s] : place[s + 1]]
        if len(places) < EVIDENCE.min_times:
            continue
        own = slice(row[s], row[s + 1])
        often = MERGE.min_together_share * len(places)
        likely = together[own] >= max(EVIDENCE.min_times, often)
        beside = rows[own][likely][: LIMITS.candidates]
        if len(beside):
            picture = _merged(frames, at, places, pictures, beside)
        y, x = np.nonzero(picture != CLEAR)
        if not len(y):  # all translucent
            continue
        picture = picture[y.min() : y.max() + 1, x.min() : x.max() + 1]
        found[picture.shape, picture.tobytes()] += len(places)
    return [
        np.frombuffer(data, np.uint16).reshape(shape) for (shape, data), _ in found.most_common()
    ]
