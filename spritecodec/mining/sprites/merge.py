"""Merging: what is always seen together becomes one sprite.

Mining cuts an object where it happens to look like the background, and cuts it differently
wherever the background differs. Over a whole scene it shows which pieces belong together:
wherever one piece is placed, the other fits at the same distance. Such pieces are joined, as
often as it takes; a second mining with the joined sprites shows what they are worth.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.indexed import OTHER, Indexed
from spritecodec.scene import Scene

WIDEST_GAP = 4  # pixels between the boxes of pieces that may belong together
# Of the places of a piece, where another must fit to belong to it. Not all: a place may be
# covered by something in front, or be another object that looks the same.
AGREED = 0.8
FEWEST_TOGETHER = 2
LEAST_TOGETHER = 0.02  # of a piece's placements; a piece may seldom need its neighbour drawn
MOST_NEIGHBOURS = 48  # tried for a piece, those seen with it most often
MOST_PLACEMENTS = 100  # looked at for one piece, spread over the clip: enough for a vote
# Distances are packed into one number with the sprites' numbers, to be counted.
FARTHEST = 1 << 9
MOST_AT_ONCE = 400  # placements in a frame; more are texture, and their pairs too many


class _Placements:
    """All placements of a scene in screen coordinates."""

    def __init__(self, scene: Scene) -> None:
        tracks = scene.tracks
        owner = np.repeat(np.arange(len(tracks)), tracks.length)
        frame = np.arange(len(owner)) - tracks.first[owner] + tracks.start[owner]
        pan = np.stack([layer.pan for layer in scene.layers])[tracks.layer[owner], frame]
        self.sprite: Longs = tracks.sprite.astype(np.int64)
        self.frame: Longs = frame.astype(np.int64)
        self.x: Longs = (tracks.x - pan[:, 0]).astype(np.int64)
        self.y: Longs = (tracks.y - pan[:, 1]).astype(np.int64)


def _neighbours(at: _Placements, width: Longs, height: Longs) -> tuple[Longs, Longs]:
    """Which sprites are seen side by side: rows (sprite, other, dx, dy), and how often each."""
    order = np.argsort(at.frame, kind="stable")
    keys = [np.zeros(0, np.int64)]
    for frame in np.split(order, np.flatnonzero(np.diff(at.frame[order])) + 1):
        if len(frame) > MOST_AT_ONCE:
            continue
        x, y, s = at.x[frame], at.y[frame], at.sprite[frame]
        right, below = x + width[s] + WIDEST_GAP, y + height[s] + WIDEST_GAP
        near = (x[:, None] <= right) & (x <= right[:, None])
        near &= (y[:, None] <= below) & (y <= below[:, None])
        np.fill_diagonal(near, False)
        i, j = np.nonzero(near)
        dx, dy = x[j] - x[i], y[j] - y[i]
        close = (abs(dx) < FARTHEST) & (abs(dy) < FARTHEST)
        key = (s[i] << 40) | (s[j] << 20) | (dx + FARTHEST) << 10 | (dy + FARTHEST)
        keys.append(key[close])
    key, count = np.unique(np.concatenate(keys), return_counts=True)
    low = 2 * FARTHEST - 1
    rows = np.stack(
        [key >> 40, key >> 20 & 0xFFFFF, (key >> 10 & low) - FARTHEST, (key & low) - FARTHEST], 1
    )
    often = np.lexsort((-count, rows[:, 0]))
    return rows[often], count[often]


def _joined(
    frames: Indexed, at: _Placements, places: Longs, pictures: list[Ids], rows: Longs
) -> Ids:
    """A sprite with those of its neighbours that fit wherever it is placed.

    Parameters
    ----------
    frames : Indexed
    at : _Placements
    places : ndarray
        Where the sprite is placed.
    pictures : list of ndarray
    rows : ndarray, shape (m, 4)
        (sprite, neighbour, dx, dy), the likeliest first; one sprite's.
    """
    height, width = pictures[int(rows[0, 0])].shape
    sizes = np.array([pictures[b].shape for b in rows[:, 1].tolist()])
    left, top = max(0, -int(rows[:, 2].min())), max(0, -int(rows[:, 3].min()))
    right = max(width, int((rows[:, 2] + sizes[:, 1]).max()))
    bottom = max(height, int((rows[:, 3] + sizes[:, 0]).max()))
    chosen = places[
        np.unique(np.linspace(0, len(places) - 1, min(len(places), MOST_PLACEMENTS)).astype(int))
    ]
    seen = frames.windows(
        at.frame[chosen], at.x[chosen] - left, at.y[chosen] - top, top + bottom, left + right
    )
    joined = np.full(seen.shape[1:], CLEAR, np.uint16)
    joined[top : top + height, left : left + width] = pictures[int(rows[0, 0])]
    agree = np.ones(len(chosen), bool)
    for _, b, dx, dy in rows.tolist():
        y, x = np.nonzero(pictures[b] != CLEAR)
        colour = pictures[b][y, x]
        y, x = y + dy + top, x + dx + left
        new = joined[y, x] == CLEAR
        shown = seen[:, y[new], x[new]]
        fits = agree & ((shown == colour[new]) | (shown >= OTHER)).all(axis=1)
        if new.any() and fits.sum() >= max(FEWEST_TOGETHER, AGREED * agree.sum()):
            agree = fits
            joined[y[new], x[new]] = colour[new]
    return joined


def merge_sprites(scene: Scene, frames: Indexed) -> list[Ids]:
    """A scene's sprites, each joined with the sprites that always fit beside it.

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
    at = _Placements(scene)
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
        if len(places) < FEWEST_TOGETHER:
            continue
        own = slice(row[s], row[s + 1])
        likely = together[own] >= max(FEWEST_TOGETHER, LEAST_TOGETHER * len(places))
        beside = rows[own][likely][:MOST_NEIGHBOURS]
        if len(beside):
            picture = _joined(frames, at, places, pictures, beside)
        y, x = np.nonzero(picture != CLEAR)
        if not len(y):  # all translucent
            continue
        picture = picture[y.min() : y.max() + 1, x.min() : x.max() + 1]
        found[picture.shape, picture.tobytes()] += len(places)
    return [
        np.frombuffer(data, np.uint16).reshape(shape) for (shape, data), _ in found.most_common()
    ]
