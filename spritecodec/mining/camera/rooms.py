"""Rooms that share most of what they show: told apart by what changes at once and stays.

The pan's search (`pan.py`) takes a frame for another room where little of the one before is
left. Rooms of one game often differ in a few places only: under the same sky, on the same
ground, a pit instead of a ladder. Such a switch is seen where enough pixels that stood still
change in one frame and stand still again. The commonest picture of each stretch between two
switches has no moving objects in it, so equal ones are one room that was visited again.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from spritecodec.mining.arrays import Ids
from spritecodec.mining.camera.pan import Pan
from spritecodec.mining.indexed import Indexed

STILL = 12  # frames before and after a switch
SWITCHED_SHARE = 0.02  # of the screen, that changes at once
SHORTEST = 24  # frames of a stretch
SAME_SHARE = 0.005  # of the screen: two pictures that differ in less show the same room
LOOKED_AT = 64  # frames of a stretch that tell its picture


def _switches(frames: Indexed, pan: Pan) -> list[int]:
    """Frames that begin to show something else in many places, under a camera at rest."""
    n = len(frames)
    place = np.column_stack([pan.position, pan.room])
    moved = np.append(0, np.cumsum((place[1:] != place[:-1]).any(axis=1)))
    found = []
    for t in range(STILL, n - STILL):
        if frames.same(t - 1, t) or moved[t - STILL] != moved[t + STILL - 1]:
            continue
        before, frame = frames[t - 1], frames[t]
        switched = before != frame
        for k in range(1, STILL):
            if switched.sum() < SWITCHED_SHARE * frame.size:
                break
            switched &= (frames[t - 1 - k] == before) & (frames[t + k] == frame)
        if switched.sum() >= SWITCHED_SHARE * frame.size:
            found.append(t)
    return found


def _picture(frames: Indexed, start: int, end: int) -> Ids:
    """What each pixel shows most, by the votes of some frames."""
    chosen = np.unique(np.linspace(start, end - 1, LOOKED_AT).astype(np.int64))
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
    """The same path through more rooms; None where no room switches to another.

    Parameters
    ----------
    frames : Indexed
    pan : Pan
        Of the same frames.
    """
    starts = [0]
    for t in _switches(frames, pan):
        if t - starts[-1] >= SHORTEST:
            starts.append(t)
    room = pan.room.copy()
    known: list[tuple[tuple[int, int, int], Ids, int]] = []  # place, picture, room
    largest = SAME_SHARE * frames.height * frames.width
    for start, end in zip(starts, [*starts[1:], len(frames)], strict=True):
        place = np.column_stack([pan.position, pan.room])[start:end]
        if (place != place[0]).any():
            continue
        x, y, old = place[0].tolist()
        picture = _picture(frames, start, end)
        for there, seen, number in known:
            if there == (x, y, old) and (seen != picture).sum() <= largest:
                room[start:end] = number
                break
        else:
            if any(there[2] == old for there, _, _ in known):
                room[start:end] = room.max() + 1
            known.append(((x, y, old), picture, int(room[start])))
    return None if np.array_equal(room, pan.room) else replace(pan, room=room)
