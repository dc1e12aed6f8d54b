"""From mined tracks to a Scene: drawing order, layers, and a dictionary in order of use."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.background.world import World
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.sprites.dictionary import Dictionary
from spritecodec.mining.tracks.follow import Followed, MinedTrack
from spritecodec.scene import Layer, Residual, Scene, Tracks


def _drawing_order(followed: Followed) -> Longs:
    """z of each track: behind whatever covers it, as far as that is consistent.

    What was seen most often is heeded first; what contradicts it is left to the residual.
    """
    number = {id(k): i for i, k in enumerate(followed.tracks)}
    votes = Counter((number[id(a)], number[id(b)]) for a, b in followed.behind if a is not b)
    sure = {pair: count - votes.get(pair[::-1], 0) for pair, count in votes.items()}
    in_front: list[list[int]] = [[] for _ in followed.tracks]
    z = [0] * len(followed.tracks)
    for behind, front in sorted((p for p in sure if sure[p] > 0), key=lambda p: (-sure[p], p)):
        lifted: dict[int, int] = {}  # what was lower
        above = [(front, z[behind] + 1)]
        while above:
            track, least = above.pop()
            if z[track] >= least:
                continue
            if track == behind:  # it would be before itself
                for k, before in lifted.items():
                    z[k] = before
                break
            lifted.setdefault(track, z[track])
            z[track] = least
            above += [(k, least + 1) for k in in_front[track]]
        else:
            in_front[behind].append(front)
    return np.array(z, np.int64)


def _trim(picture: Ids) -> tuple[Ids, int, int]:
    """Cut the clear border off; also how much went at the left and at the top."""
    rows = np.flatnonzero((picture != CLEAR).any(axis=1))
    columns = np.flatnonzero((picture != CLEAR).any(axis=0))
    if not len(rows):
        return picture[:1, :1], 0, 0
    inside = picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return inside, int(columns[0]), int(rows[0])


def _unrest(values: Longs, owner: Longs, tracks: int) -> NDArray[np.float64]:
    """How much each track's coordinate would cost: steps that differ from the one before."""
    inside = np.diff(owner, prepend=-1) == 0
    step = np.diff(values, prepend=0) * inside
    change = np.diff(step, prepend=0) != 0
    weight = (inside & change & (step != 0)) * 2.0 + (inside & (step != 0)) * 0.1
    return np.bincount(owner, weights=weight, minlength=tracks).astype(np.float64)


def _textured(pan: NDArray[np.int32], texture: int, x: int, y: int) -> Layer:
    return Layer(pan, np.array([[texture, x, y]], np.int32))


def _flat(tracks: list[MinedTrack], name: str) -> Longs:
    return np.array([v for k in tracks for v in getattr(k, name)], np.int64)


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
        What is drawn before all others.
    followed : Followed
    pts : ndarray, shape (n,), int64
    time_base : Fraction
    """
    z = np.append(np.zeros(len(animated), np.int64), _drawing_order(followed) + bool(animated))
    tracks = animated + followed.tracks
    order = sorted(
        range(len(tracks)), key=lambda i: (tracks[i].start, tracks[i].y[0], tracks[i].x[0])
    )
    tracks = [tracks[i] for i in order]
    length = np.array([len(k.sprite) for k in tracks], np.int64)
    first = np.append(0, np.cumsum(length))
    start = np.array([k.start for k in tracks], np.int64)
    owner = np.repeat(np.arange(len(tracks)), length)
    frame = np.arange(len(owner)) - first[owner] + start[owner]

    used, where, mined = np.unique(_flat(tracks, "sprite"), return_index=True, return_inverse=True)
    rank = np.empty(len(used), np.int64)
    rank[np.argsort(where)] = np.arange(len(used))
    sprite = rank[mined]
    pictures, left, top = [], np.zeros(len(used), np.int64), np.zeros(len(used), np.int64)
    for i, number in enumerate(used[np.argsort(where)].tolist()):
        picture, left[i], top[i] = _trim(dictionary.picture(number))
        pictures.append(frames.rgba(picture))
    x = _flat(tracks, "x") + left[sprite]
    y = _flat(tracks, "y") + top[sprite]

    screen_x, screen_y = x - world.position[frame, 0], y - world.position[frame, 1]
    count = len(tracks)
    on_world = _unrest(x, owner, count) + _unrest(y, owner, count)
    on_screen = _unrest(screen_x, owner, count) + _unrest(screen_y, owner, count)
    # The layers, back to front: the planes, the nearest being the world; screen; overlay; what
    # is before the overlay.
    nearest = len(world.behind)
    before = np.array([k.over_overlay > 0 for k in tracks], bool)
    still_there = before | (on_screen < on_world)
    fixed = still_there[owner]
    x, y = np.where(fixed, screen_x, x), np.where(fixed, screen_y, y)

    still = np.zeros((len(frames), 2), np.int32)
    textures: list[NDArray[np.uint8]] = []
    layers: list[Layer] = []
    for plane in world.planes:
        picture, dx, dy = _trim(plane.canvas)
        layers.append(_textured(plane.position.astype(np.int32), len(textures), dx, dy))
        textures.append(frames.rgba(picture))
    if world.glass is not None and (world.glass != CLEAR).any():
        picture, dx, dy = _trim(world.glass)
        layers.append(_textured(still, len(textures), dx, dy))
        textures.append(frames.rgba(picture))
    else:
        layers.append(Layer(still, np.zeros((0, 3), np.int32)))
    if (world.overlay != CLEAR).any():
        picture, dx, dy = _trim(world.overlay)
        layers.append(_textured(still, len(textures), dx, dy))
        textures.append(frames.rgba(picture))
    layer = np.where(before, len(layers), np.where(still_there, nearest + 1, nearest))
    if before.any():
        layers.append(Layer(still, np.zeros((0, 3), np.int32)))
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
            start.astype(np.int32),
            first.astype(np.int64),
            sprite.astype(np.int32),
            x.astype(np.int32),
            y.astype(np.int32),
            np.zeros(len(x), np.uint8),
        ),
        Residual.none(),
    )
