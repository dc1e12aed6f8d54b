"""From mined tracks to a Scene: drawing order, layers, and sprites in order of use."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.background.world import World
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.sprites.dictionary import Dictionary
from spritecodec.mining.thresholds import LAYERS
from spritecodec.mining.tracks.follow import Followed, MinedTrack
from spritecodec.scene import Layer, Residual, Scene, Tracks


@dataclass(frozen=True)
class _Placements:
    """All placements of some tracks, one track after another.

    Attributes
    ----------
    start : ndarray, shape (tracks,), int64
        First frame.
    first : ndarray, shape (tracks + 1,), int64
        Where each track's placements begin.
    track, frame, sprite, x, y : ndarray, shape (placements,), int64
        (x, y) are layer coordinates of the sprite's top left corner.
    """

    start: Longs
    first: Longs
    track: Longs
    frame: Longs
    sprite: Longs
    x: Longs
    y: Longs

    @staticmethod
    def of(tracks: list[MinedTrack]) -> _Placements:
        start = np.array([k.start for k in tracks], np.int64)
        length = np.array([len(k.sprite) for k in tracks], np.int64)
        first = np.append(0, np.cumsum(length))
        track = np.repeat(np.arange(len(tracks)), length)
        sprite, x, y = (
            np.array([v for k in tracks for v in getattr(k, name)], np.int64)
            for name in ("sprite", "x", "y")
        )
        frame = np.arange(len(track)) - first[track] + start[track]
        return _Placements(start, first, track, frame, sprite, x, y)


def _step_cost(values: Longs, track: Longs, tracks: int) -> NDArray[np.float64]:
    """What the steps of a coordinate cost on each track, shape (tracks,)."""
    inside = np.diff(track, prepend=-1) == 0
    step = np.diff(values, prepend=0) * inside
    changed = np.diff(step, prepend=0) != 0
    moves = inside & (step != 0)
    weight = (moves & changed) * LAYERS.change_cost + moves * LAYERS.step_cost
    return np.bincount(track, weights=weight, minlength=tracks).astype(np.float64)


def _drawing_order(followed: Followed) -> Longs:
    """z of each track: behind whatever covers it, as far as that is consistent.

    The pairs that were seen most often come first. Pairs that contradict them are left to the
    residual.
    """
    number = {id(k): i for i, k in enumerate(followed.tracks)}
    votes = Counter((number[id(a)], number[id(b)]) for a, b in followed.behind if a is not b)
    majority = {pair: count - votes.get(pair[::-1], 0) for pair, count in votes.items()}
    pairs = sorted((p for p in majority if majority[p] > 0), key=lambda p: (-majority[p], p))
    in_front: list[list[int]] = [[] for _ in followed.tracks]
    z = [0] * len(followed.tracks)
    for behind, front in pairs:
        lifted: dict[int, int] = {}  # z of the tracks that this pair lifts, as it was
        above = [(front, z[behind] + 1)]
        while above:
            track, least = above.pop()
            if z[track] >= least:
                continue
            if track == behind:  # it would be in front of itself
                for k, earlier in lifted.items():
                    z[k] = earlier
                break
            lifted.setdefault(track, z[track])
            z[track] = least
            above += [(k, least + 1) for k in in_front[track]]
        else:
            in_front[behind].append(front)
    return np.array(z, np.int64)


def _trim(picture: Ids) -> tuple[Ids, int, int]:
    """Cut the clear border off; also how much of it was at the left and at the top."""
    rows = np.flatnonzero((picture != CLEAR).any(axis=1))
    columns = np.flatnonzero((picture != CLEAR).any(axis=0))
    if not len(rows):
        return picture[:1, :1], 0, 0
    inside = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return inside, int(columns[0]), int(rows[0])


def _use_sprites(
    at: _Placements, frames: Indexed, dictionary: Dictionary
) -> tuple[_Placements, list[NDArray[np.uint8]]]:
    """Number the sprites in the order of their first use, and trim them.

    Returns
    -------
    placements : _Placements
        With the new numbers, at the places of the trimmed sprites.
    pictures : list of ndarray, each shape (h, w, 4), uint8
    """
    used, where, mined = np.unique(at.sprite, return_index=True, return_inverse=True)
    in_order = np.argsort(where)
    rank = np.empty(len(used), np.int64)
    rank[in_order] = np.arange(len(used))
    sprite = rank[mined]
    pictures, left, top = [], np.zeros(len(used), np.int64), np.zeros(len(used), np.int64)
    for i, number in enumerate(used[in_order].tolist()):
        picture, left[i], top[i] = _trim(dictionary.picture(number))
        pictures.append(frames.rgba(picture))
    return replace(at, sprite=sprite, x=at.x + left[sprite], y=at.y + top[sprite]), pictures


def _choose_layers(
    at: _Placements, tracks: list[MinedTrack], world: World
) -> tuple[_Placements, Longs]:
    """Put each track in the world or on the screen, whichever costs less.

    The layers, back to front, are the planes, of which the nearest is the world; the screen; the
    overlay; what is in front of the overlay.

    Returns
    -------
    placements : _Placements
        In coordinates of their layers.
    layer : ndarray, shape (tracks,), int64
    """
    count = len(tracks)
    on_screen = replace(
        at, x=at.x - world.position[at.frame, 0], y=at.y - world.position[at.frame, 1]
    )
    cost_in_world, cost_on_screen = (
        _step_cost(p.x, p.track, count) + _step_cost(p.y, p.track, count) for p in (at, on_screen)
    )
    over_overlay = np.array([k.over_overlay > 0 for k in tracks], bool)
    still = over_overlay | (cost_on_screen < cost_in_world)
    moved = still[at.track]
    placed = replace(at, x=np.where(moved, on_screen.x, at.x), y=np.where(moved, on_screen.y, at.y))
    nearest = len(world.behind)
    screen, front = nearest + 1, nearest + 2 + int((world.overlay != CLEAR).any())
    return placed, np.where(over_overlay, front, np.where(still, screen, nearest))


def _draw_layers(
    world: World, frames: Indexed, front: bool
) -> tuple[list[Layer], list[NDArray[np.uint8]]]:
    """The layers of `_choose_layers`, with the background's textures.

    With `front`, something is in front of the overlay.
    """
    still = np.zeros((len(frames), 2), np.int32)
    textures: list[NDArray[np.uint8]] = []
    layers: list[Layer] = []

    def add(picture: Ids, pan: NDArray[np.int32]) -> None:
        inside, x, y = _trim(picture)
        layers.append(Layer(pan, np.array([[len(textures), x, y]], np.int32)))
        textures.append(frames.rgba(inside))

    for plane in world.planes:
        add(plane.canvas, plane.position.astype(np.int32))
    if world.glass is not None and (world.glass != CLEAR).any():
        add(world.glass, still)
    else:
        layers.append(Layer(still, np.zeros((0, 3), np.int32)))
    if (world.overlay != CLEAR).any():
        add(world.overlay, still)
    if front:
        layers.append(Layer(still, np.zeros((0, 3), np.int32)))
    return layers, textures


def assemble(
    frames: Indexed,
    world: World,
    dictionary: Dictionary,
    animated: list[MinedTrack],
    followed: Followed,
    pts: NDArray[np.int64],
    time_base: Fraction,
) -> Scene:
    """A Scene without residual that says what was mined.

    Parameters
    ----------
    frames : Indexed
    world : World
    dictionary : Dictionary
    animated : list of MinedTrack
        Drawn behind all others.
    followed : Followed
    pts : ndarray, shape (n,), int64
        In units of `time_base`, which is in seconds.
    time_base : Fraction
    """
    z = np.append(np.zeros(len(animated), np.int64), _drawing_order(followed) + bool(animated))
    tracks = animated + followed.tracks
    order = sorted(
        range(len(tracks)), key=lambda i: (tracks[i].start, tracks[i].y[0], tracks[i].x[0])
    )
    tracks = [tracks[i] for i in order]
    placed, pictures = _use_sprites(_Placements.of(tracks), frames, dictionary)
    placed, layer = _choose_layers(placed, tracks, world)
    layers, textures = _draw_layers(world, frames, any(k.over_overlay for k in tracks))
    return Scene(
        frames.width,
        frames.height,
        pts,
        time_base,
        np.zeros((len(frames), 3), np.uint8),
        tuple(pictures),
        tuple(textures),
        tuple(layers),
        Tracks(
            layer.astype(np.int32),
            z[order].astype(np.int32),
            placed.start.astype(np.int32),
            placed.first,
            placed.sprite.astype(np.int32),
            placed.x.astype(np.int32),
            placed.y.astype(np.int32),
            np.zeros(len(placed.x), np.uint8),
        ),
        Residual.none(),
    )
