"""The background (section 2.5): one colour by k-means, or more than a screen, found by panning.

The latter starts from the clip: each frame is laid where most of its textured pixels agree
with what is already known (so that moving sprites and a fixed status line do not mislead),
and every pixel then takes the median of what the frames show there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from spritecodec.model.sample import Sample

Image = NDArray[np.uint8]
Points = NDArray[np.int32]

Pan = tuple[int, int]
"""x, y of a frame's top left corner in the background."""

COARSE_POINTS = 400
"""Textured pixels that rank the places of a search."""
FINE_POINTS = 3000
"""Textured pixels that decide between the best places."""
MAX_DIFFERENCE = 24
"""Levels: a pixel agrees where no channel differs by more."""
MAX_VOTES = 15
"""Votes kept for each pixel of the background."""
MAX_BACKGROUND_FRAMES = 48
"""The background's area is at most so many frames."""
REACH_X, REACH_Y = 40, 16
"""Pixels that the pan may move between two frames; farther moves need a search everywhere."""

_jit: Any = numba.njit(cache=True, nogil=True)


def solid_colour(sample: Sample, rng: np.random.Generator) -> NDArray[np.uint8]:
    """The largest of 5 k-means clusters over the pixels of 100 random frames (2.5).

    Where that cluster holds pixel art, its centre lies between colours that exist; so its
    most common colour is returned.

    Returns
    -------
    ndarray, shape (3,), uint8
    """
    count = min(100, len(sample.index))
    chosen = rng.choice(len(sample.index), count, replace=False)
    pixels = sample.frames[chosen].reshape(-1, 3)
    if len(pixels) > 200_000:
        pixels = pixels[rng.choice(len(pixels), 200_000, replace=False)]
    colours, weight = np.unique(pixels, axis=0, return_counts=True)
    points = colours.astype(np.float64)
    centres = points[[int(np.argmax(weight))]]
    while len(centres) < min(5, len(points)):  # farthest first, weighted by how common
        away = ((points[:, None] - centres) ** 2).sum(-1).min(1)
        centres = np.vstack([centres, points[np.argmax(away * weight)]])
    for _ in range(20):
        near = ((points[:, None] - centres) ** 2).sum(-1).argmin(1)
        total = np.bincount(near, weight, len(centres))
        sums = np.stack([np.bincount(near, weight * points[:, c], len(centres)) for c in range(3)])
        centres = (sums / np.maximum(total, 1)).T
    largest = near == np.argmax(total)
    return np.asarray(colours[largest][np.argmax(weight[largest])], dtype=np.uint8)


@_jit  # type: ignore[untyped-decorator]
def _agreement(
    frame: Image, pixels: Image, known: Image, points: Points, x: int, y: int
) -> tuple[int, int]:
    """Count the `points` (y, x) of a frame at (x, y) that agree with the background.

    Returns
    -------
    agree : int
    valid : int
        Points where the background is known.
    """
    agree, valid = 0, 0
    for i in range(len(points)):
        v, u = points[i, 0] + y, points[i, 1] + x
        if 0 <= v < pixels.shape[0] and 0 <= u < pixels.shape[1] and known[v, u]:
            valid += 1
            same = True
            for c in range(3):
                d = np.int32(frame[points[i, 0], points[i, 1], c]) - np.int32(pixels[v, u, c])
                if d > MAX_DIFFERENCE or d < -MAX_DIFFERENCE:
                    same = False
                    break
            if same:
                agree += 1
    return agree, valid


class Area(NamedTuple):
    """Pans to search: left <= x < right, top <= y < bottom."""

    left: int
    right: int
    top: int
    bottom: int


@_jit  # type: ignore[untyped-decorator]
def _search(
    frame: Image, pixels: Image, known: Image, points: Points, area: Area, expected: Pan
) -> tuple[int, int]:
    """The best pan (x, y) in an area; of equally good ones, that nearest to the expected one.

    A known point that agrees counts 1, one that does not counts -1, an unknown one 0.
    """
    best, near = -1e9, 1 << 30
    best_x, best_y = expected
    for y in range(area.top, area.bottom):
        for x in range(area.left, area.right):
            agree, valid = _agreement(frame, pixels, known, points, x, y)
            score = 2.0 * agree - valid
            away = abs(x - expected[0]) + abs(y - expected[1])
            if score > best or (score == best and away < near):
                best, best_x, best_y, near = score, x, y, away
    return best_x, best_y


@_jit  # type: ignore[untyped-decorator]
def _add_votes(frame: Image, x: int, y: int, votes: Image, count: NDArray[np.int32]) -> None:
    """Sample the pixels of a frame at (x, y) into the votes, one reservoir for each pixel."""
    state = np.uint32(x * 7919 + y * 104729 + 12345)
    for v in range(frame.shape[0]):
        for u in range(frame.shape[1]):
            n = count[y + v, x + u]
            slot = n
            if n >= votes.shape[0]:
                state = np.uint32(state * np.uint32(1664525) + np.uint32(1013904223))
                slot = np.int64(state >> np.uint32(8)) % (n + 1)
            count[y + v, x + u] = n + 1
            if slot < votes.shape[0]:
                for c in range(3):
                    votes[slot, y + v, x + u, c] = frame[v, u, c]


@_jit  # type: ignore[untyped-decorator]
def _median(votes: Image, count: NDArray[np.int32], pixels: Image) -> None:
    """Set pixels of the background to the median of their votes, where there are any."""
    for y in range(pixels.shape[0]):
        for x in range(pixels.shape[1]):
            n = min(count[y, x], votes.shape[0])
            if n:
                for c in range(3):
                    pixels[y, x, c] = np.sort(votes[:n, y, x, c])[(n - 1) // 2]


def textured_points(frame: Image, count: int, rng: np.random.Generator) -> Points:
    """Up to `count` random pixels (y, x) next to an edge; any pixels where there is none."""
    grey = frame.astype(np.int32).sum(2)
    edge = np.zeros(grey.shape, np.bool_)
    across = np.abs(np.diff(grey, axis=1)) > 40
    down = np.abs(np.diff(grey, axis=0)) > 40
    edge[:, 1:] |= across
    edge[:, :-1] |= across
    edge[1:] |= down
    edge[:-1] |= down
    found = np.argwhere(edge)
    if len(found) < 32:
        found = np.argwhere(np.ones_like(edge))
    if len(found) > count:
        found = found[rng.choice(len(found), count, replace=False)]
    return found.astype(np.int32)


@dataclass
class WideBackground:
    """A background at least as large as a frame, over which the frames pan.

    Attributes
    ----------
    pixels : ndarray, shape (H, W, 3), uint8
    known : ndarray, shape (H, W), uint8
        1 where some frame has shown the pixel.
    height, width : int
        Of a frame.
    pan : tuple of int
        x, y of the frame located last.
    speed : tuple of int
        Change of the pan between the last two frames, the prediction for the next.
    ratio : float
        Share of the textured pixels that agreed in the frame located last.
    """

    pixels: Image
    known: Image
    height: int
    width: int
    pan: Pan = (0, 0)
    speed: Pan = (0, 0)
    ratio: float = 0.9

    def locate(self, frame: Image, rng: np.random.Generator) -> Pan | None:
        """Where the frame lies in the background, or None where it is a new place."""
        fine = textured_points(frame, FINE_POINTS, rng)
        coarse = fine[:: max(1, len(fine) // COARSE_POINTS)]
        expected = self.pan[0] + self.speed[0], self.pan[1] + self.speed[1]
        args = (frame, self.pixels, self.known)
        best, ratio, place = 0.0, 0.0, None
        # A small move that explains as much as the last one did is believed; a doubtful one
        # must beat the rest of the background, because tiled ground agrees one tile further on.
        usual = 0.95 * self.ratio
        areas = self._areas(expected)
        for number, points in enumerate((coarse, coarse, coarse[::4])):
            x, y = _search(*args, points, areas[number], expected)
            x, y = _search(*args, fine, Area(x - 1, x + 2, y - 1, y + 2), expected)
            agree, valid = _agreement(*args, fine, x, y)
            if valid >= len(fine) // 2 and agree > best * 1.02 and agree >= max(0.5, ratio) * valid:
                best, place = agree, (x, y)
                ratio = agree / valid
                known = valid >= 0.97 * len(fine)
            if place is not None and ratio >= usual:
                if known:
                    break
                # New ground is only new if the background has nothing like it elsewhere.
                areas[2] = areas[2]._replace(top=place[1] - 1, bottom=place[1] + 2)
        self.ratio = ratio if place is not None else 0.9
        return place

    def _areas(self, expected: Pan) -> list[Area]:
        """Where to search, one after another: at the expected pan, near the last, everywhere."""
        (x, y), (x0, y0) = expected, self.pan
        height, width = self.known.shape
        return [
            Area(x - 1, x + 2, y - 1, y + 2),
            Area(x0 - REACH_X, x0 + REACH_X + 1, y0 - REACH_Y, y0 + REACH_Y + 1),
            Area(
                -self.width // 4,
                width - 3 * self.width // 4,
                -REACH_Y,
                height - self.height + REACH_Y + 1,
            ),
        ]

    def grow(self, x: int, y: int) -> Pan:
        """Make room for a frame at (x, y); return the shift that old coordinates get."""
        left, top = max(0, -x), max(0, -y)
        right = max(0, x + self.width - self.known.shape[1])
        bottom = max(0, y + self.height - self.known.shape[0])
        if left or top or right or bottom:
            self.pixels = np.pad(self.pixels, ((top, bottom), (left, right), (0, 0)))
            self.known = np.pad(self.known, ((top, bottom), (left, right)))
        return left, top

    def lay(self, frame: Image, x: int, y: int) -> None:
        """Fill what is not known yet from a frame at (x, y), which has room."""
        area = np.s_[y : y + self.height, x : x + self.width]
        empty = self.known[area] == 0
        self.pixels[area][empty] = frame[empty]
        self.known[area] = 1


def discover_background(sample: Sample, seed: int) -> tuple[WideBackground, NDArray[np.int32]]:
    """Lay the sample's frames side by side into one background.

    Returns
    -------
    background : WideBackground
        Its pixels are the median of what the frames show.
    pan : ndarray, shape (f, 2), int32
        x, y of each frame's top left corner in the background.
    """
    rng = np.random.default_rng(seed)
    h, w = sample.frames.shape[1:3]
    wide = WideBackground(sample.frames[0].copy(), np.ones((h, w), np.uint8), h, w)
    pan = np.zeros((len(sample.index), 2), np.int32)
    for i, frame in enumerate(sample.frames[1:], 1):
        place = wide.locate(frame, rng)
        if place is None:
            room = wide.known.size + wide.known.shape[0] * w <= MAX_BACKGROUND_FRAMES * h * w
            place = (wide.known.shape[1], 0) if room else wide.pan
            wide.speed = (0, 0)
        else:
            wide.speed = (place[0] - wide.pan[0], place[1] - wide.pan[1])
        left, top = wide.grow(*place)
        pan[:i] += (left, top)
        pan[i] = place[0] + left, place[1] + top
        wide.pan = (int(pan[i, 0]), int(pan[i, 1]))
        wide.lay(frame, *wide.pan)
    _take_median(wide, sample.frames, pan)
    return wide, pan


def _take_median(wide: WideBackground, frames: Image, pan: NDArray[np.int32]) -> None:
    """Set each pixel of the background to the median of what the frames show there."""
    votes = np.zeros((MAX_VOTES, *wide.pixels.shape), np.uint8)
    count = np.zeros(wide.known.shape, np.int32)
    for frame, (x, y) in zip(frames, pan, strict=True):
        _add_votes(frame, x, y, votes, count)
    _median(votes, count, wide.pixels)


def draw_background(
    shape: tuple[int, ...], colour: NDArray[np.uint8], wide: WideBackground | None, pan: Pan
) -> Image:
    """What shows behind all sprites, shape (h, w, 3), uint8.

    Parameters
    ----------
    shape : tuple of int
        (h, w, 3).
    colour : ndarray, shape (3,), uint8
        Shows where nothing is known, and beyond the edges of the background.
    wide : WideBackground or None
        None: the colour alone.
    pan : tuple of int
        x, y of the frame in the background.
    """
    shown = np.empty(shape, np.uint8)
    shown[:] = colour
    if wide is not None:
        x, y = pan
        height, width = wide.known.shape
        y0, y1 = max(0, -y), min(shape[0], height - y)
        x0, x1 = max(0, -x), min(shape[1], width - x)
        if y1 > y0 and x1 > x0:
            area = np.s_[y + y0 : y + y1, x + x0 : x + x1]
            known = wide.known[area][..., None] > 0
            np.copyto(shown[y0:y1, x0:x1], wide.pixels[area], where=known)
    return shown
