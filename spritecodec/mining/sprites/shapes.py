"""Shapes: connected regions of a frame that the background does not explain.

Shapes that recur become sprites, the most frequent first. A shape that sprites already explain,
side by side or one in front of another, adds nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.mining.arrays import CLEAR, EIGHT_NEIGHBOURS, Ids, Longs
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.pixel_state import Look, Region, View, open_pixels, regions
from spritecodec.mining.sprites.dictionary import MAX_ALTERNATIVES, Dictionary
from spritecodec.mining.sprites.explain import explain
from spritecodec.mining.sprites.match import values_at
from spritecodec.mining.thresholds import BACKGROUND, SHAPES


@dataclass
class Shape:
    """A region, wherever and whenever it shows.

    Attributes
    ----------
    count : int
        How often it was seen.
    area : int
        Pixels.
    frame : int
        Where it was seen first.
    box : (int, int, int, int)
        x0, y0, x1, y1 in that frame.
    cut : bool
        It touched the border of the screen every time.
    """

    count: int
    area: int
    frame: int
    box: tuple[int, int, int, int]
    cut: bool


def collect_shapes(frames: Indexed, look: Look) -> list[Shape]:
    """All distinct shapes of all frames.

    Parameters
    ----------
    frames : Indexed
        Translucent pixels numbered by material: shapes are equal where their materials are.
    look : callable (t) -> View
    """
    height, width = frames.height, frames.width
    shapes: dict[int, Shape] = {}
    for t in range(len(frames)):
        open_ = open_pixels(look(t).state)
        if not 0 < open_.sum() <= BACKGROUND.max_unexplained_share * height * width:
            continue
        labels, count = ndimage.label(open_, EIGHT_NEIGHBOURS)
        box = np.empty((count, 4), np.int32)
        area, key = np.empty(count, np.int64), np.empty(count, np.uint64)
        shape_hashes(labels, frames[t], count, box, area, key)
        for i in np.flatnonzero(area <= SHAPES.max_share * height * width).tolist():
            x0, y0, x1, y1 = box[i].tolist()
            cut = x0 == 0 or y0 == 0 or x1 == width or y1 == height
            known = shapes.get(int(key[i]))
            if known is None:
                shapes[int(key[i])] = Shape(1, int(area[i]), t, (x0, y0, x1, y1), cut)
            else:
                known.count += 1
                known.cut = known.cut and cut
    return list(shapes.values())


def add_region(dictionary: Dictionary, view: View, region: Region) -> tuple[int, int, int] | None:
    """Add a region to the dictionary as a sprite.

    Returns
    -------
    (sprite, x, y) or None
        The sprite's number, and where it lies in the frame. None where no value explains any
        pixel; pixels that no value explains are left out.
    """
    ys, xs = region.points(region.mask)
    return _add_pixels(dictionary, ys, xs, _values(view, ys, xs))


def _values(view: View, ys: Longs, xs: Longs) -> Ids:
    """What each of some pixels may be, shape (n, 1 + MAX_ALTERNATIVES)."""
    values = np.empty((len(ys), 1 + MAX_ALTERNATIVES), np.uint16)
    values_at(view, ys, xs, values)
    return values


def _add_pixels(
    dictionary: Dictionary, ys: Longs, xs: Longs, values: Ids
) -> tuple[int, int, int] | None:
    """As `add_region`, by the pixels of a frame and what each may be."""
    known = values[:, 0] != CLEAR
    if not known.any():
        return None
    ys, xs = ys[known], xs[known]
    top, left = int(ys.min()), int(xs.min())
    return dictionary.add(ys - top, xs - left, values[known]), left, top


def _find_region(view: View, shape: Shape) -> Region | None:
    """The region of a frame that a shape was seen as."""
    for region in regions(view.state):
        rows, columns, mask = region
        box = (columns.start, rows.start, columns.stop, rows.stop)
        if box == shape.box and int(mask.sum()) == shape.area:
            return region
    return None


def learn_shapes(dictionary: Dictionary, shapes: list[Shape], look: Look) -> None:
    """Add the recurring shapes that the dictionary does not explain yet, the commonest first.

    Shapes that were always cut by the border of the screen wait: a whole one may come.
    """
    recurring = [s for s in shapes if s.count > 1 and not s.cut]
    recurring = sorted(recurring, key=lambda s: -s.count * s.area)[: LIMITS.things]
    for shape in sorted(recurring, key=lambda s: (-s.count, s.frame)):
        view = look(shape.frame)
        region = _find_region(view, shape)
        if region is None:
            continue
        ys, xs = region.points(region.mask)
        values = _values(view, ys, xs)
        found, _ = explain(dictionary, view, region, LIMITS.comparisons)
        rest = region.open_in(view.state)
        if not rest.any():
            continue
        if any(f.veiled for f in found):
            # A sprite lies behind: what is left is in front of it, and seen as such.
            ys, xs = region.points(rest)
            values = _values(view, ys, xs)
        added = _add_pixels(dictionary, ys, xs, values)
        if added is not None:
            dictionary.sprites.placements[added[0]] = shape.count
    dictionary.sprites.needed[:] = 0


@njit(cache=True)
def shape_hashes(
    labels: NDArray[np.int32],
    frame: Ids,
    count: int,
    box: NDArray[np.int32],
    area: Longs,
    key: NDArray[np.uint64],
) -> None:
    """Measure each labelled component of a frame.

    Parameters
    ----------
    labels : ndarray, shape (h, w), int32
        1 to `count`, 0 elsewhere.
    frame : ndarray, shape (h, w), uint16
    count : int
    box : ndarray, shape (count, 4), int32
        Receives (x0, y0, x1, y1).
    area : ndarray, shape (count,), int64
        Receives the number of pixels.
    key : ndarray, shape (count,), uint64
        Receives a hash of the pixels and of their places in the box.
    """
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
