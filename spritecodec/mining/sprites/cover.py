"""The sprite that explains most at a pixel, of all sprites at all offsets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs, State
from spritecodec.mining.pixel_state import MAX_VALUES, View, explaining, is_explained, is_open
from spritecodec.mining.sprites.dictionary import NEIGHBOURS, Sprites
from spritecodec.mining.sprites.match import accept, gain_at, on_screen


class Beside(NamedTuple):
    """What may be at the four `NEIGHBOURS` of a pixel of the frame.

    Attributes
    ----------
    values : ndarray, shape (4, MAX_VALUES), uint16
    choices : ndarray, shape (4,), int64
        How many values each neighbour may have; 0 where nothing is known of it.
    """

    values: Ids
    choices: Longs


UNKNOWN, ALIKE, DIFFERENT = 0, 1, 2  # how a sprite's neighbour compares with the frame's


@njit(cache=True)
def new_beside() -> Beside:
    """A record for `look_beside` to fill."""
    return Beside(np.empty((4, MAX_VALUES), np.uint16), np.zeros(4, np.int64))


@njit(cache=True)
def look_beside(view: View, y: int, x: int, only_open: bool, beside: Beside) -> None:
    """Fill `beside` with what may be at the neighbours of (x, y).

    Neighbours that something explains are unknown; with `only_open`, so are those that show the
    background.
    """
    for k in range(4):
        yy = y + (k == 1) - (k == 3)
        xx = x + (k == 0) - (k == 2)
        beside.choices[k] = 0
        if on_screen(view, yy, xx):
            s = view.state[yy, xx]
            if is_open(s) or not (only_open or is_explained(s)):
                beside.choices[k] = explaining(view, yy, xx, beside.values[k])


@njit(cache=True)
def compare_beside(around: Ids, i: int, k: int, beside: Beside) -> int:
    """How neighbour `k` of sprite pixel `i` compares: UNKNOWN, ALIKE or DIFFERENT.

    `around` is that of `Sprites`.
    """
    value = around[i, k]
    if value == CLEAR or beside.choices[k] == 0:
        return UNKNOWN
    for j in range(beside.choices[k]):
        if value == beside.values[k, j]:
            return ALIKE
    return DIFFERENT


@njit(cache=True)
def count_likely(
    view: View, sprites: Sprites, ys: Longs, xs: Longs, rarity: Longs, alike: Longs
) -> None:
    """Count for each of some pixels the sprite pixels that may explain it.

    Parameters
    ----------
    view : View
    sprites : Sprites
    ys, xs : ndarray, shape (n,), int64
    rarity : ndarray, shape (n,), int64
        Receives how many sprite pixels may explain the pixel.
    alike : ndarray, shape (n,), int64
        Receives how many of its neighbours have its colour.
    """
    h, w = view.frame.shape
    values = np.empty(MAX_VALUES, np.uint16)
    for i in range(len(ys)):
        y, x = ys[i], xs[i]
        rarity[i], alike[i] = 0, 0
        for k in range(explaining(view, y, x, values)):
            if values[k] + 1 < len(sprites.first_of_value):
                rarity[i] += (
                    sprites.first_of_value[values[k] + 1] - sprites.first_of_value[values[k]]
                )
        for dy, dx in NEIGHBOURS:
            # Outside the screen, the border is repeated.
            near = view.frame[min(max(y + dy, 0), h - 1), min(max(x + dx, 0), w - 1)]
            alike[i] += near == view.frame[y, x]


@njit(cache=True)
def sum_open(state: State, out: NDArray[np.int32]) -> None:
    """Count the open pixels above and to the left of each corner; shape (h + 1, w + 1)."""
    h, w = state.shape
    out[0] = 0
    for y in range(h):
        row = 0
        out[y + 1, 0] = 0
        for x in range(w):
            row += is_open(state[y, x])
            out[y + 1, x + 1] = out[y, x + 1] + row


@njit(cache=True)
def open_inside(sums: NDArray[np.int32], x: int, y: int, height: int, width: int) -> int:
    """Open pixels of the part of a box at (x, y) that is on the screen, by `sum_open`."""
    top, bottom = max(y, 0), min(y + height, sums.shape[0] - 1)
    left, right = max(x, 0), min(x + width, sums.shape[1] - 1)
    above = sums[top, right] - sums[top, left]
    return int(sums[bottom, right] - sums[bottom, left] - above)


@njit(cache=True)
def best_cover(
    view: View,
    sprites: Sprites,
    sums: NDArray[np.int32],
    x: int,
    y: int,
    min_gain: int,
    budget: int,
) -> tuple[int, int, int, int, int]:
    """Best (gain, sprite, x, y) of all sprites at all offsets that cover pixel (x, y).

    Parameters
    ----------
    view : View
    sprites : Sprites
        With an up-to-date index.
    sums : ndarray, shape (h + 1, w + 1), int32
        What `sum_open` gave for this state, or for one with more open pixels.
    x, y : int
    min_gain : int
        Open pixels that the sprite must explain.
    budget : int
        Pixel comparisons that may be made, roughly.

    Returns
    -------
    gain, sprite, x, y : int
        The gain is 0 where no sprite fits.
    budget : int
        What is left of it.
    """
    patterns = sprites.patterns
    best = min_gain - 1
    bs, bx, by = -1, 0, 0
    # Most sprites with the value do not have it beside what the frame shows beside it.
    beside = new_beside()
    look_beside(view, y, x, False, beside)
    values = np.empty(MAX_VALUES, np.uint16)
    for v in range(explaining(view, y, x, values)):
        value = values[v]
        if value + 1 >= len(sprites.first_of_value):
            continue
        for e in range(sprites.first_of_value[value], sprites.first_of_value[value + 1]):
            i = sprites.by_value[e]
            fitting = True
            for k in range(4):
                if compare_beside(sprites.around, i, k, beside) == DIFFERENT:
                    fitting = False
                    break
            if not fitting:
                budget -= 1
                continue
            s = sprites.owner[i]
            size = patterns.first[s + 1] - patterns.first[s]
            budget -= 4  # neighbours
            if size <= best:
                continue
            x0, y0 = x - patterns.px[i], y - patterns.py[i]
            if open_inside(sums, x0, y0, sprites.size[s, 0], sprites.size[s, 1]) <= best:
                continue
            gain = gain_at(view, patterns, s, x0, y0)
            if gain >= 0:
                budget -= size
            if gain > best:
                best, bs, bx, by = gain, s, x0, y0
            if budget <= 0:
                return best if bs >= 0 else 0, bs, bx, by, budget
    return best if bs >= 0 else 0, bs, bx, by, budget


@njit(cache=True)
def cover_points(
    view: View,
    sprites: Sprites,
    points: Longs,
    min_gain: int,
    max_failures: int,
    budget: int,
    found: Longs,
) -> tuple[int, int]:
    """Place sprites, each time the one that explains most at one of some pixels.

    Rounds through the pixels go on while one places something and the budget lasts: what a
    sprite covers may fit in the next round, when that sprite is known.

    Parameters
    ----------
    view : View
        Its state changes.
    sprites : Sprites
        With an up-to-date index.
    points : ndarray, shape (n, 2), int64
        (x, y) of the pixels, in the order in which they are tried.
    min_gain : int
        Open pixels that a sprite must explain.
    max_failures : int
        Pixels in one round that no sprite covers; then the round ends.
    budget : int
        Pixel comparisons that may be made, roughly.
    found : ndarray, shape (open pixels of the frame // min_gain, 6), int64
        Receives rows (sprite, x, y, covered, over, over overlay), as of `accept`.

    Returns
    -------
    count : int
        Sprites placed.
    budget : int
        What is left of it.
    """
    h, w = view.state.shape
    sums = np.empty((h + 1, w + 1), np.int32)
    sum_open(view.state, sums)
    count, progress = 0, True
    while progress and budget > 0:
        progress = False
        failures = 0
        for p in range(len(points)):
            x, y = points[p, 0], points[p, 1]
            if not is_open(view.state[y, x]):
                continue
            gain, s, left, top, budget = best_cover(view, sprites, sums, x, y, min_gain, budget)
            if gain:
                row = found[count]
                row[0], row[1], row[2] = s, left, top
                row[3], row[4], row[5] = accept(view, sprites, s, left, top)
                count += 1
                progress = True
            else:
                failures += 1
            if budget <= 0 or failures >= max_failures:
                break
    return count, budget
