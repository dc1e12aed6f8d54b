"""The inner loops of the residual, compiled by numba."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs


class Patches(NamedTuple):
    """Patches of the residual that are still alive.

    Attributes
    ----------
    rectangle : ndarray, shape (patches, 4), int32
        x, y, width and height in each patch's first frame.
    first : ndarray, shape (patches,), int64
        Where the patch's pixels begin.
    pixels : ndarray, shape (pixels, 4), uint8
        RGBA, row by row; clear where a patch leaves the drawn pixel.
    """

    rectangle: NDArray[np.int32]
    first: Longs
    pixels: NDArray[np.uint8]


@njit(cache=True)
def differing(
    one: NDArray[np.uint8], other: NDArray[np.uint8], out: NDArray[np.bool_]
) -> tuple[int, int, int, int]:
    """Mark where two RGB frames differ; return the box (x0, y0, x1, y1) of these pixels."""
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
def label_near(
    marked: NDArray[np.bool_], labels: NDArray[np.int32], box: NDArray[np.int32], reach: int
) -> int:
    """Label groups of marked pixels that lie close to each other.

    Parameters
    ----------
    marked : ndarray, shape (h, w), bool
    labels : ndarray, shape (h, w), int32
        Receives labels from 1 on, in the order of the topmost, leftmost pixels; 0 elsewhere.
    box : ndarray, shape (pixels marked, 4), int32
        Receives (x0, y0, x1, y1) of the labels from 1 on.
    reach : int
        Pixels are close where neither dx nor dy exceeds it, and dx + dy by 1 at most.

    Returns
    -------
    int
        The largest label.
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
            waiting = 1
            x0, y0, x1, y1 = left, top, left + 1, top + 1
            while waiting:
                waiting -= 1
                x, y = open_x[waiting], open_y[waiting]
                x0, y0, x1, y1 = min(x0, x), min(y0, y), max(x1, x + 1), max(y1, y + 1)
                for dy in range(max(-reach, -y), min(reach + 1, h - y)):
                    far = min(reach, reach + 1 - abs(dy))
                    for nx in range(max(x - far, 0), min(x + far + 1, w)):
                        if marked[y + dy, nx] and not labels[y + dy, nx]:
                            labels[y + dy, nx] = count
                            open_x[waiting], open_y[waiting] = nx, y + dy
                            waiting += 1
            box[count - 1, 0] = x0
            box[count - 1, 1] = y0
            box[count - 1, 2] = x1
            box[count - 1, 3] = y1
    return count


@njit(cache=True)
def patch_use(
    wanted: NDArray[np.uint8],
    needed: NDArray[np.bool_],
    patches: Patches,
    i: int,
    left: int,
    top: int,
) -> int:
    """How many needed pixels patch `i` shows at (left, top); -1 where it is wrong there."""
    pixels, k, use = patches.pixels, patches.first[i], 0
    for y in range(top, top + patches.rectangle[i, 3]):
        for x in range(left, left + patches.rectangle[i, 2]):
            if pixels[k, 3]:
                if (
                    pixels[k, 0] != wanted[y, x, 0]
                    or pixels[k, 1] != wanted[y, x, 1]
                    or pixels[k, 2] != wanted[y, x, 2]
                ):
                    return -1
                use += needed[y, x]
            k += 1
    return use


@njit(cache=True)
def show_patch(needed: NDArray[np.bool_], patches: Patches, i: int, left: int, top: int) -> None:
    """Mark as not needed what patch `i` shows at (left, top)."""
    k = patches.first[i]
    for y in range(top, top + patches.rectangle[i, 3]):
        for x in range(left, left + patches.rectangle[i, 2]):
            if patches.pixels[k, 3]:
                needed[y, x] = False
            k += 1


@njit(cache=True)
def carry_on(
    wanted: NDArray[np.uint8],
    needed: NDArray[np.bool_],
    patches: Patches,
    moved: Longs,
    agrees: NDArray[np.bool_],
    use: Longs,
) -> None:
    """Find which patches are still right, and mark as not needed what they show.

    A patch is right where all its opaque pixels are as wanted. Of the planes that it may move
    with, the one is chosen with which it shows most needed pixels. While it shows none with any
    plane, all of them remain possible.

    Parameters
    ----------
    wanted : ndarray, shape (h, w, 3), uint8
    needed : ndarray, shape (h, w), bool
        What must still be replaced; changed in place.
    patches : Patches
    moved : ndarray, shape (patches, planes, 2), int64
        How far each plane has moved, left and up, since the patch's first frame.
    agrees : ndarray, shape (patches, planes), bool
        Planes that the patch may move with; changed in place.
    use : ndarray, shape (patches,), int64
        Receives how many needed pixels each patch shows; -1 where it is right with no plane.
    """
    h, w = needed.shape
    planes = agrees.shape[1]
    for i in range(len(patches.rectangle)):
        x, y = patches.rectangle[i, 0], patches.rectangle[i, 1]
        width, height = patches.rectangle[i, 2], patches.rectangle[i, 3]
        use[i], best = -1, -1
        for p in range(planes):
            if not agrees[i, p]:
                continue
            dx, dy = moved[i, p, 0], moved[i, p, 1]
            left, top = x - dx, y - dy
            if left < 0 or top < 0 or left + width > w or top + height > h:
                agrees[i, p] = False
                continue
            if best >= 0 and dx == moved[i, best, 0] and dy == moved[i, best, 1]:
                continue
            shows = patch_use(wanted, needed, patches, i, left, top)
            agrees[i, p] = shows >= 0
            if shows > use[i]:
                use[i], best = shows, p
        if use[i] > 0:
            dx, dy = moved[i, best, 0], moved[i, best, 1]
            for p in range(planes):
                agrees[i, p] &= moved[i, p, 0] == dx and moved[i, p, 1] == dy
            show_patch(needed, patches, i, x - dx, y - dy)


@njit(cache=True)
def cut_out(
    wanted: NDArray[np.uint8],
    labels: NDArray[np.int32],
    box: NDArray[np.int32],
    pixels: NDArray[np.uint8],
) -> None:
    """Copy the labelled pixels of a frame as RGBA pictures, clear elsewhere.

    Parameters
    ----------
    wanted : ndarray, shape (h, w, 3), uint8
    labels : ndarray, shape (h, w), int32
    box : ndarray, shape (pictures, 4), int32
        (x0, y0, x1, y1) of the labels from 1 on.
    pixels : ndarray, shape (pixels of all boxes, 4), uint8
        Receives the pictures one after another.
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
