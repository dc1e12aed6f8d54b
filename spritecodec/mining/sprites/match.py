"""Where a sprite fits a frame: exact comparison, pixel by pixel, compiled by numba.

Sprites explain a frame from front to back: where something opaque is placed, a later sprite can
neither agree nor contradict. A known sprite may also be placed *partly* (`partial`). Some of its
pixels look different because something translucent is in front of them; from then on the sprite
is what lies behind there. Others are translucent with something unknown behind them; from then
on that is seen through them.
"""

from __future__ import annotations

from numba import njit

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.pixel_state import (
    EXPLAINED,
    HIDDEN,
    VEILED,
    View,
    agrees,
    explaining,
    is_covered,
    is_material,
    is_open,
    is_over_overlay,
    is_over_sprite,
    is_through,
    may_be_instead,
)
from spritecodec.mining.sprites.dictionary import MAX_ALTERNATIVES, Patterns, Sprites


@njit(cache=True)
def on_screen(view: View, y: int, x: int) -> bool:
    """Whether a pixel lies in the frame."""
    h, w = view.frame.shape
    return bool(0 <= y < h and 0 <= x < w)


# Every array that a call passes costs time, so this is inlined as it stands.
@njit(cache=True, inline="always")
def is_certain(view: View, value: int, also: int) -> bool:
    """Whether a pixel can only be one colour, by its value and the first alternative."""
    return not is_material(view, value) and bool(also == CLEAR)


@njit(cache=True)
def may_be(view: View, patterns: Patterns, i: int, y: int, x: int) -> bool:
    """Whether any value of sprite pixel `i` agrees with the frame at (x, y)."""
    if agrees(view, y, x, patterns.value[i]):
        return True
    for k in range(MAX_ALTERNATIVES):
        if patterns.also[i, k] == CLEAR:
            return False
        if agrees(view, y, x, patterns.also[i, k]):
            return True
    return False


@njit(cache=True)
def vote(view: View, sprites: Sprites, i: int, y: int, x: int) -> None:
    """Count which values of sprite pixel `i` agree at (x, y)."""
    value, also = sprites.patterns.value[i], sprites.patterns.also[i]
    sprites.votes[i, 0] += agrees(view, y, x, value)
    for k in range(MAX_ALTERNATIVES):
        if also[k] != CLEAR:
            sprites.votes[i, k + 1] += agrees(view, y, x, also[k])


@njit(cache=True)
def gain_at(view: View, patterns: Patterns, sprite: int, x: int, y: int) -> int:
    """Open pixels that a sprite at (x, y) explains; -1 where it contradicts the frame.

    Behind the overlay nothing contradicts. But a sprite with a pixel in front of the overlay is
    in front of it everywhere.
    """
    begin, end = patterns.first[sprite], patterns.first[sprite + 1]
    gain, wrong, in_front, behind = 0, 0, False, False
    for i in range(begin, end):
        yy, xx = y + patterns.py[i], x + patterns.px[i]
        if not on_screen(view, yy, xx):
            continue
        s = view.state[yy, xx]
        if s == EXPLAINED:
            continue
        value = patterns.value[i]
        if s == HIDDEN:
            behind |= value != view.frame[yy, xx] and not may_be_instead(view, yy, xx, value)
            continue
        in_front |= is_over_overlay(s)
        if in_front and behind:
            return -1
        if s == VEILED:
            if value != view.behind[yy, xx]:
                return -1
        elif value != view.frame[yy, xx] or is_through(s):
            certain = is_certain(view, value, patterns.also[i, 0])
            if certain and not is_through(s) and len(view.others) == 1:
                return -1
            if not may_be(view, patterns, i, yy, xx):
                if certain:
                    return -1
                wrong += 1
                if wrong > patterns.max_wrong_share * (end - begin):
                    return -1
                continue
        gain += is_open(s)
    if wrong > patterns.max_wrong_share * gain or (in_front and behind):
        return -1
    return gain


@njit(cache=True)
def best_near(
    view: View, patterns: Patterns, sprite: int, x: int, y: int, radius: int
) -> tuple[int, int, int]:
    """Best (gain, x, y) of a sprite within `radius` of (x, y); the nearest of equals."""
    best = gain_at(view, patterns, sprite, x, y)
    bx, by = x, y
    for r in range(1, radius + 1):
        for dy in range(-r, r + 1):
            for dx in range(-r, r + 1):
                if max(abs(dx), abs(dy)) != r:
                    continue
                g = gain_at(view, patterns, sprite, x + dx, y + dy)
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
        Pixels that contradict the frame: the sprite must be drawn behind what shows there.
    over : int
        Pixels in front of a sprite that `accept_partly` placed.
    over_overlay : bool
        Some pixels lie in front of the overlay.
    """
    patterns = sprites.patterns
    covered, over, over_overlay = 0, 0, False
    for i in range(patterns.first[sprite], patterns.first[sprite + 1]):
        yy, xx = y + patterns.py[i], x + patterns.px[i]
        if not on_screen(view, yy, xx):
            continue
        s = view.state[yy, xx]
        if is_covered(s):
            value = patterns.value[i]
            covered += value != view.frame[yy, xx] and not may_be_instead(view, yy, xx, value)
            continue
        if s == VEILED:
            covered += 1
            continue
        certain = is_certain(view, patterns.value[i], patterns.also[i, 0])
        if is_through(s) or not certain:
            if not may_be(view, patterns, i, yy, xx):
                continue
            vote(view, sprites, i, yy, xx)
        # Where nothing is translucent, alternatives are opaque, too: nothing shows through.
        view.state[yy, xx] = EXPLAINED if certain or len(view.over) == 0 else VEILED
        sprites.needed[i] += is_open(s)
        over += is_over_sprite(s)
        covered += is_through(s)
        over_overlay |= is_over_overlay(s)
    return covered, over, over_overlay


@njit(cache=True)
def values_at(view: View, ys: Longs, xs: Longs, out: Ids) -> None:
    """What each of some pixels may be: `out`, shape (n, 1 + MAX_ALTERNATIVES), CLEAR at the end."""
    out[:] = CLEAR
    for i in range(len(ys)):
        explaining(view, ys[i], xs[i], out[i])


@njit(cache=True)
def go_on(
    view: View,
    sprites: Sprites,
    numbers: Longs,
    guesses: Longs,
    min_kept_share: float,
    placed: Longs,
) -> None:
    """Let tracks continue with the sprite they had, in their order.

    Parameters
    ----------
    view : View
    sprites : Sprites
    numbers : ndarray, shape (tracks,), int64
        The sprite of each track.
    guesses : ndarray, shape (tracks, g, 2), int64
        Where it may be, (x, y), the likeliest first.
    min_kept_share : float
        Share of its pixels that the sprite must explain.
    placed : ndarray, shape (tracks, 5), int64
        Receives (x, y, covered, over, over overlay), the last three as of `accept`; covered is
        -1 where the track does not continue.
    """
    patterns = sprites.patterns
    for i in range(len(numbers)):
        s = numbers[i]
        best = 0
        bx, by = 0, 0
        for g in range(guesses.shape[1]):
            x, y = guesses[i, g, 0], guesses[i, g, 1]
            gain = gain_at(view, patterns, s, x, y)
            if gain > best:
                best, bx, by = gain, x, y
        placed[i, 2] = -1
        if best >= min_kept_share * (patterns.first[s + 1] - patterns.first[s]):
            placed[i, 0] = bx
            placed[i, 1] = by
            placed[i, 2], placed[i, 3], placed[i, 4] = accept(view, sprites, s, bx, by)
