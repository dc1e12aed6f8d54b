"""The frame while it is explained: what is known of each of its pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.mining.arrays import EIGHT_NEIGHBOURS, Ids, State
from spritecodec.mining.indexed import OTHER

# What is known of a pixel of the frame at hand. HIDDEN: behind what never moves.
AS_BACKGROUND, UNEXPLAINED, EXPLAINED, HIDDEN = 0, 1, 2, 3
ON_SPRITE = 4  # added to UNEXPLAINED where a sprite is known to lie behind
ON_OVERLAY = 16  # added to UNEXPLAINED where the overlay would show something else
THROUGH = 32  # added to UNEXPLAINED behind a translucent sprite: something lies between
VEILED = 8  # explained by something translucent and what is behind it: nothing else may be

MOST_VALUES = 16  # that are looked at for one pixel of a frame


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


Look = Callable[[int], View]  # frame t, with what the background leaves unexplained


def unexplained(state: State) -> NDArray[np.bool_]:
    """Where nothing explains the frame yet, be it before a sprite."""
    result: NDArray[np.bool_] = (state & (ON_SPRITE - 1)) == UNEXPLAINED
    return result


def regions(state: State) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """Connected regions of unexplained pixels: rows, columns and mask of each."""
    open_ = unexplained(state)
    height = np.flatnonzero(open_.any(axis=1))
    if not len(height):
        return
    width = np.flatnonzero(open_.any(axis=0))
    top, left = int(height[0]), int(width[0])  # only where there is something, to save time
    labels, _ = ndimage.label(
        open_[top : int(height[-1]) + 1, left : int(width[-1]) + 1], EIGHT_NEIGHBOURS
    )
    for i, (rows, columns) in enumerate(ndimage.find_objects(labels)):
        mask = labels[rows, columns] == i + 1
        y, x = top + rows.start, left + columns.start
        yield slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1]), mask


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
def draw_background(frame: Ids, canvas: Ids, ox: int, oy: int, overlay: Ids, state: State) -> int:
    """Mark every pixel of `frame` that the background does not explain; return how many.

    `canvas` shows at (ox, oy); `overlay` covers it where it is not CLEAR. Where the
    overlay shows and agrees, the pixel is HIDDEN: whatever lies below cannot be seen. Where
    it does not agree, something is before it.
    """
    count = 0
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            c = frame[y, x]
            o = overlay[y, x]
            if o != 65535:
                if o == c:
                    state[y, x] = HIDDEN
                else:
                    state[y, x] = ON_OVERLAY + UNEXPLAINED
                    count += 1
            elif canvas[y + oy, x + ox] == c:
                state[y, x] = AS_BACKGROUND
            else:
                state[y, x] = UNEXPLAINED
                count += 1
    return count
