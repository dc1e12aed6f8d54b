"""The state of each pixel of a frame while sprites explain the frame.

Kernels in other modules inline the predicates below. Numba caches a kernel by its own source
file: after a change here, delete the caches of these modules (``__pycache__/*.nb?``).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.mining.arrays import CLEAR, EIGHT_NEIGHBOURS, Ids, Longs, State
from spritecodec.mining.indexed import OTHER

# A pixel has one of these states.
AS_BACKGROUND = 0  # the frame shows the background
OPEN = 1  # nothing explains the pixel yet
OPEN_OVER_SPRITE = 3  # open, in front of a sprite that was placed partly
OPEN_OVER_OVERLAY = 5  # open, and not what the overlay shows: something is in front of it
OPEN_THROUGH = 9  # open, seen through a translucent sprite (`View.front`)
EXPLAINED = 16  # by something opaque
VEILED = 32  # explained by something translucent and what is behind it
HIDDEN = 64  # behind the overlay, which the frame shows

MAX_VALUES = 16
"""Values that are considered for one pixel of a frame (the length of arrays)."""


class View(NamedTuple):
    """A frame while sprites explain it.

    Attributes
    ----------
    frame : ndarray, shape (h, w), uint16
        Colour numbers.
    state : ndarray, shape (h, w), uint8
        One of the states above for each pixel.
    behind : ndarray, shape (h, w), uint16
        Colour numbers of what lies behind; shape (1, 1) where nothing is translucent.
    front : ndarray, shape (h, w), uint16
        The material in front of each pixel that is OPEN_THROUGH; shape as `behind`.
    over, under : ndarray, shape (materials, colours), uint16
        As those of `Materials`; values from ``colours`` on are materials.
    others : ndarray, shape (h, w, MAX_OTHERS), uint16
        Colours that a pixel may be besides `frame`, the likeliest first, CLEAR where there are
        no more; shape (1, 1, MAX_OTHERS) where the frames are certain.
    """

    frame: Ids
    state: State
    behind: Ids
    front: Ids
    over: Ids
    under: Ids
    others: Ids

    @property
    def doubted(self) -> bool:
        """Whether a pixel may be of a colour other than the frame's."""
        return len(self.others) > 1

    @property
    def translucent(self) -> bool:
        """Whether any material is known."""
        return len(self.over) > 0


Look = Callable[[int], View]
"""Gives frame t, with what the background leaves unexplained marked as open."""


@njit(cache=True)
def is_open(state: int) -> bool:
    """Whether nothing explains a pixel yet."""
    return (state & OPEN) != 0


@njit(cache=True)
def is_over_sprite(state: int) -> bool:
    """Whether a pixel is open in front of a sprite that was placed partly."""
    return state == OPEN_OVER_SPRITE


@njit(cache=True)
def is_over_overlay(state: int) -> bool:
    """Whether a pixel is open in front of the overlay."""
    return state == OPEN_OVER_OVERLAY


@njit(cache=True)
def is_through(state: int) -> bool:
    """Whether a pixel is open and seen through a translucent sprite."""
    return state == OPEN_THROUGH


@njit(cache=True)
def is_explained(state: int) -> bool:
    """Whether a sprite or the overlay explains a pixel; the background does not count."""
    return state >= EXPLAINED


@njit(cache=True)
def is_covered(state: int) -> bool:
    """Whether something opaque explains a pixel: what is placed later cannot show there."""
    return state in (EXPLAINED, HIDDEN)


def open_pixels(state: State) -> NDArray[np.bool_]:
    """Mark the pixels that nothing explains yet; shape and meaning as `is_open`."""
    result: NDArray[np.bool_] = (state & OPEN) != 0
    return result


class Region(NamedTuple):
    """Connected pixels of a frame: rows and columns of their bounding box, and a mask in it."""

    rows: slice
    columns: slice
    mask: NDArray[np.bool_]

    def open_in(self, state: State) -> NDArray[np.bool_]:
        """Mark the pixels of the region that are still open, in its bounding box."""
        return self.mask & open_pixels(state[self.rows, self.columns])

    def points(self, mask: NDArray[np.bool_]) -> tuple[Longs, Longs]:
        """Rows and columns, in the frame, of the pixels that a mask of the box marks."""
        y, x = np.nonzero(mask)
        return y + self.rows.start, x + self.columns.start


def regions(state: State) -> Iterator[Region]:
    """Connected regions of open pixels, the topmost first."""
    open_ = open_pixels(state)
    height = np.flatnonzero(open_.any(axis=1))
    if not len(height):
        return
    width = np.flatnonzero(open_.any(axis=0))
    top, left = int(height[0]), int(width[0])  # label only the bounding box, to save time
    labels, _ = ndimage.label(
        open_[top : int(height[-1]) + 1, left : int(width[-1]) + 1], EIGHT_NEIGHBOURS
    )
    for i, (rows, columns) in enumerate(ndimage.find_objects(labels)):
        mask = labels[rows, columns] == i + 1
        y, x = top + rows.start, left + columns.start
        yield Region(slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1]), mask)


@njit(cache=True)
def is_material(view: View, value: int) -> bool:
    """Whether a value is a material; larger values equal no colour of the clip."""
    colours = view.over.shape[1]
    return bool(colours <= value < colours + len(view.over))


@njit(cache=True)
def blend(view: View, value: int, behind: int) -> int:
    """The colour that `value` shows in front of the colour `behind`; OTHER for an unknown one."""
    colours = view.over.shape[1]
    if value < colours:
        return value
    if behind >= colours or value >= colours + len(view.over):
        return int(OTHER)
    return int(view.over[value - colours, behind])


@njit(cache=True)
def may_be_instead(view: View, y: int, x: int, colour: int) -> bool:
    """Whether a pixel may be of this colour, other than the frame's."""
    if len(view.others) == 1:
        return False
    for k in range(view.others.shape[2]):  # noqa: SIM110 - numba compiles no any()
        if view.others[y, x, k] == colour:
            return True
    return False


@njit(cache=True)
def agrees(view: View, y: int, x: int, value: int) -> bool:
    """Whether `value` at a pixel gives what the frame shows."""
    through = is_through(view.state[y, x])
    if not through and not is_material(view, value):
        return bool(value == view.frame[y, x] or may_be_instead(view, y, x, value))
    shown = blend(view, value, view.behind[y, x])
    if through:
        shown = blend(view, view.front[y, x], shown)
    return bool(shown < view.over.shape[1] and shown == view.frame[y, x])


@njit(cache=True)
def explaining(view: View, y: int, x: int, out: Ids) -> int:
    """Fill `out` with values that explain a pixel, its colour first; return how many."""
    colours = view.over.shape[1]
    out[0] = view.frame[y, x]
    if is_through(view.state[y, x]):
        out[0] = view.under[view.front[y, x] - colours, out[0]]
    count = 1
    if len(view.others) > 1 and not is_through(view.state[y, x]):
        for k in range(view.others.shape[2]):
            if view.others[y, x, k] != CLEAR:
                out[count] = view.others[y, x, k]
                count += 1
    for value in range(colours, colours + len(view.over)):
        if count < len(out) and agrees(view, y, x, value):
            out[count] = value
            count += 1
    return count


@njit(cache=True)
def forgive(view: View, drawn: Ids, overlay: Ids) -> None:
    """Take a doubted pixel for the background or the overlay where it may be of its colour.

    `drawn` is the background and `overlay` as of `draw_background`, both shape (h, w), uint16.
    """
    h, w = view.frame.shape
    for y in range(h):
        for x in range(w):
            if not is_open(view.state[y, x]) or view.others[y, x, 0] == CLEAR:
                continue
            if overlay[y, x] != CLEAR:
                if may_be_instead(view, y, x, overlay[y, x]):
                    view.state[y, x] = HIDDEN
            elif may_be_instead(view, y, x, drawn[y, x]):
                view.state[y, x] = AS_BACKGROUND


@njit(cache=True)
def draw_background(
    frame: Ids, background: Ids, ox: int, oy: int, overlay: Ids, state: State
) -> int:
    """Mark every pixel of `frame` that the background does not explain; return how many.

    Parameters
    ----------
    frame : ndarray, shape (h, w), uint16
    background : ndarray, uint16
        Its pixel (ox, oy) shows at the top left corner of the frame.
    overlay : ndarray, shape (h, w), uint16
        In front of all that moves, CLEAR where it does not show. Where it agrees with the
        frame, the pixel is HIDDEN; where it does not, something is in front of it.
    state : ndarray, shape (h, w), uint8
        Filled.
    """
    count = 0
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            c = frame[y, x]
            o = overlay[y, x]
            if o != CLEAR:
                if o == c:
                    state[y, x] = HIDDEN
                else:
                    state[y, x] = OPEN_OVER_OVERLAY
                    count += 1
            elif background[y + oy, x + ox] == c:
                state[y, x] = AS_BACKGROUND
            else:
                state[y, x] = OPEN
                count += 1
    return count
