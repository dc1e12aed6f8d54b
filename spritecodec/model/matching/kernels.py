"""The matching engine's inner loops, compiled with numba: exact, in integers.

Shapes: `frame`, `drawn` and `back` are (h, w, 3) uint8; `sprites` is (m, k, k, 4) uint8;
`box` is (m, 4) int32, each sprite's rows and columns that are not clear (top, bottom, left,
right, half open); `placed` is (p, 3) int32 rows (sprite, x, y), x and y being the screen
coordinates of the sprite's top left corner, drawn in row order. Errors are sums of squared
differences over pixels and channels on the 0 to 255 scale.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Image = NDArray[np.uint8]
Rows = NDArray[np.int32]

_jit: Any = numba.njit(cache=True, nogil=True)


class Samples(NamedTuple):
    """What each sprite's pixels show at some of its places.

    Attributes
    ----------
    filled : ndarray, shape (m,), int32
        Slots used so far for each sprite.
    shown, under, behind : ndarray, shape (m, slots, k, k, 3), uint8
        The frame, the picture below the placement, and the background.
    state : ndarray, shape (m, slots, k, k), uint8
        1 where the pixel is on the screen and no later placement covers it.
    """

    filled: Rows
    shown: Image
    under: Image
    behind: Image
    state: Image

    @staticmethod
    def none(m: int, k: int, slots: int) -> Samples:
        """No slot used yet."""
        colours = (m, slots, k, k, 3)
        return Samples(
            np.zeros(m, np.int32),
            np.zeros(colours, np.uint8),
            np.zeros(colours, np.uint8),
            np.zeros(colours, np.uint8),
            np.zeros(colours[:4], np.uint8),
        )


@_jit  # type: ignore[untyped-decorator]
def blend(under: int, colour: int, alpha: int) -> int:
    """One channel of `colour` over `under`, rounded to the nearest integer."""
    if alpha == 255:
        return colour
    return (colour * alpha + under * (255 - alpha) + 127) // 255


@_jit  # type: ignore[untyped-decorator]
def squared_difference(a: Image, b: Image) -> NDArray[np.int64]:
    """Squared difference of two pictures summed over channels, shape (h, w)."""
    h, w = a.shape[0], a.shape[1]
    out = np.empty((h, w), np.int64)
    for y in range(h):
        for x in range(w):
            total = 0
            for c in range(3):
                d = np.int64(a[y, x, c]) - np.int64(b[y, x, c])
                total += int(d * d)
            out[y, x] = total
    return out


@_jit  # type: ignore[untyped-decorator]
def draw(drawn: Image, sprites: Image, box: Rows, s: int, x: int, y: int) -> None:
    """Composite sprite `s` onto `drawn` in place, clipped to the picture."""
    h, w = drawn.shape[0], drawn.shape[1]
    for v in range(max(box[s, 0], -y), min(box[s, 1], h - y)):
        for u in range(max(box[s, 2], -x), min(box[s, 3], w - x)):
            a = np.int32(sprites[s, v, u, 3])
            if a:
                for c in range(3):
                    drawn[y + v, x + u, c] = blend(
                        np.int32(drawn[y + v, x + u, c]), np.int32(sprites[s, v, u, c]), a
                    )


@_jit  # type: ignore[untyped-decorator]
def draw_all(drawn: Image, sprites: Image, box: Rows, placed: Rows) -> None:
    """Composite every placement in row order."""
    for i in range(len(placed)):
        draw(drawn, sprites, box, placed[i, 0], placed[i, 1], placed[i, 2])


@_jit  # type: ignore[untyped-decorator]
def gain(frame: Image, drawn: Image, sprites: Image, box: Rows, s: int, x: int, y: int) -> int:
    """Error that drawing sprite `s` at (x, y) on top of `drawn` would take away."""
    h, w = frame.shape[0], frame.shape[1]
    total = 0
    for v in range(max(box[s, 0], -y), min(box[s, 1], h - y)):
        for u in range(max(box[s, 2], -x), min(box[s, 3], w - x)):
            a = np.int32(sprites[s, v, u, 3])
            if a:
                for c in range(3):
                    i = np.int32(frame[y + v, x + u, c])
                    r = np.int32(drawn[y + v, x + u, c])
                    n = blend(r, np.int32(sprites[s, v, u, c]), a)
                    total += (i - r) * (i - r) - (i - n) * (i - n)
    return total


@_jit  # type: ignore[untyped-decorator]
def best_near(
    frame: Image, drawn: Image, sprites: Image, box: Rows, s: int, x: int, y: int, reach: int
) -> tuple[int, int, int]:
    """The best (gain, x, y) within `reach` pixels of (x, y); ties keep the nearest."""
    best = gain(frame, drawn, sprites, box, s, x, y)
    bx, by = x, y
    for radius in range(1, reach + 1):
        for dy in range(-radius, radius + 1):
            for dx in range(-radius, radius + 1):
                if max(abs(dx), abs(dy)) == radius:
                    g = gain(frame, drawn, sprites, box, s, x + dx, y + dy)
                    if g > best:
                        best, bx, by = g, x + dx, y + dy
    return best, bx, by


@_jit  # type: ignore[untyped-decorator]
def greedy(
    frame: Image,
    drawn: Image,
    sprites: Image,
    box: Rows,
    candidates: Rows,
    gains: NDArray[np.int64],
    price: int,
) -> Rows:
    """Accept candidates by true gain, best first, drawing each on `drawn`.

    Lazy: a stale gain is measured again when it comes to the top, the position climbing to
    the best neighbour, and the candidate is accepted if it still leads.

    Returns
    -------
    ndarray, shape (accepted, 3), int32
        In drawing order.
    """
    accepted = np.empty((len(candidates), 3), np.int32)
    count = 0
    gains = gains.copy()
    candidates = candidates.copy()
    while len(gains):
        i = np.argmax(gains)
        if gains[i] <= price:
            break
        s = candidates[i, 0]
        g, x, y = best_near(frame, drawn, sprites, box, s, candidates[i, 1], candidates[i, 2], 1)
        candidates[i, 1], candidates[i, 2] = x, y
        gains[i] = -1
        if g > price:
            if g >= 0.95 * gains.max():
                draw(drawn, sprites, box, s, x, y)
                accepted[count, 0], accepted[count, 1], accepted[count, 2] = s, x, y
                count += 1
            else:
                gains[i] = g
    return accepted[:count].copy()


@_jit  # type: ignore[untyped-decorator]
def _window_error(
    frame: Image,
    back: Image,
    buffer: Image,
    sprites: Image,
    box: Rows,
    placed: Rows,
    keep: NDArray[np.bool_],
    window: tuple[int, int, int, int],
) -> int:
    """Error inside `window` (top, bottom, left, right) with the kept placements drawn."""
    top, bottom, left, right = window
    for y in range(top, bottom):
        for x in range(left, right):
            for c in range(3):
                buffer[y, x, c] = back[y, x, c]
    for i in range(len(placed)):
        if not keep[i]:
            continue
        s, px, py = placed[i, 0], placed[i, 1], placed[i, 2]
        for v in range(max(box[s, 0], top - py), min(box[s, 1], bottom - py)):
            for u in range(max(box[s, 2], left - px), min(box[s, 3], right - px)):
                a = np.int32(sprites[s, v, u, 3])
                if a:
                    for c in range(3):
                        buffer[py + v, px + u, c] = blend(
                            np.int32(buffer[py + v, px + u, c]), np.int32(sprites[s, v, u, c]), a
                        )
    error = 0
    for y in range(top, bottom):
        for x in range(left, right):
            for c in range(3):
                d = np.int32(frame[y, x, c]) - np.int32(buffer[y, x, c])
                error += int(d * d)
    return error


@_jit  # type: ignore[untyped-decorator]
def prune(
    frame: Image, back: Image, sprites: Image, box: Rows, placed: Rows, price: int
) -> tuple[Rows, NDArray[np.int64]]:
    """Drop placements whose removal costs at most `price`, from the farthest back.

    Returns
    -------
    placed : ndarray, shape (kept, 3), int32
    worth : ndarray, shape (kept,), int64
        Error that the picture would gain without each.
    """
    h, w = frame.shape[0], frame.shape[1]
    buffer = np.empty_like(frame)
    keep = np.ones(len(placed), np.bool_)
    worth = np.zeros(len(placed), np.int64)
    for j in range(len(placed)):
        s, x, y = placed[j, 0], placed[j, 1], placed[j, 2]
        window = (
            max(0, y + box[s, 0]),
            min(h, y + box[s, 1]),
            max(0, x + box[s, 2]),
            min(w, x + box[s, 3]),
        )
        with_it = _window_error(frame, back, buffer, sprites, box, placed, keep, window)
        keep[j] = False
        without = _window_error(frame, back, buffer, sprites, box, placed, keep, window)
        worth[j] = without - with_it
        if worth[j] > price:
            keep[j] = True
    return placed[keep], worth[keep]


@_jit  # type: ignore[untyped-decorator]
def gather(
    frame: Image, back: Image, sprites: Image, box: Rows, placed: Rows, samples: Samples
) -> None:
    """Add one picture to the samples, as far as there are slots."""
    filled, shown, under, behind, state = samples
    h, w = frame.shape[0], frame.shape[1]
    k = sprites.shape[1]
    top = np.full((h, w), -1, np.int32)
    for j in range(len(placed)):
        s, x, y = placed[j, 0], placed[j, 1], placed[j, 2]
        for v in range(max(box[s, 0], -y), min(box[s, 1], h - y)):
            for u in range(max(box[s, 2], -x), min(box[s, 3], w - x)):
                if sprites[s, v, u, 3] > 127:
                    top[y + v, x + u] = j
    drawn = back.copy()
    for j in range(len(placed)):
        s, x, y = placed[j, 0], placed[j, 1], placed[j, 2]
        slot = filled[s]
        if slot < shown.shape[1]:
            filled[s] += 1
            for v in range(max(0, -y), min(k, h - y)):
                for u in range(max(0, -x), min(k, w - x)):
                    if top[y + v, x + u] <= j:
                        state[s, slot, v, u] = 1
                        for c in range(3):
                            shown[s, slot, v, u, c] = frame[y + v, x + u, c]
                            under[s, slot, v, u, c] = drawn[y + v, x + u, c]
                            behind[s, slot, v, u, c] = back[y + v, x + u, c]
        draw(drawn, sprites, box, s, x, y)


@_jit  # type: ignore[untyped-decorator]
def vote(sprites: Image, samples: Samples, tolerance: int) -> Image:
    """Sprites re-estimated exactly from `gather`'s samples, with binary alpha.

    Each pixel takes the median colour of its samples, and is opaque where that explains the
    samples better, by more than `tolerance` each, than what lies under the sprite and than
    the background: a sprite does not show the background itself. Pixels that are clear stay
    so, because what surrounds an object everywhere is not part of it.
    """
    filled, shown, under, behind, state = samples
    voted = sprites.copy()
    m, k = sprites.shape[0], sprites.shape[1]
    values = np.empty((3, shown.shape[1]), np.int32)
    for s in range(m):
        for v in range(k):
            for u in range(k):
                if sprites[s, v, u, 3] == 0:
                    continue
                n = 0
                for slot in range(filled[s]):
                    if state[s, slot, v, u]:
                        for c in range(3):
                            values[c, n] = shown[s, slot, v, u, c]
                        n += 1
                if n == 0:
                    continue
                median = np.empty(3, np.int32)
                for c in range(3):
                    median[c] = np.sort(values[c, :n])[(n - 1) // 2]
                saved, over = 0, 0
                for slot in range(filled[s]):
                    if state[s, slot, v, u]:
                        for c in range(3):
                            i = np.int32(shown[s, slot, v, u, c])
                            below = i - np.int32(under[s, slot, v, u, c])
                            away = i - np.int32(behind[s, slot, v, u, c])
                            above = i - median[c]
                            saved += below * below - above * above
                            over += away * away - above * above
                if saved > tolerance * n and over > tolerance * n:
                    for c in range(3):
                        voted[s, v, u, c] = median[c]
                    voted[s, v, u, 3] = 255
                else:
                    for c in range(4):
                        voted[s, v, u, c] = 0
    return voted


@_jit  # type: ignore[untyped-decorator]
def trial(
    frame: Image,
    back: Image,
    sprites: Image,
    changed: Image,
    placed: Rows,
    saved: NDArray[np.int64],
) -> None:
    """Add to `saved`, shape (m,), the error that each changed sprite would take away.

    Every sprite is judged alone, where no later placement covers it.
    """
    h, w = frame.shape[0], frame.shape[1]
    k = sprites.shape[1]
    top = np.full((h, w), -1, np.int32)
    for j in range(len(placed)):
        s, x, y = placed[j, 0], placed[j, 1], placed[j, 2]
        for v in range(max(0, -y), min(k, h - y)):
            for u in range(max(0, -x), min(k, w - x)):
                if sprites[s, v, u, 3] > 127:
                    top[y + v, x + u] = j
    drawn = back.copy()
    for j in range(len(placed)):
        s, x, y = placed[j, 0], placed[j, 1], placed[j, 2]
        for v in range(max(0, -y), min(k, h - y)):
            for u in range(max(0, -x), min(k, w - x)):
                if top[y + v, x + u] <= j:
                    old_alpha = np.int32(sprites[s, v, u, 3])
                    new_alpha = np.int32(changed[s, v, u, 3])
                    for c in range(3):
                        i = np.int32(frame[y + v, x + u, c])
                        r = np.int32(drawn[y + v, x + u, c])
                        old = i - blend(r, np.int32(sprites[s, v, u, c]), old_alpha)
                        new = i - blend(r, np.int32(changed[s, v, u, c]), new_alpha)
                        saved[s] += old * old - new * new
                        drawn[y + v, x + u, c] = i - old


@_jit  # type: ignore[untyped-decorator]
def index_maps(placed: Rows, box: Rows, k: int, level: Rows, maps: NDArray[np.int64]) -> None:
    """Which row of the sprite table each pixel of each level shows.

    Parameters
    ----------
    level : ndarray, shape (p,), int32
        Level of each placement; no two of one level overlap (`levels`).
    maps : ndarray, shape (levels, h, w), int64
        Written: s k^2 + v k + u where a sprite shows; left alone elsewhere.
    """
    h, w = maps.shape[1], maps.shape[2]
    for j in range(len(placed)):
        s, x, y = placed[j, 0], placed[j, 1], placed[j, 2]
        for v in range(max(box[s, 0], -y), min(box[s, 1], h - y)):
            for u in range(max(box[s, 2], -x), min(box[s, 3], w - x)):
                maps[level[j], y + v, x + u] = (s * k + v) * k + u


@_jit  # type: ignore[untyped-decorator]
def levels(placed: Rows, box: Rows) -> Rows:
    """The lowest level of each placement above all earlier ones that it overlaps."""
    level = np.zeros(len(placed), np.int32)
    for j in range(len(placed)):
        s, x, y = placed[j, 0], placed[j, 1], placed[j, 2]
        for i in range(j):
            t, px, py = placed[i, 0], placed[i, 1], placed[i, 2]
            if (
                x + box[s, 2] < px + box[t, 3]
                and px + box[t, 2] < x + box[s, 3]
                and y + box[s, 0] < py + box[t, 1]
                and py + box[t, 0] < y + box[s, 1]
            ):
                level[j] = max(level[j], level[i] + np.int32(1))
    return level


def boxes(sprites: Image) -> Rows:
    """Rows and columns of each sprite that are not clear, shape (m, 4), int32; 0 where none."""
    solid: NDArray[np.bool_] = sprites[..., 3] > 0
    found = np.zeros((len(sprites), 4), np.int32)
    for axis, first in ((2, 0), (1, 2)):
        lines: NDArray[np.bool_] = np.any(solid, axis=axis)
        found[:, first] = lines.argmax(1)
        found[:, first + 1] = lines.shape[1] - lines[:, ::-1].argmax(1)
    found[~solid.any((1, 2))] = 0
    return found
