"""Votes for what each place of a plane shows, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs

EXACTLY, VEILED = 10, 9  # what a pixel counts that is explained, and that may be through something

Planes = NDArray[np.uint16]  # (planes, H, W), back to front, CLEAR where a plane does not show

Counts = NDArray[np.int32]


@njit(cache=True)
def _look_through(
    frames: NDArray[np.uint16],
    position: Longs,
    planes: Planes,
    plane: int,
    t: int,
    y: int,
    x: int,
    under: Ids,
) -> int:
    """The colour that frame t shows of a plane at pixel (x, y), 65535 where it is covered.

    Through a translucent place of a nearer plane, it is the colour that this is made of.
    """
    c = int(frames[t, y, x])
    for i in range(len(planes) - 1, plane, -1):
        front = planes[i, y + position[i, t, 1], x + position[i, t, 0]]
        if front == 65535:
            continue
        if front < under.shape[1] or c >= under.shape[1]:
            return 65535
        c = int(under[front - under.shape[1], c])
    return c if c < under.shape[1] else 65535


@njit(cache=True)
def _vote(
    frames: NDArray[np.uint16],
    ignored: NDArray[np.bool_],
    position: Longs,
    planes: Planes,
    plane: int,
    over: Ids,
    under: Ids,
    tried: Longs,
    choice: Ids,
    votes: Counts,
    behind: Counts,
    seen: Counts,
) -> None:
    """Count, per place of a plane, what the pixels that nearer planes leave open say.

    `choice` receives the colour that explains most, or the material that explains more,
    `votes` what it explains, `behind` what the planes behind do, `seen` how many pixels there
    are; all in units of 1 / EXACTLY of a pixel. What a colour explains once some material
    lies before it counts a little less.
    """
    n, h, w = frames.shape
    height, width = planes.shape[1:]
    materials, colours = over.shape
    choice[:] = 65535
    votes[:] = 0
    behind[:] = 0
    seen[:] = 0
    counter = np.zeros((width, colours), np.int32)
    judged = np.zeros((width, colours), np.bool_)
    through = np.zeros((width, materials), np.int32)
    touched = np.empty(n * w, np.int64)
    for row in range(height):  # one row of the plane at a time, to count in little memory
        here = 0
        for t in range(n):
            y = row - position[plane, t, 1]
            if y < 0 or y >= h:
                continue
            left = position[plane, t, 0]
            for x in range(w):
                if ignored[t, y, x]:
                    continue
                c = _look_through(frames, position, planes, plane, t, y, x, under)
                if c == 65535:
                    continue
                below = 65535
                opaque = plane - 1
                while opaque >= 0:
                    below = planes[opaque, y + position[opaque, t, 1], x + position[opaque, t, 0]]
                    if below < colours:
                        break
                    opaque -= 1
                if opaque < 0:
                    below = 65535
                for i in range(max(opaque, -1) + 1, plane):
                    front = planes[i, y + position[i, t, 1], x + position[i, t, 0]]
                    if front != 65535 and below < colours:
                        below = over[front - colours, below]
                place = x + left
                seen[row, place] += EXACTLY
                if counter[place, c] == 0:
                    touched[here] = place * colours + c
                    here += 1
                counter[place, c] += 1
                if below == c:
                    behind[row, place] += EXACTLY
                elif below < colours:
                    veiled = False
                    for m in tried:
                        if over[m, below] == c:
                            through[place, m] += 1
                            veiled = True
                    if veiled:
                        behind[row, place] += VEILED
        for k in range(here):
            place, c = touched[k] // colours, touched[k] % colours
            explained = EXACTLY * counter[place, c]
            for m in tried:
                shown = over[m, c]
                if shown < colours and shown != c and not judged[place, shown]:
                    judged[place, shown] = True
                    explained += VEILED * counter[place, shown]
            for m in tried:
                if over[m, c] < colours:
                    judged[place, over[m, c]] = False
            if explained > votes[row, place]:
                votes[row, place] = explained
                choice[row, place] = c
        for k in range(here):
            counter[touched[k] // colours, touched[k] % colours] = 0
        for place in range(width):
            for m in tried:
                explained = EXACTLY * through[place, m]
                stays = planes[plane, row, place] == colours + m and explained > 0
                if explained + stays > votes[row, place]:  # of equals, what was there
                    votes[row, place] = explained
                    choice[row, place] = colours + m
            # What is shown so often through one material is no passing thing.
            if choice[row, place] != 65535 and choice[row, place] >= colours:
                behind[row, place] -= VEILED * through[place, choice[row, place] - colours]
            through[place] = 0


@njit(cache=True)
def _seen_at(
    frames: NDArray[np.uint16],
    position: Longs,
    planes: Planes,
    plane: int,
    under: Ids,
    colours: Ids,
    often: Counts,
) -> None:
    """The first few colours seen at every place of a plane, and how often each is.

    `colours` and `often`, shape (H, W, few), receive them; 65535 where there are no more.
    """
    n, h, w = frames.shape
    colours[:] = 65535
    often[:] = 0
    for t in range(n):
        for y in range(h):
            for x in range(w):
                c = _look_through(frames, position, planes, plane, t, y, x, under)
                if c == 65535:
                    continue
                py, px = y + position[plane, t, 1], x + position[plane, t, 0]
                for k in range(colours.shape[2]):
                    if colours[py, px, k] == c or colours[py, px, k] == 65535:
                        colours[py, px, k] = c
                        often[py, px, k] += 1
                        break
