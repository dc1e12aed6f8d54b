"""The inner loops of mining, compiled by numba: they visit every pixel of every frame."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ids = NDArray[np.uint16]
State = NDArray[np.uint8]
Longs = NDArray[np.int64]

# What mining knows of a pixel of the frame at hand.
AS_BACKGROUND, UNEXPLAINED, EXPLAINED, HIDDEN = 0, 1, 2, 3

CLEAR = np.uint16(65535)  # no colour: the overlay does not show here


@njit(cache=True)
def draw_background(frame: Ids, canvas: Ids, ox: int, oy: int, overlay: Ids, state: State) -> int:
    """Mark every pixel of `frame` that the background does not explain; return how many.

    `canvas` shows at (ox, oy); `overlay` covers it where it is not CLEAR. Where the
    overlay shows and agrees, the pixel is HIDDEN: whatever lies below cannot be seen.
    """
    count = 0
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            c = frame[y, x]
            o = overlay[y, x]
            if o != 65535:
                if o == c:
                    state[y, x] = 3
                else:
                    state[y, x] = 1
                    count += 1
            elif canvas[y + oy, x + ox] == c:
                state[y, x] = 0
            else:
                state[y, x] = 1
                count += 1
    return count


@njit(cache=True)
def gain_at(
    frame: Ids,
    state: State,
    first: Longs,
    px: NDArray[np.int16],
    py: NDArray[np.int16],
    colour: Ids,
    sprite: int,
    x: int,
    y: int,
) -> int:
    """Unexplained pixels that a sprite at (x, y) explains; -1 where it contradicts the frame.

    A pixel that something in front already explains can neither agree nor contradict.
    """
    h, w = frame.shape
    gain = 0
    for i in range(first[sprite], first[sprite + 1]):
        yy = y + py[i]
        xx = x + px[i]
        if yy < 0 or xx < 0 or yy >= h or xx >= w:
            continue
        s = state[yy, xx]
        if s >= 2:
            continue
        if frame[yy, xx] != colour[i]:
            return -1
        if s == 1:
            gain += 1
    return gain


@njit(cache=True)
def best_near(
    frame: Ids,
    state: State,
    first: Longs,
    px: NDArray[np.int16],
    py: NDArray[np.int16],
    colour: Ids,
    sprite: int,
    x: int,
    y: int,
    radius: int,
) -> tuple[int, int, int]:
    """Best (gain, x, y) of a sprite within `radius` of (x, y); the nearest of equals."""
    best = gain_at(frame, state, first, px, py, colour, sprite, x, y)
    bx, by = x, y
    for r in range(1, radius + 1):
        for dy in range(-r, r + 1):
            for dx in range(-r, r + 1):
                if max(abs(dx), abs(dy)) != r:
                    continue
                g = gain_at(frame, state, first, px, py, colour, sprite, x + dx, y + dy)
                if g > best:
                    best = g
                    bx, by = x + dx, y + dy
    return best, bx, by


@njit(cache=True)
def accept(
    frame: Ids,
    state: State,
    first: Longs,
    px: NDArray[np.int16],
    py: NDArray[np.int16],
    colour: Ids,
    needed: NDArray[np.int32],
    sprite: int,
    x: int,
    y: int,
) -> int:
    """Place a sprite: mark what it shows as explained; return how many pixels are covered.

    ``needed`` counts, per sprite pixel, how often it was the one that explained a pixel.
    Covered pixels contradict the frame, so the sprite must be drawn behind their owner.
    """
    h, w = frame.shape
    covered = 0
    for i in range(first[sprite], first[sprite + 1]):
        yy = y + py[i]
        xx = x + px[i]
        if yy < 0 or xx < 0 or yy >= h or xx >= w:
            continue
        s = state[yy, xx]
        if s == 1:
            needed[i] += 1
            state[yy, xx] = 2
        elif s == 0:
            state[yy, xx] = 2
        elif frame[yy, xx] != colour[i]:
            covered += 1
    return covered


@njit(cache=True)
def best_cover(
    frame: Ids,
    state: State,
    first: Longs,
    px: NDArray[np.int16],
    py: NDArray[np.int16],
    colour: Ids,
    owner: NDArray[np.int32],
    around: Ids,
    by_colour: Longs,
    colour_first: Longs,
    x: int,
    y: int,
    budget: int,
) -> tuple[int, int, int, int, int]:
    """Best (gain, sprite, x, y) of all sprites at all offsets that cover pixel (x, y).

    ``by_colour`` lists the sprite pixels of each colour, those of colour c from
    ``colour_first[c]`` on; ``owner`` is the sprite of each pixel, ``around`` the colours
    that its four neighbours have in the sprite. No more than about ``budget`` comparisons
    are made; the fifth value is what is left of it.
    """
    h, w = frame.shape
    best = 0
    bs, bx, by = -1, 0, 0
    c = frame[y, x]
    if c + 1 >= len(colour_first):
        return best, bs, bx, by, budget
    # Most sprites that have the colour do not have it beside what the frame has beside it.
    beside = np.full(4, 65535, np.uint16)
    for k in range(4):
        yy = y + (k == 1) - (k == 3)
        xx = x + (k == 0) - (k == 2)
        if 0 <= yy < h and 0 <= xx < w and state[yy, xx] < 2:
            beside[k] = frame[yy, xx]
    for e in range(colour_first[c], colour_first[c + 1]):
        i = by_colour[e]
        fits = True
        for k in range(4):
            if around[i, k] != beside[k] and around[i, k] != 65535 and beside[k] != 65535:
                fits = False
                break
        if not fits:
            budget -= 1
            continue
        s = owner[i]
        size = first[s + 1] - first[s]
        budget -= 4
        if size <= best:
            continue
        x0 = x - px[i]
        y0 = y - py[i]
        gain = gain_at(frame, state, first, px, py, colour, s, x0, y0)
        if gain >= 0:
            budget -= size
        if gain > best:
            best, bs, bx, by = gain, s, x0, y0
        if budget <= 0:
            break
    return best, bs, bx, by, budget


@njit(cache=True)
def shape_hashes(
    labels: NDArray[np.int32],
    frame: Ids,
    count: int,
    box: NDArray[np.int32],
    area: Longs,
    key: NDArray[np.uint64],
) -> None:
    """Bounding box (x0, y0, x1, y1), area and position-free hash of each labelled component."""
    h, w = frame.shape
    box[:, 0] = w
    box[:, 1] = h
    box[:, 2] = 0
    box[:, 3] = 0
    area[:] = 0
    key[:] = 0
    for y in range(h):
        for x in range(w):
            k = labels[y, x] - 1
            if k >= 0:
                area[k] += 1
                box[k, 0] = min(box[k, 0], x)
                box[k, 1] = min(box[k, 1], y)
                box[k, 2] = max(box[k, 2], x + 1)
                box[k, 3] = max(box[k, 3], y + 1)
    for y in range(h):
        for x in range(w):
            k = labels[y, x] - 1
            if k >= 0:
                place = np.uint64((y - box[k, 1]) * 65536 + (x - box[k, 0]))
                v = (place << np.uint64(16)) + np.uint64(frame[y, x]) + np.uint64(1)
                v = (v ^ (v >> np.uint64(31))) * np.uint64(0x9E3779B97F4A7C15)
                v = (v ^ (v >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
                key[k] += v ^ (v >> np.uint64(32))


@njit(cache=True)
def go_on(
    frame: Ids,
    state: State,
    first: Longs,
    px: NDArray[np.int16],
    py: NDArray[np.int16],
    colour: Ids,
    needed: NDArray[np.int32],
    sprites: Longs,
    guesses: Longs,
    placed: Longs,
) -> None:
    """Let tracks go on with the sprite they had, front ones first.

    ``guesses`` has shape (tracks, g, 2): where each track's sprite may be, likeliest first.
    ``placed`` receives rows (x, y, covered), covered -1 where the track does not go on: a
    sprite must explain half of its pixels, or all that the screen can show of them.
    """
    for i in range(len(sprites)):
        s = sprites[i]
        best = 0
        bx, by = 0, 0
        for g in range(guesses.shape[1]):
            x, y = guesses[i, g, 0], guesses[i, g, 1]
            gain = gain_at(frame, state, first, px, py, colour, s, x, y)
            if gain > best:
                best, bx, by = gain, x, y
        placed[i, 2] = -1
        if best * 2 >= first[s + 1] - first[s]:
            placed[i, 0] = bx
            placed[i, 1] = by
            placed[i, 2] = accept(frame, state, first, px, py, colour, needed, s, bx, by)


@njit(cache=True)
def fill_rgb(ids: NDArray[np.generic], colours: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Colour numbers as RGB, by a table of shape (colours, 3)."""
    h, w = ids.shape
    for y in range(h):
        for x in range(w):
            c = ids[y, x]
            out[y, x, 0] = colours[c, 0]
            out[y, x, 1] = colours[c, 1]
            out[y, x, 2] = colours[c, 2]


@njit(cache=True)
def differing(
    one: NDArray[np.uint8], other: NDArray[np.uint8], out: NDArray[np.bool_]
) -> tuple[int, int, int, int]:
    """Mark where two RGB frames differ; the box (x0, y0, x1, y1) of all such pixels."""
    h, w = out.shape
    x0, y0, x1, y1 = w, h, 0, 0
    for y in range(h):
        for x in range(w):
            differs = (
                one[y, x, 0] != other[y, x, 0]
                or one[y, x, 1] != other[y, x, 1]
                or one[y, x, 2] != other[y, x, 2]
            )
            out[y, x] = differs
            if differs:
                x0, x1 = min(x0, x), max(x1, x + 1)
                y0, y1 = min(y0, y), y + 1
    return x0, y0, x1, y1
