"""The inner loops of the residual, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs


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


@njit(cache=True)
def label_near(marked: NDArray[np.bool_], labels: NDArray[np.int32], box: NDArray[np.int32]) -> int:
    """Number marked pixels so that those a pixel or two apart belong together.

    Parameters
    ----------
    marked : ndarray, shape (h, w), bool
    labels : ndarray, shape (h, w), int32
        Receives numbers from 1 on, in the order of the topmost, leftmost pixels; 0 elsewhere.
    box : ndarray, shape (pixels marked, 4), int32
        Receives (x0, y0, x1, y1) of each number less one.

    Returns
    -------
    int
        How many numbers there are.
    """
    h, w = marked.shape
    labels[:] = 0
    open_x, open_y = np.empty(len(box), np.int32), np.empty(len(box), np.int32)
    count = 0
    for top in range(h):
        for left in range(w):
            if not marked[top, left] or labels[top, left]:
                continue
            count += 1
            labels[top, left] = count
            open_x[0], open_y[0] = left, top
            most = 1
            x0, y0, x1, y1 = left, top, left + 1, top + 1
            while most:
                most -= 1
                x, y = open_x[most], open_y[most]
                x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x + 1), max(y1, y + 1)
                for dy in range(max(-3, -y), min(4, h - y)):
                    # What two crosses that touch reach: all but the corners.
                    far = min(3, 4 - abs(dy))
                    for nx in range(max(x - far, 0), min(x + far + 1, w)):
                        if marked[y + dy, nx] and not labels[y + dy, nx]:
                            labels[y + dy, nx] = count
                            open_x[most], open_y[most] = nx, y + dy
                            most += 1
            box[count - 1, 0] = x0
            box[count - 1, 1] = y0
            box[count - 1, 2] = x1
            box[count - 1, 3] = y1
    return count


@njit(cache=True)
def carry_on(
    wanted: NDArray[np.uint8],
    needed: NDArray[np.bool_],
    rectangles: NDArray[np.int32],
    first: Longs,
    pixels: NDArray[np.uint8],
    way: Longs,
    agrees: NDArray[np.bool_],
    use: Longs,
) -> None:
    """Find which patches are still right, and mark as not needed what they show.

    A patch is right where all its opaque pixels are as wanted. Of several such places, the one
    that shows most of what is needed is taken; while none shows any, it may yet be any.

    Parameters
    ----------
    wanted : ndarray, shape (h, w, 3), uint8
    needed : ndarray, shape (h, w), bool
        What must be replaced yet; changed in place.
    rectangles : ndarray, shape (patches, 4), int32
        Columns x, y, width, height, as at each patch's first frame.
    first : ndarray, shape (patches,), int64
        Where the patch's pixels begin.
    pixels : ndarray, shape (pixels, 4), uint8
    way : ndarray, shape (patches, planes, 2), int64
        How far each plane has moved, left and up, since the patch's first frame.
    agrees : ndarray, shape (patches, planes), bool
        Planes with which the patch may have moved; changed in place.
    use : ndarray, shape (patches,), int64
        Receives how many needed pixels each patch shows; -1 where it is right nowhere.
    """
    h, w = needed.shape
    planes = agrees.shape[1]
    for i in range(len(rectangles)):
        width, height = rectangles[i, 2], rectangles[i, 3]
        most, best = -1, -1
        for p in range(planes):
            if not agrees[i, p]:
                continue
            x0, y0 = rectangles[i, 0] - way[i, p, 0], rectangles[i, 1] - way[i, p, 1]
            if x0 < 0 or y0 < 0 or x0 + width > w or y0 + height > h:
                agrees[i, p] = False
                continue
            if best >= 0 and way[i, p, 0] == way[i, best, 0] and way[i, p, 1] == way[i, best, 1]:
                continue
            count, same = 0, True
            k = first[i]
            for y in range(y0, y0 + height):
                for x in range(x0, x0 + width):
                    if pixels[k, 3]:
                        same = (
                            pixels[k, 0] == wanted[y, x, 0]
                            and pixels[k, 1] == wanted[y, x, 1]
                            and pixels[k, 2] == wanted[y, x, 2]
                        )
                        if not same:
                            break
                        count += needed[y, x]
                    k += 1
                if not same:
                    break
            agrees[i, p] = same
            if same and count > most:
                most, best = count, p
        use[i] = most
        if most > 0:
            x0, y0 = rectangles[i, 0] - way[i, best, 0], rectangles[i, 1] - way[i, best, 1]
            for p in range(planes):
                agrees[i, p] &= way[i, p, 0] == way[i, best, 0] and way[i, p, 1] == way[i, best, 1]
            k = first[i]
            for y in range(y0, y0 + height):
                for x in range(x0, x0 + width):
                    if pixels[k, 3]:
                        needed[y, x] = False
                    k += 1


@njit(cache=True)
def cut_out(
    wanted: NDArray[np.uint8],
    labels: NDArray[np.int32],
    box: NDArray[np.int32],
    pixels: NDArray[np.uint8],
) -> None:
    """The labelled pixels of a frame as RGBA pictures, one after another, clear elsewhere.

    Parameters
    ----------
    wanted : ndarray, shape (h, w, 3), uint8
    labels : ndarray, shape (h, w), int32
    box : ndarray, shape (pictures, 4), int32
        (x0, y0, x1, y1) of the labels from 1 on.
    pixels : ndarray, shape (pixels of all boxes, 4), uint8
        Receives the pictures.
    """
    k = 0
    for i in range(len(box)):
        for y in range(box[i, 1], box[i, 3]):
            for x in range(box[i, 0], box[i, 2]):
                shows = labels[y, x] == i + 1
                for c in range(3):
                    pixels[k, c] = wanted[y, x, c] if shows else 0
                pixels[k, 3] = 255 if shows else 0
                k += 1
