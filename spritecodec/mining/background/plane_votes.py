"""Voting for the value of each place of a plane, compiled by numba."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs

Planes = NDArray[np.uint16]  # (planes, H, W), back to front, CLEAR where a plane does not show
Counts = NDArray[np.int32]


class Sample(NamedTuple):
    """Frames that vote, and where each plane lies in them.

    Attributes
    ----------
    times : ndarray, shape (n,), int64
        Their numbers.
    frames : ndarray, shape (n, h, w), uint16
        Colour numbers; CLEAR where what planes show is not known.
    ignored : ndarray, shape (n, h, w), bool
        Pixels that do not vote.
    position : ndarray, shape (planes, n, 2), int64
        The place (x, y) of each plane at the screen's top left corner.
    """

    times: Longs
    frames: NDArray[np.uint16]
    ignored: NDArray[np.bool_]
    position: Longs


class Rules(NamedTuple):
    """The materials that places may be of, and what a pixel counts.

    Attributes
    ----------
    over, under : ndarray, shape (materials, colours), uint16
        As those of `Materials`.
    tried : ndarray, shape (m,), int64
        The materials that are tried.
    hit, veiled_hit : int
        What a pixel counts that a place explains, and one that it explains through a material.
    """

    over: Ids
    under: Ids
    tried: Longs
    hit: int
    veiled_hit: int


class Tally(NamedTuple):
    """The votes for the places of one plane, each of shape (H, W).

    Votes count the pixels that planes in front leave open, times `Rules.hit`.

    Attributes
    ----------
    choice : ndarray, uint16
        The colour that explains most, or the material that explains more; CLEAR for none.
    votes : ndarray, int32
        What the choice explains.
    behind : ndarray, int32
        What the planes behind explain.
    seen : ndarray, int32
        All.
    """

    choice: Ids
    votes: Counts
    behind: Counts
    seen: Counts


class _Row(NamedTuple):
    """Counters for the places of one row.

    `hits` (W, colours) counts the pixels of each colour, `through` (W, materials) those that each
    material explains, and `touched` lists the hits that are not 0, as ``place * colours +
    colour``. `counted` (W, colours) is scratch space.
    """

    hits: Counts
    through: Counts
    touched: Longs
    counted: NDArray[np.bool_]


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

    Behind a translucent place of a plane in front, it is the colour over which the material
    shows what the frame does.
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


@njit(cache=True, inline="always")  # a call takes 15 % more time
def _draw_behind(
    position: Longs, planes: Planes, plane: int, t: int, y: int, x: int, over: Ids
) -> int:
    """The colour that the planes behind a plane draw at pixel (x, y) of frame t, or 65535."""
    colours = over.shape[1]
    below = 65535
    opaque = plane - 1
    while opaque >= 0:
        below = planes[opaque, y + position[opaque, t, 1], x + position[opaque, t, 0]]
        if below < colours:
            break
        opaque -= 1
    if opaque < 0:
        return 65535
    for i in range(opaque + 1, plane):
        front = planes[i, y + position[i, t, 1], x + position[i, t, 0]]
        if front != 65535 and below < colours:
            below = over[front - colours, below]
    return below


@njit(cache=True)
def _count_row(
    sample: Sample, planes: Planes, plane: int, row: int, rules: Rules, counts: _Row, tally: Tally
) -> int:
    """Count what all pixels say that show a row of a plane; return how many hits are touched."""
    _, frames, ignored, position = sample
    over, under, tried, hit, veiled_hit = rules
    hits, through, touched, _ = counts
    seen, behind = tally.seen[row], tally.behind[row]
    n, h, w = frames.shape
    colours = over.shape[1]
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
            place = x + left
            seen[place] += hit
            if hits[place, c] == 0:
                touched[here] = place * colours + c
                here += 1
            hits[place, c] += 1
            below = _draw_behind(position, planes, plane, t, y, x, over)
            if below == c:
                behind[place] += hit
            elif below < colours:
                veiled = False
                for m in tried:
                    if over[m, below] == c:
                        through[place, m] += 1
                        veiled = True
                if veiled:
                    behind[place] += veiled_hit
    return here


@njit(cache=True)
def _choose_colours(row: int, rules: Rules, counts: _Row, touched: int, tally: Tally) -> None:
    """Choose the colour of each place of a row that explains most, plain or behind a material."""
    over, _, tried, hit, veiled_hit = rules
    hits, _, listed, counted = counts
    choice, votes = tally.choice[row], tally.votes[row]
    colours = over.shape[1]
    for k in range(touched):
        place, c = listed[k] // colours, listed[k] % colours
        explained = hit * hits[place, c]
        for m in tried:
            shown = over[m, c]
            if shown < colours and shown != c and not counted[place, shown]:
                counted[place, shown] = True
                explained += veiled_hit * hits[place, shown]
        for m in tried:
            if over[m, c] < colours:
                counted[place, over[m, c]] = False
        if explained > votes[place]:
            votes[place] = explained
            choice[place] = c
    for k in range(touched):
        hits[listed[k] // colours, listed[k] % colours] = 0


@njit(cache=True)
def _choose_materials(now: Ids, row: int, rules: Rules, through: Counts, tally: Tally) -> None:
    """Choose a material instead at each place of a row where it explains more.

    `now` is what the places of the plane are made of; of equals it stays.
    """
    over, _, tried, hit, veiled_hit = rules
    choice, votes, behind = tally.choice[row], tally.votes[row], tally.behind[row]
    colours = over.shape[1]
    for place in range(len(now)):
        for m in tried:
            explained = hit * through[place, m]
            stays = now[place] == colours + m and explained > 0
            if explained + stays > votes[place]:
                votes[place] = explained
                choice[place] = colours + m
        # What shows so often through one material is part of the plane, no passing object.
        if choice[place] != 65535 and choice[place] >= colours:
            behind[place] -= veiled_hit * through[place, choice[place] - colours]
        through[place] = 0


@njit(cache=True)
def count_votes(sample: Sample, planes: Planes, plane: int, rules: Rules, tally: Tally) -> None:
    """Fill a tally with the votes for the places of a plane."""
    n, _, w = sample.frames.shape
    _, height, width = planes.shape
    materials, colours = rules.over.shape
    tally.choice[:] = 65535
    tally.votes[:] = 0
    tally.behind[:] = 0
    tally.seen[:] = 0
    counts = _Row(
        np.zeros((width, colours), np.int32),
        np.zeros((width, materials), np.int32),
        np.empty(n * w, np.int64),
        np.zeros((width, colours), np.bool_),
    )
    for row in range(height):  # one row at a time, to count in little memory
        touched = _count_row(sample, planes, plane, row, rules, counts, tally)
        _choose_colours(row, rules, counts, touched, tally)
        _choose_materials(planes[plane, row], row, rules, counts.through, tally)


@njit(cache=True)
def count_colours(
    sample: Sample, planes: Planes, plane: int, under: Ids, colours: Ids, often: Counts
) -> None:
    """Count the first few colours seen at every place of a plane.

    `colours` and `often`, shape (H, W, few), receive them and how often each is seen; 65535
    where there are no more.
    """
    frames, position = sample.frames, sample.position
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
