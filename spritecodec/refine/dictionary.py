"""The dictionary while it is mined: exact sprites as lists of opaque pixels.

A *shape* is a connected region of one frame that the background does not explain. Shapes
that recur become sprites, the most frequent first; a shape that sprites already explain,
side by side or one before another, adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.refine.indexed import Indexed
from spritecodec.refine.kernels import (
    CLEAR,
    UNEXPLAINED,
    Ids,
    Longs,
    State,
    accept,
    best_cover,
    best_near,
    gain_at,
    shape_hashes,
)

EIGHT_NEIGHBOURS = np.ones((3, 3), int)
NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))  # (dy, dx): right, below, left, above
# A sprite must explain so many pixels to be placed where nothing is known yet.
FEWEST_PIXELS = 3
# Larger regions (a flash, a fade, noise) are no objects; the residual takes them.
LARGEST_SHAPE_SHARE = 0.25
# Where the background leaves more of a frame unexplained, it is not sprites that are
# missing but the background; the residual takes what is left.
MOST_UNEXPLAINED_SHARE = 0.2
# Only so many of the shapes that recur are learnt, those that show most pixels in all.
MOST_SHAPES = 2000
# Pixel comparisons spent on one frame, and pixels of a region tried in vain.
SEARCH_BUDGET = 20_000_000
POINTS_TRIED = 24

Explain = Callable[[int, State], int]  # marks what the background leaves unexplained


@dataclass(frozen=True)
class Found:
    """A sprite placed on a frame, in screen coordinates.

    ``covered`` pixels of it lie behind something that was placed before.
    """

    sprite: int
    x: int
    y: int
    covered: int


class Dictionary:
    """Growing arrays of sprite pixels, in the form that the kernels read."""

    def __init__(self) -> None:
        self.count = 0
        self._pixels = 0
        self._indexed = -1
        self.first: Longs = np.zeros(1 << 10, np.int64)
        self.px = np.zeros(1 << 14, np.int16)
        self.py = np.zeros(1 << 14, np.int16)
        self.colour: Ids = np.zeros(1 << 14, np.uint16)
        self.needed = np.zeros(1 << 14, np.int32)
        self.owner = np.zeros(1 << 14, np.int32)
        self.around: Ids = np.zeros((1 << 14, 4), np.uint16)  # right, below, left, above
        self.size: list[tuple[int, int]] = []  # (height, width) of each sprite

    def add(self, y: Longs, x: Longs, colour: Ids) -> int:
        """Add a sprite by its opaque pixels, smallest x and y being 0; return its number."""
        while self.count + 2 > len(self.first):
            self.first = np.append(self.first, np.zeros_like(self.first))
        while self._pixels + len(y) > len(self.px):
            self.px, self.py = (np.append(a, np.zeros_like(a)) for a in (self.px, self.py))
            self.colour = np.append(self.colour, np.zeros_like(self.colour))
            self.needed = np.append(self.needed, np.zeros_like(self.needed))
            self.owner = np.append(self.owner, np.zeros_like(self.owner))
            self.around = np.append(self.around, np.zeros_like(self.around), axis=0)
        part = slice(self._pixels, self._pixels + len(y))
        self.px[part], self.py[part], self.colour[part] = x, y, colour
        self._pixels += len(y)
        self.first[self.count + 1] = self._pixels
        self.owner[part] = self.count
        picture = np.full((int(y.max()) + 3, int(x.max()) + 3), CLEAR, np.uint16)
        picture[y + 1, x + 1] = colour
        for k, (dy, dx) in enumerate(NEIGHBOURS):
            self.around[part, k] = picture[y + 1 + dy, x + 1 + dx]
        self.size.append((int(y.max()) + 1, int(x.max()) + 1))
        self.count += 1
        return self.count - 1

    def picture(self, sprite: int) -> Ids:
        """A sprite as colour numbers, CLEAR where it does not show.

        Pixels that never explained anything were only ever drawn over what showed the
        same, or behind something else; they are left out.
        """
        part = slice(self.first[sprite], self.first[sprite + 1])
        keep = self.needed[part] > 0
        out = np.full(self.size[sprite], CLEAR, np.uint16)
        out[self.py[part][keep], self.px[part][keep]] = self.colour[part][keep]
        return out

    def gain(self, frame: Ids, state: State, sprite: int, x: int, y: int) -> int:
        """Pixels that `sprite` at (x, y) would explain; -1 where it contradicts the frame."""
        return int(gain_at(frame, state, self.first, self.px, self.py, self.colour, sprite, x, y))

    def near(
        self, frame: Ids, state: State, sprite: int, x: int, y: int, radius: int
    ) -> tuple[int, int, int]:
        """Best (gain, x, y) of `sprite` within `radius` of (x, y)."""
        return best_near(
            frame, state, self.first, self.px, self.py, self.colour, sprite, x, y, radius
        )

    def place(self, frame: Ids, state: State, sprite: int, x: int, y: int) -> Found:
        """Mark what `sprite` at (x, y) shows as explained."""
        covered = accept(
            frame, state, self.first, self.px, self.py, self.colour, self.needed, sprite, x, y
        )
        return Found(sprite, x, y, covered)

    def _index(self) -> tuple[Longs, Longs]:
        """Sprite pixels by colour, and where each colour's begin."""
        if self._indexed != self._pixels:
            colour = self.colour[: self._pixels]
            self._by_colour = np.argsort(colour, kind="stable")
            most = int(colour.max(initial=0))
            self._colour_first = np.searchsorted(
                colour[self._by_colour], np.arange(most + 2)
            ).astype(np.int64)
            self._indexed = self._pixels
        return self._by_colour, self._colour_first

    def cover(
        self,
        frame: Ids,
        state: State,
        rows: slice,
        columns: slice,
        mask: NDArray[np.bool_],
        budget: int,
    ) -> tuple[list[Found], int]:
        """Place sprites on a region, each time the best that covers a chosen pixel.

        Pixels of the colours that are rarest in the dictionary are tried first, and of these
        the ones with least of their colour around them: few sprites can lie there. The search
        stops when no sprite fits, or when the budget is used up; returns what was placed, and
        what is left of the budget.

        Parameters
        ----------
        rows, columns, mask
            The region, as `regions` gives it.
        budget : int
            Pixel comparisons that may be made.
        """
        placed: list[Found] = []
        if not self.count or budget <= 0:
            return placed, budget
        by_colour, colour_first = self._index()
        ys, xs = np.nonzero(mask)
        ys, xs = ys + rows.start, xs + columns.start
        candidates = np.diff(colour_first)
        colours = frame[ys, xs].astype(np.int64)
        rarity = np.where(
            colours < len(candidates), candidates[np.minimum(colours, len(candidates) - 1)], 0
        )
        known = rarity > 0
        alike = np.zeros(len(ys), np.int64)
        for dy, dx in NEIGHBOURS:
            y = np.clip(ys + dy, 0, frame.shape[0] - 1)
            x = np.clip(xs + dx, 0, frame.shape[1] - 1)
            alike += frame[y, x] == colours
        order = np.lexsort((alike[known], rarity[known]))
        points = list(zip(xs[known][order].tolist(), ys[known][order].tolist(), strict=True))
        progress = True
        while progress and budget > 0:
            progress = False
            failed = 0
            for x, y in points:
                if state[y, x] != UNEXPLAINED:
                    continue
                gain, sprite, left, top, budget = best_cover(
                    frame,
                    state,
                    self.first,
                    self.px,
                    self.py,
                    self.colour,
                    self.owner,
                    self.around,
                    by_colour,
                    colour_first,
                    x,
                    y,
                    budget,
                )
                if gain >= FEWEST_PIXELS:
                    placed.append(self.place(frame, state, sprite, left, top))
                    progress = True  # what was covered may fit now that its cover is known
                else:
                    failed += 1
                if budget <= 0 or failed >= POINTS_TRIED:
                    break
        return placed, budget


@dataclass
class Shape:
    """A region that recurs: where it was seen first, and how often it was seen."""

    count: int
    area: int
    frame: int
    box: tuple[int, int, int, int]
    cut: bool  # every time, it touched the border of the screen


def regions(state: State) -> Iterator[tuple[slice, slice, NDArray[np.bool_]]]:
    """Connected regions of unexplained pixels: rows, columns and mask of each."""
    unexplained = state == UNEXPLAINED
    height = np.flatnonzero(unexplained.any(axis=1))
    if not len(height):
        return
    width = np.flatnonzero(unexplained.any(axis=0))
    top, left = int(height[0]), int(width[0])  # only where there is something, to save time
    labels, _ = ndimage.label(
        unexplained[top : int(height[-1]) + 1, left : int(width[-1]) + 1], EIGHT_NEIGHBOURS
    )
    for i, (rows, columns) in enumerate(ndimage.find_objects(labels)):
        mask = labels[rows, columns] == i + 1
        y, x = top + rows.start, left + columns.start
        yield slice(y, y + mask.shape[0]), slice(x, x + mask.shape[1]), mask


def collect_shapes(frames: Indexed, explain: Explain) -> list[Shape]:
    """All distinct shapes of all frames."""
    height, width = frames.height, frames.width
    state = np.empty((height, width), np.uint8)
    largest = LARGEST_SHAPE_SHARE * height * width
    shapes: dict[int, Shape] = {}
    for t in range(len(frames)):
        if not 0 < explain(t, state) <= MOST_UNEXPLAINED_SHARE * height * width:
            continue
        labels, count = ndimage.label(state == UNEXPLAINED, EIGHT_NEIGHBOURS)
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


def learn_shapes(
    dictionary: Dictionary, shapes: list[Shape], frames: Indexed, explain: Explain
) -> None:
    """Add the recurring shapes that the dictionary does not explain yet.

    Shapes that were always cut by the border of the screen wait: a whole one may come.
    """
    state = np.empty((frames.height, frames.width), np.uint8)
    recurring = [s for s in shapes if s.count > 1 and not s.cut]
    recurring = sorted(recurring, key=lambda s: -s.count * s.area)[:MOST_SHAPES]
    for shape in sorted(recurring, key=lambda s: (-s.count, s.frame)):
        explain(shape.frame, state)
        for rows, columns, mask in regions(state):
            box = (columns.start, rows.start, columns.stop, rows.stop)
            if box == shape.box and int(mask.sum()) == shape.area:
                break
        else:
            continue
        frame = frames[shape.frame]
        dictionary.cover(frame, state, rows, columns, mask, SEARCH_BUDGET)
        if (state[rows, columns][mask] == UNEXPLAINED).any():
            y, x = np.nonzero(mask)
            dictionary.add(y, x, frame[rows, columns][mask])
    dictionary.needed[:] = 0
