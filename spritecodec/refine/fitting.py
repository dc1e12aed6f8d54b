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

from spritecodec.refine.indexed import OTHER
from spritecodec.refine.kernels import (
    AS_BACKGROUND,
    EXPLAINED,
    HIDDEN,
    ON_OVERLAY,
    ON_SPRITE,
    THROUGH,
    UNEXPLAINED,
    VEILED,
    Ids,
    Longs,
    State,
)

# What a sprite's pixel may be besides its first value; each is a colour or a material.
MOST_ALSO = 3
MOST_VALUES = 16  # that are looked at for one pixel of a frame
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # (dy, dx): right, below, left, above
# Of a sprite's translucent pixels, so large a share may contradict: what lies behind them is
# not known everywhere.
MOST_WRONG = 0.06
# Of a sprite that is placed partly, so many pixels may look different for each that agrees, where
# a material would make them so; and so many where none would.
MOST_PARTLY, MOST_STRANGE = 1, 0.05
KNOWN = 3  # placements of a sprite, at least, that may be placed partly
MOST_VOTES, FEWEST_VOTES = 1 << 20, 6  # for the places where it may lie: of a region, and of one


class View(NamedTuple):
    """A frame while it is explained.

    Attributes
    ----------
    frame : ndarray, shape (h, w), uint16
        Colour numbers.
    state : ndarray, shape (h, w), uint8
    behind : ndarray, shape (h, w), uint16
        Colour numbers of what lies behind; of one pixel where nothing is translucent.
    front : ndarray, shape (h, w), uint16
        The material through which a pixel is seen whose state is THROUGH; as `behind`.
    over, under : ndarray, shape (materials, colours), uint16
        As those of `Materials`; values from ``colours`` on are materials.
    """

    frame: Ids
    state: State
    behind: Ids
    front: Ids
    over: Ids
    under: Ids

    @property
    def translucent(self) -> bool:
        """Whether anything translucent is known."""
        return len(self.over) > 0


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
def _made(view: View, value: int, behind: int) -> int:
    """The colour that shows where `value` lies over the colour `behind`; OTHER for a new one."""
    colours = view.over.shape[1]
    if value < colours:
        return value
    if behind >= colours or value >= colours + len(view.over):
        return int(OTHER)
    return int(view.over[value - colours, behind])


@njit(cache=True)
def _translucent(view: View, value: int) -> bool:
    """Whether a value is a material; above these is only what equals no colour of the clip."""
    colours = view.over.shape[1]
    return bool(colours <= value < colours + len(view.over))


@njit(cache=True)
def _agrees(view: View, y: int, x: int, value: int) -> bool:
    """Whether `value` at a pixel gives what the frame shows."""
    if not _translucent(view, value) and not view.state[y, x] & THROUGH:
        return bool(value == view.frame[y, x])
    made = _made(view, value, view.behind[y, x])
    if view.state[y, x] & THROUGH:
        made = _made(view, view.front[y, x], made)
    return bool(made < view.over.shape[1] and made == view.frame[y, x])


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
def explaining(view: View, y: int, x: int, out: Ids) -> int:
    """Fill `out` with values that explain a pixel, its colour first; return how many."""
    colours = view.over.shape[1]
    out[0] = view.frame[y, x]
    if view.state[y, x] & THROUGH:
        out[0] = view.under[view.front[y, x] - colours, out[0]]
    count = 1
    for value in range(colours, colours + len(view.over)):
        if count < len(out) and _agrees(view, y, x, value):
            out[count] = value
            count += 1
    return count


@njit(cache=True)
def values_at(view: View, ys: Longs, xs: Longs, out: Ids) -> None:
    """What each of some pixels may be: `out`, shape (n, 1 + MOST_ALSO), 65535 where no more."""
    out[:] = 65535
    for i in range(len(ys)):
        explaining(view, ys[i], xs[i], out[i])


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
