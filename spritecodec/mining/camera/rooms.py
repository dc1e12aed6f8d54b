"""Rooms that look almost alike, distinguished by what changes at once and then stays.

The search for the pan (`camera.pan`) sees another room only where most of the frame changes.
Rooms of one game often differ in a few places: under the same sky, on the same ground, a pit
instead of a ladder. Such a *switch* is seen where enough pixels that stood still change in one
frame and stand still again. The *view* of a stretch between two switches is what each pixel
shows most; it has no moving objects in it. So stretches with equal views are one room that was
visited again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spritecodec.mining.arrays import Ids
from spritecodec.mining.camera.pan import Pan
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import EVIDENCE, ROOMS


def _switches(frames: Indexed, pan: Pan) -> list[int]:
    """Frames that begin to show something else in many places, under a camera at rest."""
    n, still = len(frames), EVIDENCE.min_frames
    place = np.column_stack([pan.position, pan.room])
    moved = np.append(0, np.cumsum((place[1:] != place[:-1]).any(axis=1)))
    enough = EVIDENCE.min_changed * frames.height * frames.width
    found = []
    for t in range(still, n - still):
        if frames.same(t - 1, t) or moved[t - still] != moved[t + still - 1]:
            continue
        previous, current = frames[t - 1], frames[t]
        switched = previous != current
        for k in range(1, still):
            if switched.sum() < enough:
                break
            switched &= (frames[t - 1 - k] == previous) & (frames[t + k] == current)
        if switched.sum() >= enough:
            found.append(t)
    return found


def _view(frames: Indexed, start: int, end: int) -> Ids:
    """What each pixel shows most in frames from `start` to `end` - 1, by a sample of them."""
    chosen = np.unique(np.linspace(start, end - 1, LIMITS.voters).astype(np.int64))
    stack = np.stack([frames[t] for t in chosen.tolist()])
    stack.sort(axis=0)
    # The longest run of equal numbers, in sorted order.
    run = np.ones(stack.shape, np.int16)
    for k in range(1, len(stack)):
        run[k] += run[k - 1] * (stack[k] == stack[k - 1])
    longest = run.argmax(axis=0)
    most: Ids = np.take_along_axis(stack, longest[None], axis=0)[0]
    return most


def split_rooms(frames: Indexed, pan: Pan) -> Pan | None:
    """Split the rooms of a pan where they switch to others that look almost alike.

    Parameters
    ----------
    frames : Indexed
    pan : Pan
        Of the same frames.

    Returns
    -------
    Pan or None
        The same positions in more rooms; None where no room switches to another.
    """
    starts = [0]
    for t in _switches(frames, pan):
        if t - starts[-1] >= ROOMS.min_stretch:
            starts.append(t)
    room = pan.room.copy()
    known: list[tuple[tuple[int, int, int], Ids, int]] = []  # place in `pan`, view, new room
    most = EVIDENCE.min_changed * frames.height * frames.width
    for start, end in zip(starts, [*starts[1:], len(frames)], strict=True):
        places = np.column_stack([pan.position, pan.room])[start:end]
        if (places != places[0]).any():
            continue
        x, y, old = places[0].tolist()
        view = _view(frames, start, end)
        for other, seen, number in known:
            if other == (x, y, old) and (seen != view).sum() <= most:
                room[start:end] = number
                break
        else:
            if any(other[2] == old for other, _, _ in known):
                room[start:end] = room.max() + 1
            known.append(((x, y, old), view, int(room[start])))
    return None if np.array_equal(room, pan.room) else replace(pan, room=room)
