"""Known sprites of which much lies in front of or behind something else."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.pixel_state import (
    EXPLAINED,
    HIDDEN,
    MOST_VALUES,
    ON_SPRITE,
    THROUGH,
    UNEXPLAINED,
    VEILED,
    View,
    _made,
    _translucent,
    explaining,
)
from spritecodec.mining.sprites.match import (
    FEWEST_VOTES,
    KNOWN,
    MOST_ALSO,
    MOST_VOTES,
    Sprites,
    _may_be,
    _vote,
)

# Of a sprite that is placed partly, so many pixels may look different for each that agrees, where
# a material would make them so; and so many where none would.
MOST_PARTLY, MOST_STRANGE = 1, 0.05


@njit(cache=True)
def _surest(sprites: Sprites, i: int) -> int:
    """What sprite pixel `i` was most often."""
    value, votes = sprites.value[i], sprites.votes[i, 0]
    for k in range(MOST_ALSO):
        if sprites.also[i, k] != 65535 and sprites.votes[i, k + 1] > votes:
            value, votes = sprites.also[i, k], sprites.votes[i, k + 1]
    return int(value)


@njit(cache=True)
def _between(view: View, sprites: Sprites, i: int, y: int, x: int) -> tuple[bool, bool]:
    """How sprite pixel `i` may look different: before something unknown, or behind it.

    Before it, where some colour would make of it what shows; behind it, where some material
    would.
    """
    value, s = _surest(sprites, i), view.state[y, x]
    shown = view.frame[y, x]
    if s & THROUGH or s in (EXPLAINED, HIDDEN, VEILED) or shown >= view.over.shape[1]:
        return False, False
    made = _made(view, value, view.behind[y, x])
    behind = False
    if made < view.over.shape[1]:
        for m in range(len(view.over)):
            if view.over[m, made] == shown:
                behind = True
                break
    before = _translucent(view, value) and view.under[value - view.over.shape[1], shown] != 65535
    return before, behind


@njit(cache=True)
def weigh_partly(view: View, sprites: Sprites, sprite: int, x: int, y: int) -> tuple[int, bool]:
    """As `gain_at`, but much may look different, as it does before or behind something else.

    Returns
    -------
    gain : int
        -1 where too much contradicts.
    before : bool
        What looks different lies before something, not behind.
    """
    h, w = view.frame.shape
    size = sprites.first[sprite + 1] - sprites.first[sprite]
    gain, differ = 0, 0
    for i in range(sprites.first[sprite], sprites.first[sprite + 1]):
        yy = y + sprites.py[i]
        xx = x + sprites.px[i]
        if yy < 0 or xx < 0 or yy >= h or xx >= w:
            continue
        s = view.state[yy, xx]
        if s in (EXPLAINED, HIDDEN):
            continue
        if s == VEILED:
            agrees = sprites.value[i] == view.behind[yy, xx]
        else:
            agrees = _may_be(view, sprites, i, yy, xx)
        if agrees:
            gain += s & 1
        else:
            differ += 1
            if differ > size // 2:
                return -1, False
    if differ > MOST_PARTLY * gain:
        return -1, False
    in_front, behind, strange = 0, 0, 0
    for i in range(sprites.first[sprite], sprites.first[sprite + 1]):
        yy = y + sprites.py[i]
        xx = x + sprites.px[i]
        if yy < 0 or xx < 0 or yy >= h or xx >= w:
            continue
        if view.state[yy, xx] in (EXPLAINED, HIDDEN, VEILED):
            continue
        if not _may_be(view, sprites, i, yy, xx):
            one, other = _between(view, sprites, i, yy, xx)
            in_front += one
            behind += other
            strange += not (one or other)
    if strange > MOST_STRANGE * gain:
        return -1, False
    return gain, in_front > behind


@njit(cache=True)
def accept_partly(
    view: View, sprites: Sprites, sprite: int, x: int, y: int, before: bool
) -> tuple[int, int]:
    """Place a sprite that `weigh_partly` finds; what lies before or behind it is to be told.

    Returns what `accept` does of that, covered and over.
    """
    h, w = view.frame.shape
    covered, over = 0, 0
    for i in range(sprites.first[sprite], sprites.first[sprite + 1]):
        yy = y + sprites.py[i]
        xx = x + sprites.px[i]
        if yy < 0 or xx < 0 or yy >= h or xx >= w:
            continue
        s = view.state[yy, xx]
        if s in (EXPLAINED, HIDDEN, VEILED):
            covered += 1
            continue
        value = _surest(sprites, i)
        if _may_be(view, sprites, i, yy, xx):
            over += s == ON_SPRITE + UNEXPLAINED
            covered += s == THROUGH + UNEXPLAINED
            sprites.needed[i] += s & 1
            opaque = not _translucent(view, sprites.value[i]) and sprites.also[i, 0] == 65535
            if not opaque:
                _vote(view, sprites, i, yy, xx)
            view.state[yy, xx] = EXPLAINED if opaque else VEILED
            continue
        in_front, behind = _between(view, sprites, i, yy, xx)
        if in_front and (before or not behind):
            view.state[yy, xx] = THROUGH + UNEXPLAINED
            view.front[yy, xx] = value
            sprites.needed[i] += 1
        elif behind:
            view.behind[yy, xx] = _made(view, value, view.behind[yy, xx])
            view.state[yy, xx] = ON_SPRITE + UNEXPLAINED
            sprites.needed[i] += 1
    return covered, over


@njit(cache=True)
def likely_places(
    view: View,
    sprites: Sprites,
    owner: NDArray[np.int32],
    around: Ids,
    by_value: Longs,
    value_first: Longs,
    ys: Longs,
    xs: Longs,
    places: Longs,
) -> int:
    """Where known sprites may lie, by the votes of some pixels, the likeliest first.

    A pixel votes for all places of sprites that have there what it shows, beside what its
    neighbours show. ``places`` receives rows (sprite, x, y); returns how many.
    """
    h, w = view.frame.shape
    keys = np.empty(MOST_VOTES, np.int64)
    count = 0
    beside = np.empty((4, MOST_VALUES), np.uint16)
    several = np.zeros(4, np.int64)
    values = np.empty(MOST_VALUES, np.uint16)
    for p in range(len(ys)):
        y, x = ys[p], xs[p]
        for k in range(4):
            yy = y + (k == 1) - (k == 3)
            xx = x + (k == 0) - (k == 2)
            several[k] = 0
            if 0 <= yy < h and 0 <= xx < w and view.state[yy, xx] & (ON_SPRITE - 1) == UNEXPLAINED:
                several[k] = explaining(view, yy, xx, beside[k])
        for v in range(explaining(view, y, x, values)):
            value = values[v]
            if value + 1 >= len(value_first):
                continue
            for e in range(value_first[value], value_first[value + 1]):
                i = by_value[e]
                s = owner[i]
                if sprites.often[s] < KNOWN:
                    continue
                alike, known = 0, 0
                for k in range(4):
                    if around[i, k] != 65535 and several[k]:
                        known += 1
                        for j in range(several[k]):
                            if around[i, k] == beside[k, j]:
                                alike += 1
                                break
                if alike < min(known, 2) or count == len(keys):
                    continue
                left, top = x - sprites.px[i] + 32768, y - sprites.py[i] + 32768
                keys[count] = s << 32 | top << 16 | left
                count += 1
    ordered = np.sort(keys[:count])
    votes = np.zeros(len(places), np.int64)
    found, begin = 0, 0
    for k in range(1, count + 1):
        if k < count and ordered[k] == ordered[begin]:
            continue
        n = k - begin
        if n >= FEWEST_VOTES and (found < len(places) or n > votes[found - 1]):
            at = min(found, len(places) - 1)
            while at > 0 and votes[at - 1] < n:
                votes[at], places[at] = votes[at - 1], places[at - 1]
                at -= 1
            votes[at] = n
            places[at, 0] = ordered[begin] >> 32
            places[at, 1] = (ordered[begin] & 65535) - 32768
            places[at, 2] = (ordered[begin] >> 16 & 65535) - 32768
            found = min(found + 1, len(places))
        begin = k
    return found
