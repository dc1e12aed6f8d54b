"""Tracks as streams (SPEC.md section 7, "Tracks").

A track's first placement is written in screen coordinates; every later one as a step from
the previous one. Steps are predicted (the object rests, or goes on as it went). They are
ordered track by track or frame by frame, whichever compresses better: track by track keeps
an object's habits together, frame by frame the objects that move in step.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.formats.spr.budget import PLACEMENT_BYTES, RANKS_PER_OBJECT
from spritecodec.formats.spr.streams import (
    Cursor,
    Ints,
    magnitude,
    read_exactly,
    read_stream,
    smallest,
    write_stream,
)
from spritecodec.scene import Layer, Tracks

BY_TRACK, BY_FRAME = 0, 1
MAX_FLIP = 3
# Predictors of the next step: none, or the previous step. A mode byte is order + predictor.
REST, GO_ON = 0, 2

MAX_TRACKS = 1 << 22
MAX_PLACEMENTS = 1 << 24
MAX_DISTANCE = (1 << 30) - 1  # of a placement, a pan, a background or a z from 0


def _owners(length: Ints) -> Ints:
    return np.repeat(np.arange(len(length)), length)


def _frame_order(start: Ints, length: Ints) -> NDArray[np.intp]:
    """Positions of all steps, frame by frame and within a frame by track."""
    first = np.cumsum(length) - length
    frame = np.repeat(start - first, length)
    frame += np.arange(len(frame))
    step = np.ones(len(frame), bool)
    step[first] = False
    # By frame alone, since positions are by track already. Frames of a segment fit 16 bits
    # (SPEC.md, section 9), which numpy sorts in linear time.
    order = np.argsort(frame.astype(np.uint16), kind="stable")
    kept: NDArray[np.intp] = order[step[order]]
    return kept


def _track_order(length: Ints) -> NDArray[np.intp]:
    """Positions of all steps, track by track."""
    step = np.ones(int(length.sum()), bool)
    step[np.cumsum(length) - length] = False
    return np.flatnonzero(step)


def _differences(values: Ints, first: Ints) -> Ints:
    """values[p] - values[p - 1] inside each track; 0 for each track's first."""
    out = np.diff(values, prepend=0)
    out[first] = 0
    return out


def _sums(steps: Ints, first: Ints, length: Ints) -> Ints:
    """Inverse of `_differences`, starting every track at 0; steps[first] must be 0."""
    total = np.cumsum(steps)
    return total - np.repeat(total[first], length)


def _write_steps(steps: Ints, first: Ints, orders: list[NDArray[np.intp]]) -> bytes:
    change = _differences(steps, first)
    candidates = [
        bytes([order + predictor]) + write_stream(values[orders[order]])
        for order in (BY_TRACK, BY_FRAME)
        for predictor, values in ((REST, steps), (GO_ON, change))
    ]
    return candidates[smallest(candidates)]


def _read_steps(cursor: Cursor, first: Ints, length: Ints, orders: list[NDArray[np.intp]]) -> Ints:
    mode = cursor.byte()
    if mode > BY_FRAME + GO_ON:
        raise cursor.fail(f"unknown step mode {mode}")
    order = orders[mode & 1]
    coded = read_exactly(cursor, len(order), "steps")
    # Sums of these and of steps stay far below 64 bits, whatever the number of placements.
    if magnitude(coded) > 4 * MAX_DISTANCE:
        raise cursor.fail("a placement lies too far away")
    steps = np.zeros(int(length.sum()), np.int64)
    steps[order] = coded
    if mode & GO_ON:
        steps = _sums(steps, first, length)
    if magnitude(steps) > 2 * MAX_DISTANCE:
        raise cursor.fail("a placement lies too far away")
    return steps


def _code_changes(sprite: Ints, first: Ints, order: NDArray[np.intp]) -> tuple[Ints, list[int]]:
    """Codes for the changes of sprite along tracks, and the sprites spelled out.

    0: the same sprite as in the previous frame. r > 0: the r-th most recent follower of that
    sprite on any track. -1: a sprite that has not followed it yet; it is spelled out.
    """
    code = np.zeros(len(sprite), np.int64)
    spelled: list[int] = []
    recent: dict[int, list[int]] = {}
    changed = order[_differences(sprite, first)[order] != 0]
    for p in changed.tolist():
        previous, now = int(sprite[p - 1]), int(sprite[p])
        followers = recent.setdefault(previous, [])
        if now in followers:
            code[p] = followers.index(now) + 1
            followers.remove(now)
        else:
            code[p] = -1
            spelled.append(now)
        followers.insert(0, now)
    return code, spelled


def _write_sprites(sprite: Ints, first: Ints, orders: list[NDArray[np.intp]]) -> bytes:
    candidates = []
    for mode, order in enumerate(orders):
        code, spelled = _code_changes(sprite, first, order)
        body = write_stream(code[order]) + write_stream(spelled)
        candidates.append(bytes([mode]) + body)
    return candidates[smallest(candidates)]


def _read_sprites(
    cursor: Cursor,
    start_sprite: Ints,
    length: Ints,
    orders: list[NDArray[np.intp]],
    sprites: int,
) -> Ints:
    mode = cursor.byte()
    if mode > BY_FRAME:
        raise cursor.fail(f"unknown sprite order {mode}")
    order = orders[mode]
    code = read_exactly(cursor, len(order), "sprite changes")
    new = read_stream(cursor, len(order))
    if ((new < 0) | (new >= sprites)).any():
        raise cursor.fail("a placement has a sprite that is not in the dictionary")
    _check_codes(cursor, code)
    spelled = iter(new.tolist())
    owner = _owners(length)
    current = start_sprite.tolist()
    recent: dict[int, list[int]] = {}  # the most recent one last, where lists grow at no cost
    first = np.cumsum(length) - length
    step = np.zeros(len(owner), np.int64)
    step[first] = start_sprite
    events = np.flatnonzero(code)
    pairs: set[tuple[int, int]] = set()
    for p, c, track in zip(
        order[events].tolist(), code[events].tolist(), owner[order[events]].tolist(), strict=True
    ):
        followers = recent.setdefault(current[track], [])
        if 0 < c <= len(followers):
            now = followers.pop(-c)
        elif c > 0:
            raise cursor.fail("a sprite follows that was never seen")
        else:
            now = next(spelled, -1)
            if now < 0:
                raise cursor.fail("a spelled-out sprite is missing")
            if (current[track], now) in pairs:
                raise cursor.fail("a sprite is spelled out that has followed already")
            pairs.add((current[track], now))
        followers.append(now)
        step[p] = now - current[track]
        current[track] = now
    if next(spelled, None) is not None:
        raise cursor.fail("a sprite is spelled out but not used")
    total = np.cumsum(step)
    sprite: Ints = total - np.repeat(total[first] - start_sprite, length)
    return sprite


def _check_codes(cursor: Cursor, code: Ints) -> None:
    """Draw the work of the changes of sprites from the budget.

    Raises
    ------
    FormatError
        A code means nothing, or the changes take more than the budget holds.
    """
    if len(code) and (code.min() < -1 or code.max() > MAX_PLACEMENTS):
        raise cursor.fail("a sprite follows that was never seen")
    ranks = int(code[code > 0].sum())
    cursor.budget.take(objects=int(np.count_nonzero(code)) + ranks // RANKS_PER_OBJECT)


def write_tracks(tracks: Tracks, layers: tuple[Layer, ...]) -> list[bytes]:
    """Tracks as parts, ready for compression; the inverse is `read_tracks`.

    Parameters
    ----------
    tracks : Tracks
        Sprite numbers are smallest when the dictionary is ordered by first use.
    layers : tuple of Layer
        Their pan predicts where tracks appear.
    """
    length = tracks.length.astype(np.int64)
    first = tracks.first[:-1]
    start = tracks.start.astype(np.int64)
    sprite, x, y = (a.astype(np.int64) for a in (tracks.sprite, tracks.x, tracks.y))
    flip = tracks.flip.astype(np.int64)
    pan = _pan_at(layers, tracks.layer.astype(np.int64), start)
    newest = np.maximum.accumulate(np.append(-1, sprite[first]))[:-1]
    parts = [
        write_stream(start),
        write_stream(length - 1),
        write_stream(tracks.layer),
        write_stream(tracks.z),
        write_stream(newest + 1 - sprite[first]),
        write_stream(x[first] - pan[:, 0]),
        write_stream(y[first] - pan[:, 1]),
        write_stream(flip[first]),
    ]
    orders = [_track_order(length), _frame_order(start, length)]
    parts.append(_write_sprites(sprite, first, orders))
    parts += [_write_steps(_differences(v, first), first, orders) for v in (x, y, flip)]
    return parts


def _pan_at(layers: tuple[Layer, ...], layer: Ints, frame: Ints) -> Ints:
    pan = np.stack([np.asarray(la.pan, np.int64) for la in layers]) if layers else None
    return np.zeros((0, 2), np.int64) if pan is None else pan[layer, frame]


def read_tracks(cursor: Cursor, layers: tuple[Layer, ...], frames: int, sprites: int) -> Tracks:
    """Read what `write_tracks` wrote.

    Parameters
    ----------
    cursor : Cursor
    layers : tuple of Layer
    frames, sprites : int
        Of the segment and of the dictionary; what the tracks say must lie inside.

    Raises
    ------
    FormatError
        The streams are damaged.
    """
    heads = _read_heads(cursor, len(layers), frames, sprites)
    start, length = heads.start, heads.length
    cursor.budget.take(PLACEMENT_BYTES * int(length.sum()))
    first = np.cumsum(length) - length
    orders = [_track_order(length), _frame_order(start, length)]
    sprite = _read_sprites(cursor, heads.sprite, length, orders, sprites)
    pan = _pan_at(layers, heads.layer, start)
    values = []
    for begin in (heads.x + pan[:, 0], heads.y + pan[:, 1], heads.flip):
        steps = _read_steps(cursor, first, length, orders)
        values.append(_sums(steps, first, length) + np.repeat(begin, length))
    x, y, flip = values
    if max(map(magnitude, (x, y))) > MAX_DISTANCE:
        raise cursor.fail("a placement lies too far away")
    if ((flip < 0) | (flip > MAX_FLIP)).any():
        raise cursor.fail("a placement has an unknown flip")
    return Tracks(
        heads.layer.astype(np.int32),
        heads.z.astype(np.int32),
        start.astype(np.int32),
        np.append(first, int(length.sum())).astype(np.int64),
        sprite.astype(np.int32),
        x.astype(np.int32),
        y.astype(np.int32),
        flip.astype(np.uint8),
    )


class _Heads(NamedTuple):
    """What a segment says once a track: shape (tracks,) each.

    `sprite`, `x`, `y` and `flip` are those of the first placement; x and y on the screen.
    """

    start: Ints
    length: Ints
    layer: Ints
    z: Ints
    sprite: Ints
    x: Ints
    y: Ints
    flip: Ints


def _read_heads(cursor: Cursor, layers: int, frames: int, sprites: int) -> _Heads:
    start = read_stream(cursor, MAX_TRACKS)
    cursor.budget.take(objects=len(start))
    more, layer, z, code, x, y, flip = (
        read_exactly(cursor, len(start), "tracks") for _ in range(7)
    )
    # One after another, so that no sum is larger than 64 bits hold.
    inside = (start >= 0) & (more >= 0) & (more < frames) & (start < frames)
    if not inside.all() or (start + more >= frames).any():
        raise cursor.fail("a track lies outside the segment")
    if len(layer) and (layer.min() < 0 or layer.max() >= layers):
        raise cursor.fail("a track is on a layer that does not exist")
    if max(map(magnitude, (x, y))) > 2 * MAX_DISTANCE or magnitude(z) > MAX_DISTANCE:
        raise cursor.fail("a placement lies too far away")
    if magnitude(flip) > MAX_FLIP:
        raise cursor.fail("a placement has an unknown flip")
    length = more + 1
    if int(length.sum()) > MAX_PLACEMENTS:
        raise cursor.fail(f"more than {MAX_PLACEMENTS} placements")
    sprite = _first_sprites(cursor, code, sprites)
    return _Heads(start, length, layer, z, sprite, x, y, flip)


def _first_sprites(cursor: Cursor, code: Ints, sprites: int) -> Ints:
    """The sprite of each track's first placement."""
    found = []
    newest = -1
    for c in code.tolist():
        sprite = newest + 1 - c
        if not 0 <= sprite < sprites:
            raise cursor.fail("a track begins with a sprite that is not in the dictionary")
        found.append(sprite)
        newest = max(newest, sprite)
    return np.array(found, np.int64)
