"""Known sprites of which much lies in front of or behind something else."""

from __future__ import annotations

import numpy as np
from numba import njit

from spritecodec.mining.arrays import CLEAR, Longs
from spritecodec.mining.pixel_state import (
    EXPLAINED,
    MAX_VALUES,
    OPEN_OVER_SPRITE,
    OPEN_THROUGH,
    VEILED,
    View,
    blend,
    explaining,
    is_covered,
    is_explained,
    is_material,
    is_open,
    is_over_sprite,
    is_through,
)
from spritecodec.mining.sprites.cover import (
    ALIKE,
    UNKNOWN,
    compare_beside,
    look_beside,
    new_beside,
)
from spritecodec.mining.sprites.dictionary import MAX_ALTERNATIVES, Sprites
from spritecodec.mining.sprites.match import is_certain, may_be, on_screen, vote
from spritecodec.mining.thresholds import Evidence

# `vote_for_places` packs a place into one number, with coordinates from -HALF on.
BITS = 16
HALF = 1 << (BITS - 1)


@njit(cache=True)
def most_voted(sprites: Sprites, i: int) -> int:
    """The value that sprite pixel `i` had most often."""
    patterns = sprites.patterns
    value, votes = patterns.value[i], sprites.votes[i, 0]
    for k in range(MAX_ALTERNATIVES):
        if patterns.also[i, k] != CLEAR and sprites.votes[i, k + 1] > votes:
            value, votes = patterns.also[i, k], sprites.votes[i, k + 1]
    return int(value)


@njit(cache=True)
def classify_mismatch(view: View, value: int, y: int, x: int) -> tuple[bool, bool]:
    """Why a sprite's pixel of some value may look different at (x, y).

    Returns
    -------
    in_front : bool
        It is translucent, and in front of some colour it shows what the frame shows.
    behind : bool
        Behind some material, it shows what the frame shows.
    """
    s, colour, colours = view.state[y, x], view.frame[y, x], view.over.shape[1]
    if is_through(s) or is_explained(s) or colour >= colours:
        return False, False
    shown = blend(view, value, view.behind[y, x])
    behind = False
    if shown < colours:
        for m in range(len(view.over)):
            if view.over[m, shown] == colour:
                behind = True
                break
    in_front = is_material(view, value) and view.under[value - colours, colour] != CLEAR
    return in_front, behind


@njit(cache=True)
def weigh_partly(
    view: View, sprites: Sprites, sprite: int, x: int, y: int, t: Evidence
) -> tuple[int, bool]:
    """As `gain_at`, for a sprite of which much may look different.

    Returns
    -------
    gain : int
        -1 where too much contradicts the frame.
    in_front : bool
        Most of what looks different is in front of something, not behind it.
    """
    patterns = sprites.patterns
    begin, end = patterns.first[sprite], patterns.first[sprite + 1]
    gain, differing = 0, 0
    for i in range(begin, end):
        yy, xx = y + patterns.py[i], x + patterns.px[i]
        if not on_screen(view, yy, xx):
            continue
        s = view.state[yy, xx]
        if is_covered(s):
            continue
        if s == VEILED:
            fits = patterns.value[i] == view.behind[yy, xx]
        else:
            fits = may_be(view, patterns, i, yy, xx)
        if fits:
            gain += is_open(s)
        else:
            differing += 1
            if 2 * differing > end - begin:
                return -1, False
    if differing > gain:
        return -1, False
    in_front, behind, strange = 0, 0, 0
    for i in range(begin, end):
        yy, xx = y + patterns.py[i], x + patterns.px[i]
        if not on_screen(view, yy, xx) or is_explained(view.state[yy, xx]):
            continue
        if not may_be(view, patterns, i, yy, xx):
            one, other = classify_mismatch(view, most_voted(sprites, i), yy, xx)
            in_front += one
            behind += other
            strange += not (one or other)
    if strange > t.few * gain:
        return -1, False
    return gain, in_front > behind


@njit(cache=True)
def weigh_places(view: View, sprites: Sprites, places: Longs, t: Evidence, weighed: Longs) -> None:
    """Weigh several placements.

    Parameters
    ----------
    view : View
    sprites : Sprites
    places : ndarray, shape (n, 3), int64
        Rows (sprite, x, y).
    t : Evidence
    weighed : ndarray, shape (n, 2), int64
        Receives (gain, in front) of each, as of `weigh_partly`.
    """
    for i in range(len(places)):
        gain, in_front = weigh_partly(view, sprites, places[i, 0], places[i, 1], places[i, 2], t)
        weighed[i, 0], weighed[i, 1] = gain, in_front


@njit(cache=True)
def accept_partly(
    view: View, sprites: Sprites, sprite: int, x: int, y: int, prefer_front: bool
) -> tuple[int, int]:
    """Place a sprite that `weigh_partly` found; what is in front of it or behind it stays open.

    Pixels that may be in front of something as well as behind it are in front with
    `prefer_front`.

    Returns
    -------
    covered, over : int
        As of `accept`.
    """
    patterns = sprites.patterns
    covered, over = 0, 0
    for i in range(patterns.first[sprite], patterns.first[sprite + 1]):
        yy, xx = y + patterns.py[i], x + patterns.px[i]
        if not on_screen(view, yy, xx):
            continue
        s = view.state[yy, xx]
        if is_explained(s):
            covered += 1
            continue
        value = most_voted(sprites, i)
        if may_be(view, patterns, i, yy, xx):
            over += is_over_sprite(s)
            covered += is_through(s)
            sprites.needed[i] += is_open(s)
            certain = is_certain(view, patterns.value[i], patterns.also[i, 0])
            if not certain:
                vote(view, sprites, i, yy, xx)
            view.state[yy, xx] = EXPLAINED if certain else VEILED
            continue
        in_front, behind = classify_mismatch(view, value, yy, xx)
        if in_front and (prefer_front or not behind):
            view.state[yy, xx] = OPEN_THROUGH
            view.front[yy, xx] = value
            sprites.needed[i] += 1
        elif behind:
            view.behind[yy, xx] = blend(view, value, view.behind[yy, xx])
            view.state[yy, xx] = OPEN_OVER_SPRITE
            sprites.needed[i] += 1
    return covered, over


@njit(cache=True)
def vote_for_places(
    view: View, sprites: Sprites, ys: Longs, xs: Longs, t: Evidence, keys: Longs
) -> int:
    """Let pixels vote for the places of known sprites.

    A pixel votes for all places of sprites that have a value there that explains it, where
    enough neighbours fit too.

    Parameters
    ----------
    view : View
    sprites : Sprites
        With an up-to-date index.
    ys, xs : ndarray, shape (n,), int64
        The pixels that vote.
    t : Evidence
    keys : ndarray, shape (votes,), int64
        Receives a number for each vote, for `unpack_places`; no more votes than fit.

    Returns
    -------
    int
        The number of votes.
    """
    patterns = sprites.patterns
    count = 0
    beside = new_beside()
    values = np.empty(MAX_VALUES, np.uint16)
    for p in range(len(ys)):
        y, x = ys[p], xs[p]
        look_beside(view, y, x, True, beside)
        for v in range(explaining(view, y, x, values)):
            value = values[v]
            if value + 1 >= len(sprites.first_of_value):
                continue
            for e in range(sprites.first_of_value[value], sprites.first_of_value[value + 1]):
                i = sprites.by_value[e]
                s = sprites.owner[i]
                if sprites.placements[s] < t.min_times:
                    continue
                alike, known = 0, 0
                for k in range(4):
                    compared = compare_beside(sprites.around, i, k, beside)
                    known += compared != UNKNOWN
                    alike += compared == ALIKE
                if alike < min(known, t.min_times) or count == len(keys):
                    continue
                left, top = x - patterns.px[i] + HALF, y - patterns.py[i] + HALF
                keys[count] = s << 2 * BITS | top << BITS | left
                count += 1
    return count


def unpack_places(keys: Longs) -> Longs:
    """Places from the numbers of `vote_for_places`: rows (sprite, x, y)."""
    low = (1 << BITS) - 1
    return np.stack([keys >> 2 * BITS, (keys & low) - HALF, (keys >> BITS & low) - HALF], axis=1)
