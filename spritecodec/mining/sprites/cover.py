"""The sprite that explains most at a pixel, of all sprites at all offsets."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs, State
from spritecodec.mining.pixel_state import (
    AS_BACKGROUND,
    HIDDEN,
    MOST_VALUES,
    ON_OVERLAY,
    ON_SPRITE,
    THROUGH,
    UNEXPLAINED,
    View,
    explaining,
)
from spritecodec.mining.sprites.match import NEIGHBOURS, Sprites, gain_at


@njit(cache=True)
def count_likely(
    view: View, ys: Longs, xs: Longs, value_first: Longs, rarity: Longs, alike: Longs
) -> None:
    """How many sprite pixels may explain each of some pixels; its neighbours of its colour."""
    h, w = view.frame.shape
    values = np.empty(MOST_VALUES, np.uint16)
    for i in range(len(ys)):
        y, x = ys[i], xs[i]
        rarity[i], alike[i] = 0, 0
        for k in range(explaining(view, y, x, values)):
            if values[k] + 1 < len(value_first):
                rarity[i] += value_first[values[k] + 1] - value_first[values[k]]
        for dy, dx in NEIGHBOURS:
            # Outside the screen it goes on as at its border.
            near = view.frame[min(max(y + dy, 0), h - 1), min(max(x + dx, 0), w - 1)]
            alike[i] += near == view.frame[y, x]


@njit(cache=True)
def sum_unexplained(state: State, out: NDArray[np.int32]) -> None:
    """How many pixels above and left of each corner are unexplained; shape (h + 1, w + 1)."""
    h, w = state.shape
    out[0] = 0
    for y in range(h):
        row = 0
        out[y + 1, 0] = 0
        for x in range(w):
            row += state[y, x] & 1 if state[y, x] != HIDDEN else 0
            out[y + 1, x + 1] = out[y, x + 1] + row


@njit(cache=True)
def best_cover(
    view: View,
    sprites: Sprites,
    owner: NDArray[np.int32],
    around: Ids,
    extent: Longs,
    left_open: NDArray[np.int32],
    by_value: Longs,
    value_first: Longs,
    x: int,
    y: int,
    fewest: int,
    budget: int,
) -> tuple[int, int, int, int, int]:
    """Best (gain, sprite, x, y) of all sprites at all offsets that cover pixel (x, y).

    The gain is at least ``fewest``, or 0 where no sprite fits.

    ``by_value`` lists the sprite pixels that may have each value, those of value v from
    ``value_first[v]`` on; ``owner`` is the sprite of each pixel, ``around`` what
    its four neighbours have in the sprite, 65535 where it has none, or not one for certain;
    ``extent`` the height and width of each sprite. ``left_open`` is what `sum_unexplained`
    gave at this state, or at one before. No more than about ``budget`` comparisons are made;
    the fifth number is what is left of it.
    """
    h, w = view.frame.shape
    best = fewest - 1
    bs, bx, by = -1, 0, 0
    # Most sprites that have the value do not have it beside what may be beside it here.
    beside = np.empty((4, MOST_VALUES), np.uint16)
    several = np.zeros(4, np.int64)
    for k in range(4):
        yy = y + (k == 1) - (k == 3)
        xx = x + (k == 0) - (k == 2)
        if (
            0 <= yy < h
            and 0 <= xx < w
            and view.state[yy, xx]
            in (
                AS_BACKGROUND,
                UNEXPLAINED,
                ON_SPRITE + UNEXPLAINED,
                ON_OVERLAY + UNEXPLAINED,
                THROUGH + UNEXPLAINED,
            )
        ):
            several[k] = explaining(view, yy, xx, beside[k])
    values = np.empty(MOST_VALUES, np.uint16)
    for v in range(explaining(view, y, x, values)):
        value = values[v]
        if value + 1 >= len(value_first):
            continue
        for e in range(value_first[value], value_first[value + 1]):
            i = by_value[e]
            fitting = True
            for k in range(4):
                if around[i, k] == 65535 or several[k] == 0:
                    continue
                fitting = False
                for j in range(several[k]):
                    if around[i, k] == beside[k, j]:
                        fitting = True
                        break
                if not fitting:
                    break
            if not fitting:
                budget -= 1
                continue
            s = owner[i]
            size = sprites.first[s + 1] - sprites.first[s]
            budget -= 4
            if size <= best:
                continue
            x0 = x - sprites.px[i]
            y0 = y - sprites.py[i]
            top, bottom = max(y0, 0), min(y0 + extent[s, 0], h)
            left, right = max(x0, 0), min(x0 + extent[s, 1], w)
            inside = left_open[bottom, right] - left_open[top, right]
            if inside - left_open[bottom, left] + left_open[top, left] <= best:
                continue
            gain = gain_at(view, sprites, s, x0, y0)
            if gain >= 0:
                budget -= size
            if gain > best:
                best, bs, bx, by = gain, s, x0, y0
            if budget <= 0:
                return best if bs >= 0 else 0, bs, bx, by, budget
    return best if bs >= 0 else 0, bs, bx, by, budget
