"""Where a sprite fits a frame: exact comparison, pixel by pixel, compiled by numba.

A frame is explained from front to back: where something opaque is placed, what comes later
can neither agree nor contradict. A known sprite may also be placed *partly*: where pixels of it
look different because something translucent lies before them, it is from then on what lies
behind; where they are translucent, and something unknown lies behind them, what comes later is
seen through them.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.pixel_state import (
    EXPLAINED,
    HIDDEN,
    ON_OVERLAY,
    ON_SPRITE,
    THROUGH,
    UNEXPLAINED,
    VEILED,
    View,
    _agrees,
    _translucent,
    explaining,
)

# What a sprite's pixel may be besides its first value; each is a colour or a material.
MOST_ALSO = 3
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # (dy, dx): right, below, left, above
# Of a sprite's translucent pixels, so large a share may contradict: what lies behind them is
# not known everywhere.
MOST_WRONG = 0.06
KNOWN = 3  # placements of a sprite, at least, that may be placed partly
MOST_VOTES, FEWEST_VOTES = 1 << 20, 6  # for the places where it may lie: of a region, and of one


class Sprites(NamedTuple):
    """Sprites as lists of pixels, those of sprite s from ``first[s]`` to ``first[s + 1]``.

    Attributes
    ----------
    first : ndarray, int64
    px, py : ndarray, int16
    value : ndarray, uint16
        Numbers of colours, or of materials.
    also : ndarray, shape (pixels, MOST_ALSO), uint16
        What a pixel may be instead, 65535 where there is no more.
    votes : ndarray, shape (pixels, 1 + MOST_ALSO), int32
        How often each of these agreed with what was seen.
    needed : ndarray, int32
        How often a pixel was the one that explained what the frame shows.
    often : ndarray, int32
        How often each sprite was placed.
    """

    first: Longs
    px: NDArray[np.int16]
    py: NDArray[np.int16]
    value: Ids
    also: Ids
    votes: NDArray[np.int32]
    needed: NDArray[np.int32]
    often: NDArray[np.int32]


@njit(cache=True)
def _may_be(view: View, sprites: Sprites, i: int, y: int, x: int) -> bool:
    """Whether anything that sprite pixel `i` may be agrees with what shows at (x, y)."""
    if _agrees(view, y, x, sprites.value[i]):
        return True
    for k in range(MOST_ALSO):
        if sprites.also[i, k] == 65535:
            return False
        if _agrees(view, y, x, sprites.also[i, k]):
            return True
    return False


@njit(cache=True)
def gain_at(view: View, sprites: Sprites, sprite: int, x: int, y: int) -> int:
    """Unexplained pixels that a sprite at (x, y) explains; -1 where it contradicts the frame.

    Behind the overlay nothing contradicts, but what is before it in one pixel is in all.
    """
    h, w = view.frame.shape
    gain, wrong, before, behind = 0, 0, 0, 0
    for i in range(sprites.first[sprite], sprites.first[sprite + 1]):
        yy = y + sprites.py[i]
        xx = x + sprites.px[i]
        if yy < 0 or xx < 0 or yy >= h or xx >= w:
            continue
        s = view.state[yy, xx]
        if s == EXPLAINED:
            continue
        value = sprites.value[i]
        if s == HIDDEN:
            behind += value != view.frame[yy, xx]
            continue
        before += s & ON_OVERLAY
        if before and behind:
            return -1
        if s == VEILED:
            if value != view.behind[yy, xx]:
                return -1
        elif value != view.frame[yy, xx] or s & THROUGH:
            opaque = not _translucent(view, value) and sprites.also[i, 0] == 65535
            if opaque and not s & THROUGH:
                return -1
            if not _may_be(view, sprites, i, yy, xx):
                if opaque:
                    return -1
                wrong += 1
                if wrong > MOST_WRONG * (sprites.first[sprite + 1] - sprites.first[sprite]):
                    return -1
                continue
        gain += s & 1
    return -1 if wrong > MOST_WRONG * gain or (before and behind) else gain


@njit(cache=True)
def best_near(
    view: View, sprites: Sprites, sprite: int, x: int, y: int, radius: int
) -> tuple[int, int, int]:
    """Best (gain, x, y) of a sprite within `radius` of (x, y); the nearest of equals."""
    best = gain_at(view, sprites, sprite, x, y)
    bx, by = x, y
    for r in range(1, radius + 1):
        for dy in range(-r, r + 1):
            for dx in range(-r, r + 1):
                if max(abs(dx), abs(dy)) != r:
                    continue
                g = gain_at(view, sprites, sprite, x + dx, y + dy)
                if g > best:
                    best = g
                    bx, by = x + dx, y + dy
    return best, bx, by


@njit(cache=True)
def accept(view: View, sprites: Sprites, sprite: int, x: int, y: int) -> tuple[int, int, bool]:
    """Place a sprite: mark what it shows as explained.

    Returns
    -------
    covered : int
        Pixels that contradict the frame: it must be drawn behind their owner.
    over : int
        Pixels before a sprite that was placed by `accept_partly`.
    before : bool
        Some pixels lie before the overlay.
    """
    h, w = view.frame.shape
    covered, over, before = 0, 0, False
    for i in range(sprites.first[sprite], sprites.first[sprite + 1]):
        yy = y + sprites.py[i]
        xx = x + sprites.px[i]
        if yy < 0 or xx < 0 or yy >= h or xx >= w:
            continue
        s = view.state[yy, xx]
        if s in (EXPLAINED, HIDDEN):
            covered += sprites.value[i] != view.frame[yy, xx]
            continue
        if s == VEILED:
            covered += 1
            continue
        value = sprites.value[i]
        opaque = not _translucent(view, value) and sprites.also[i, 0] == 65535
        if s & THROUGH or not opaque:
            if not _may_be(view, sprites, i, yy, xx):
                continue
            _vote(view, sprites, i, yy, xx)
        view.state[yy, xx] = EXPLAINED if opaque else VEILED
        sprites.needed[i] += s & 1
        over += s == ON_SPRITE + UNEXPLAINED
        covered += s == THROUGH + UNEXPLAINED
        before |= s == ON_OVERLAY + UNEXPLAINED
    return covered, over, before


@njit(cache=True)
def _vote(view: View, sprites: Sprites, i: int, y: int, x: int) -> None:
    """Count which values of sprite pixel `i` agree at (x, y)."""
    sprites.votes[i, 0] += _agrees(view, y, x, sprites.value[i])
    for k in range(MOST_ALSO):
        if sprites.also[i, k] != 65535:
            sprites.votes[i, k + 1] += _agrees(view, y, x, sprites.also[i, k])


@njit(cache=True)
def values_at(view: View, ys: Longs, xs: Longs, out: Ids) -> None:
    """What each of some pixels may be: `out`, shape (n, 1 + MOST_ALSO), 65535 where no more."""
    out[:] = 65535
    for i in range(len(ys)):
        explaining(view, ys[i], xs[i], out[i])


@njit(cache=True)
def go_on(view: View, sprites: Sprites, numbers: Longs, guesses: Longs, placed: Longs) -> None:
    """Let tracks go on with the sprite they had, front ones first.

    ``guesses`` has shape (tracks, g, 2): where each track's sprite may be, likeliest first.
    ``placed`` receives rows (x, y, covered, over, before), covered -1 where the track does not go
    on: a sprite must explain half of its pixels, or all that the screen can show of them.
    """
    for i in range(len(numbers)):
        s = numbers[i]
        best = 0
        bx, by = 0, 0
        for g in range(guesses.shape[1]):
            x, y = guesses[i, g, 0], guesses[i, g, 1]
            gain = gain_at(view, sprites, s, x, y)
            if gain > best:
                best, bx, by = gain, x, y
        placed[i, 2] = -1
        if best * 2 >= sprites.first[s + 1] - sprites.first[s]:
            placed[i, 0] = bx
            placed[i, 1] = by
            placed[i, 2], placed[i, 3], placed[i, 4] = accept(view, sprites, s, bx, by)
