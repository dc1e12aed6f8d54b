"""The background (section 2.5): one colour by k-means, or a texture found by panning.

The texture starts from the clip: each frame is laid where most of its textured pixels agree
with what is already known (so that moving sprites and a fixed status line do not mislead),
and every pixel then takes the median of what the frames show there.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray

from spritecodec.model.sample import Sample

Image = NDArray[np.uint8]
Points = NDArray[np.int32]

COARSE_POINTS = 400
FINE_POINTS = 3000
AGREE = 24
"""A pixel agrees where no channel differs by more."""
SAMPLES = 15
"""Votes kept for each pixel of the texture."""
MAX_TEXTURE_FRAMES = 48
"""The texture's area is at most so many frames."""
REACH_X, REACH_Y = 40, 16
"""Pixels that the pan may move between two frames before the whole texture is searched."""

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
    frame: Image, canvas: Image, known: Image, points: Points, x: int, y: int
) -> tuple[int, int]:
    """How many `points` (y, x) of the frame agree with the canvas at (x, y); how many are known."""
    agree, valid = 0, 0
    for i in range(len(points)):
        v, u = points[i, 0] + y, points[i, 1] + x
        if 0 <= v < canvas.shape[0] and 0 <= u < canvas.shape[1] and known[v, u]:
            valid += 1
            same = True
            for c in range(3):
                d = np.int32(frame[points[i, 0], points[i, 1], c]) - np.int32(canvas[v, u, c])
                if d > AGREE or d < -AGREE:
                    same = False
                    break
            if same:
                agree += 1
    return agree, valid


@_jit  # type: ignore[untyped-decorator]
def _search(
    frame: Image,
    canvas: Image,
    known: Image,
    points: Points,
    x0: int,
    x1: int,
    y0: int,
    y1: int,
    px: int,
    py: int,
) -> tuple[int, int, float]:
    """The best (x, y, score) in a range; ties go to the one nearest the prediction (px, py).

    A known point that agrees counts 1, one that does not counts -1, an unknown one 0.
    """
    best, bx, by, near = -1e9, px, py, 1 << 30
    for y in range(y0, y1):
        for x in range(x0, x1):
            agree, valid = _agreement(frame, canvas, known, points, x, y)
            score = 2.0 * agree - valid
            away = abs(x - px) + abs(y - py)
            if score > best or (score == best and away < near):
                best, bx, by, near = score, x, y, away
    return bx, by, best


@_jit  # type: ignore[untyped-decorator]
def _add_votes(
    frame: Image, x: int, y: int, skip: Image, votes: Image, count: NDArray[np.int32]
) -> None:
    """Put the frame's pixels (where not `skip`) among the canvas's votes, a reservoir each."""
    state = np.uint32(x * 7919 + y * 104729 + 12345)
    for v in range(frame.shape[0]):
        for u in range(frame.shape[1]):
            if skip[v, u]:
                continue
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
def _median(votes: Image, count: NDArray[np.int32], canvas: Image) -> None:
    """Write the votes' median to the canvas where there is a vote."""
    for y in range(canvas.shape[0]):
        for x in range(canvas.shape[1]):
            n = min(count[y, x], votes.shape[0])
            if n:
                for c in range(3):
                    canvas[y, x, c] = np.sort(votes[:n, y, x, c])[(n - 1) // 2]


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
class Canvas:
    """The background texture while it grows.

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
        Pan between the last two frames, the prediction for the next.
    ratio : float
        Share of the textured pixels that agreed in the frame located last.
    """

    pixels: Image
    known: Image
    height: int
    width: int
    pan: tuple[int, int] = (0, 0)
    speed: tuple[int, int] = (0, 0)
    ratio: float = 0.9

    def locate(self, frame: Image, rng: np.random.Generator) -> tuple[int, int] | None:
        """Where the frame lies in the texture, or None where it is a new place."""
        fine = textured_points(frame, FINE_POINTS, rng)
        coarse = fine[:: max(1, len(fine) // COARSE_POINTS)]
        px, py = self.pan[0] + self.speed[0], self.pan[1] + self.speed[1]
        x0, y0 = self.pan
        near = (x0 - REACH_X, x0 + REACH_X + 1, y0 - REACH_Y, y0 + REACH_Y + 1)
        texture_h, texture_w = self.known.shape
        rows = (-REACH_Y, texture_h - self.height + REACH_Y + 1)
        far = (-self.width // 4, texture_w - 3 * self.width // 4, *rows)
        args = (frame, self.pixels, self.known)
        best, ratio, place = 0.0, 0.0, None
        # A small move that explains as much as the last one did is believed; a doubtful one
        # must beat the rest of the texture, because tiled ground agrees one tile further on.
        usual = 0.95 * self.ratio
        areas = [(px - 1, px + 2, py - 1, py + 2), near, far]
        for number, points in enumerate((coarse, coarse, coarse[::4])):
            area = areas[number]
            x, y, _ = _search(*args, points, *area, px, py)
            x, y, _ = _search(*args, fine, x - 1, x + 2, y - 1, y + 2, px, py)
            agree, valid = _agreement(*args, fine, x, y)
            if valid >= len(fine) // 2 and agree > best * 1.02 and agree >= max(0.5, ratio) * valid:
                best, place = agree, (x, y)
                ratio = agree / valid
                known = valid >= 0.97 * len(fine)
            if place is not None and ratio >= usual:
                if known:
                    break
                # New ground is only new if the texture has nothing like it elsewhere.
                areas[2] = (*far[:2], place[1] - 1, place[1] + 2)
        self.ratio = ratio if place is not None else 0.9
        return place

    def grow(self, x: int, y: int) -> tuple[int, int]:
        """Make room for a frame at (x, y); returns the shift that old coordinates get."""
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


def discover_background(sample: Sample, seed: int) -> tuple[Canvas, NDArray[np.int32]]:
    """Lay the sample's frames side by side into one texture.

    Returns
    -------
    canvas : Canvas
        Its pixels are the median of what the frames show.
    pan : ndarray, shape (f, 2), int32
        x, y of each frame's top left corner in the texture.
    """
    rng = np.random.default_rng(seed)
    h, w = sample.frames.shape[1:3]
    canvas = Canvas(sample.frames[0].copy(), np.ones((h, w), np.uint8), h, w)
    pan = np.zeros((len(sample.index), 2), np.int32)
    for i, frame in enumerate(sample.frames[1:], 1):
        place = canvas.locate(frame, rng)
        if place is None:
            room = canvas.known.size + canvas.known.shape[0] * w <= MAX_TEXTURE_FRAMES * h * w
            place = (canvas.known.shape[1], 0) if room else canvas.pan
            canvas.speed = (0, 0)
        else:
            canvas.speed = (place[0] - canvas.pan[0], place[1] - canvas.pan[1])
        left, top = canvas.grow(*place)
        pan[:i] += (left, top)
        pan[i] = place[0] + left, place[1] + top
        canvas.pan = (int(pan[i, 0]), int(pan[i, 1]))
        canvas.lay(frame, *canvas.pan)
    nothing = np.zeros((h, w), np.uint8)
    revote(canvas, sample.frames, pan, (nothing for _ in sample.index))
    return canvas, pan


def revote(canvas: Canvas, frames: Image, pan: NDArray[np.int32], covered: Iterable[Image]) -> None:
    """Set the texture to the median of the frames where no sprite covers it.

    Parameters
    ----------
    frames : ndarray, shape (f, h, w, 3), uint8
    pan : ndarray, shape (f, 2), int32
    covered : iterable of f ndarrays, shape (h, w), uint8
        Not 0 where a sprite hides the background.
    """
    votes = np.zeros((SAMPLES, *canvas.pixels.shape), np.uint8)
    count = np.zeros(canvas.known.shape, np.int32)
    for frame, (x, y), skip in zip(frames, pan, covered, strict=True):
        _add_votes(frame, x, y, skip, votes, count)
    _median(votes, count, canvas.pixels)
