"""Shapes: connected regions of a frame that the background does not explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.mining.arrays import (
    CLEAR,
    EIGHT_NEIGHBOURS,
    MOST_UNEXPLAINED_SHARE,
    Ids,
    Longs,
)
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.pixel_state import Look, View, regions, unexplained
from spritecodec.mining.sprites.dictionary import LARGEST_SHAPE_SHARE, SEARCH_BUDGET, Dictionary
from spritecodec.mining.sprites.match import (
    MOST_ALSO,
    values_at,
)

# Only so many of the shapes that recur are learnt, those that show most pixels in all.
MOST_SHAPES = 2000


@dataclass
class Shape:
    """A region that recurs: where it was seen first, and how often it was seen."""

    count: int
    area: int
    frame: int
    box: tuple[int, int, int, int]
    cut: bool  # every time, it touched the border of the screen


def collect_shapes(frames: Indexed, look: Look) -> list[Shape]:
    """All distinct shapes of all frames.

    Parameters
    ----------
    frames : Indexed
        Translucent pixels numbered by material: shapes are told by what they are made of.
    look : callable (t) -> View
    """
    height, width = frames.height, frames.width
    largest = LARGEST_SHAPE_SHARE * height * width
    shapes: dict[int, Shape] = {}
    for t in range(len(frames)):
        open_ = unexplained(look(t).state)
        if not 0 < open_.sum() <= MOST_UNEXPLAINED_SHARE * height * width:
            continue
        labels, count = ndimage.label(open_, EIGHT_NEIGHBOURS)
        box = np.empty((count, 4), np.int32)
        area, key = np.empty(count, np.int64), np.empty(count, np.uint64)
        shape_hashes(labels, frames[t], count, box, area, key)
        for i in np.flatnonzero(area <= largest).tolist():
            x0, y0, x1, y1 = box[i].tolist()
            cut = x0 == 0 or y0 == 0 or x1 == width or y1 == height
            known = shapes.get(int(key[i]))
            if known is None:
                shapes[int(key[i])] = Shape(1, int(area[i]), t, (x0, y0, x1, y1), cut)
            else:
                known.count += 1
                known.cut = known.cut and cut
    return list(shapes.values())


def region_values(
    view: View, rows: slice, columns: slice, mask: NDArray[np.bool_]
) -> tuple[Longs, Longs, Ids]:
    """A region as a sprite: y and x in its box, and what each pixel may be.

    Pixels that no value explains are left out.
    """
    y, x = np.nonzero(mask)
    values = np.empty((len(y), 1 + MOST_ALSO), np.uint16)
    values_at(view, y + rows.start, x + columns.start, values)
    known = values[:, 0] != CLEAR
    return y[known], x[known], values[known]


def learn_shapes(dictionary: Dictionary, shapes: list[Shape], look: Look) -> None:
    """Add the recurring shapes that the dictionary does not explain yet.

    Shapes that were always cut by the border of the screen wait: a whole one may come.
    """
    recurring = [s for s in shapes if s.count > 1 and not s.cut]
    recurring = sorted(recurring, key=lambda s: -s.count * s.area)[:MOST_SHAPES]
    for shape in sorted(recurring, key=lambda s: (-s.count, s.frame)):
        view = look(shape.frame)
        for rows, columns, mask in regions(view.state):
            box = (columns.start, rows.start, columns.stop, rows.stop)
            if box == shape.box and int(mask.sum()) == shape.area:
                break
        else:
            continue
        whole = region_values(view, rows, columns, mask)
        found, _ = dictionary.explain(view, rows, columns, mask, SEARCH_BUDGET)
        rest = mask & unexplained(view.state[rows, columns])
        if not rest.any():
            continue
        # Where a sprite lies behind it, what is left is what lies before.
        if any(f.veiled for f in found):
            whole = region_values(view, rows, columns, rest)
        if len(whole[0]):
            y, x, values = whole
            sprite = dictionary.add(y - y.min(), x - x.min(), values)
            dictionary.sprites.often[sprite] = shape.count
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
