"""The dictionary while it is mined: exact sprites as lists of opaque pixels.

A *shape* is a connected region of one frame that the background does not explain. Shapes
that recur become sprites, the most frequent first; a shape that sprites already explain,
side by side or one before another, adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.pixel_state import ON_SPRITE, UNEXPLAINED, View, unexplained
from spritecodec.mining.sprites.cover import best_cover, count_likely, sum_unexplained
from spritecodec.mining.sprites.match import (
    KNOWN,
    MOST_ALSO,
    NEIGHBOURS,
    Sprites,
    accept,
    best_near,
    gain_at,
)
from spritecodec.mining.sprites.partial import accept_partly, likely_places, weigh_partly

# A sprite must explain so many pixels to be placed where nothing is known yet.
FEWEST_PIXELS = 3
# Larger regions (a flash, a fade, noise) are no objects; the residual takes them.
LARGEST_SHAPE_SHARE = 0.25
# Pixel comparisons spent on one frame, and pixels of a region tried in vain.
SEARCH_BUDGET = 20_000_000
POINTS_TRIED = 24
PLACES_TRIED = 64  # of sprites that may be partly covered
FEWEST_PARTLY = 12  # pixels that a sprite explains of which much looks different
ROUNDS = 3  # what was covered fits once its cover is placed, and so on
VOTES_WEIGHED = 50_000  # for these places

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Found:
    """A sprite placed on a frame, in screen coordinates.

    ``covered`` pixels of it lie behind something that was placed before, ``over`` pixels
    before something that was. ``before``: some lie before the overlay. One that is ``veiled``
    was placed before what lies before it.
    """

    sprite: int
    x: int
    y: int
    covered: int
    over: int = 0
    before: bool = False
    veiled: bool = False


def _telling_first(value: Ids) -> Longs:
    """An order of a sprite's pixels in which most places that do not fit are seen to at once.

    The values come in turns, and from all over the sprite: where one patch of one colour
    fits by chance, as black does on black, another colour or another patch will not.
    """
    spread = np.argsort(np.arange(len(value)) * 0.6180339887498949 % 1, kind="stable")
    by_value = np.argsort(value[spread], kind="stable")
    _, first, count = np.unique(value[spread][by_value], return_index=True, return_counts=True)
    turn = np.empty(len(value), np.int64)
    turn[by_value] = np.arange(len(value)) - np.repeat(first, count)
    return spread[np.argsort(turn, kind="stable")]


def _double(array: NDArray[Number]) -> NDArray[Number]:
    """The same, with as many zeros after it."""
    return np.append(array, np.zeros_like(array), axis=0)


class Dictionary:
    """Growing arrays of sprite pixels, in the form that the kernels read."""

    def __init__(self) -> None:
        self.count = 0
        self._pixels = 0
        self._indexed = -1
        self._by_rows: Longs = np.zeros(1 << 14, np.int64)  # each sprite's pixels, row by row
        self._extent: Longs = np.zeros((1 << 10, 2), np.int64)  # (height, width) of each sprite
        self._owner = np.zeros(1 << 14, np.int32)
        self._around: Ids = np.zeros((1 << 14, 4), np.uint16)  # right, below, left, above
        self.sprites = Sprites(
            first=np.zeros(1 << 10, np.int64),
            px=np.zeros(1 << 14, np.int16),
            py=np.zeros(1 << 14, np.int16),
            value=np.zeros(1 << 14, np.uint16),
            also=np.zeros((1 << 14, MOST_ALSO), np.uint16),
            votes=np.zeros((1 << 14, 1 + MOST_ALSO), np.int32),
            needed=np.zeros(1 << 14, np.int32),
            often=np.zeros(1 << 10, np.int32),
        )
        self.size: list[tuple[int, int]] = []  # (height, width) of each sprite

    def add(self, y: Longs, x: Longs, values: Ids) -> int:
        """Add a sprite by its pixels, smallest x and y being 0; return its number.

        Parameters
        ----------
        y, x : ndarray, shape (n,)
        values : ndarray, shape (n, 1 + MOST_ALSO), uint16
            What each pixel may be, the likeliest first, CLEAR where there is no more.
        """
        if self.count + 2 > len(self.sprites.first):
            self.sprites = self.sprites._replace(
                first=_double(self.sprites.first), often=_double(self.sprites.often)
            )
            self._extent = _double(self._extent)
        while self._pixels + len(y) > len(self._owner):
            old = self.sprites
            self.sprites = Sprites(
                old.first,
                _double(old.px),
                _double(old.py),
                _double(old.value),
                _double(old.also),
                _double(old.votes),
                _double(old.needed),
                old.often,
            )
            self._owner, self._around = _double(self._owner), _double(self._around)
            self._by_rows = _double(self._by_rows)
        order = _telling_first(values[:, 0])
        y, x, values = y[order], x[order], values[order]
        part = slice(self._pixels, self._pixels + len(y))
        sprites = self.sprites
        sprites.px[part], sprites.py[part] = x, y
        sprites.value[part], sprites.also[part] = values[:, 0], values[:, 1:]
        sprites.votes[part], sprites.needed[part] = 0, 0
        self._by_rows[part] = self._pixels + np.argsort(order)
        self._pixels += len(y)
        sprites.first[self.count + 1] = self._pixels
        self._owner[part] = self.count
        picture = np.full((int(y.max()) + 3, int(x.max()) + 3), CLEAR, np.uint16)
        picture[y + 1, x + 1] = np.where(values[:, 1] == CLEAR, values[:, 0], CLEAR)
        for k, (dy, dx) in enumerate(NEIGHBOURS):
            self._around[part, k] = picture[y + 1 + dy, x + 1 + dx]
        self.size.append((int(y.max()) + 1, int(x.max()) + 1))
        self._extent[self.count] = self.size[-1]
        self.count += 1
        return self.count - 1

    def add_picture(self, picture: Ids) -> tuple[int, int, int]:
        """Add a sprite that is known by its picture, CLEAR outside.

        Returns its number, and how much of the picture is clear at the left and at the top. A
        picture that is all clear becomes a sprite that explains nothing.
        """
        y, x = np.nonzero(picture != CLEAR)
        if not len(y):
            y, x = np.zeros((2, 1), np.int64)
        left, top = int(x.min()), int(y.min())
        values = np.full((len(y), 1 + MOST_ALSO), CLEAR, np.uint16)
        values[:, 0] = picture[y, x]
        sprite = self.add(y - top, x - left, values)
        self.sprites.often[sprite] = KNOWN
        return sprite, left, top

    def keep(self, sprites: Iterable[int]) -> None:
        """Keep all pixels of some sprites, also those that never explained anything."""
        for sprite in sprites:
            first, end = self.sprites.first[sprite : sprite + 2]
            self.sprites.needed[first:end] += 1

    def picture(self, sprite: int) -> Ids:
        """A sprite as colour numbers, CLEAR where it does not show.

        Pixels that never explained anything were only ever drawn over what showed the
        same, or behind something else; they are left out.
        """
        sprites = self.sprites
        part = slice(sprites.first[sprite], sprites.first[sprite + 1])
        values = np.column_stack([sprites.value[part], sprites.also[part]])
        out = np.full(self.size[sprite], CLEAR, np.uint16)
        keep = sprites.needed[part] > 0
        out[sprites.py[part][keep], sprites.px[part][keep]] = _likeliest(
            values[keep], sprites.votes[part][keep]
        )
        return out

    def gain(self, view: View, sprite: int, x: int, y: int) -> int:
        """Pixels that `sprite` at (x, y) would explain; -1 where it contradicts the frame."""
        return int(gain_at(view, self.sprites, sprite, x, y))

    def near(self, view: View, sprite: int, x: int, y: int, radius: int) -> tuple[int, int, int]:
        """Best (gain, x, y) of `sprite` within `radius` of (x, y)."""
        return best_near(view, self.sprites, sprite, x, y, radius)

    def place(self, view: View, sprite: int, x: int, y: int) -> Found:
        """Mark what `sprite` at (x, y) shows as explained."""
        return Found(sprite, x, y, *accept(view, self.sprites, sprite, x, y))

    def cover_partly(
        self, view: View, rows: slice, columns: slice, mask: NDArray[np.bool_], fewest: int
    ) -> list[Found]:
        """Place known sprites on a region where much of them lies before or behind others."""
        placed: list[Found] = []
        ys, xs = np.nonzero(mask & unexplained(view.state[rows, columns]))
        if len(ys) < fewest:
            return placed
        ys, xs = ys + rows.start, xs + columns.start
        by_value, value_first = self._index()
        rarity, _ = self._count_likely(view, ys, xs)
        rarest = np.argsort(rarity, kind="stable")
        rarest = rarest[np.cumsum(rarity[rarest]) <= VOTES_WEIGHED]
        places = np.empty((PLACES_TRIED, 3), np.int64)
        count = likely_places(
            view,
            self.sprites,
            self._owner,
            self._around,
            by_value,
            value_first,
            ys[rarest],
            xs[rarest],
            places,
        )
        waiting: list[tuple[int, int, int]] = [(s, x, y) for s, x, y in places[:count].tolist()]
        while waiting:
            weighed = [weigh_partly(view, self.sprites, s, x, y) for s, x, y in waiting]
            best = max(range(len(waiting)), key=lambda i: weighed[i][0])
            gain, before = weighed[best]
            if gain < fewest:
                break
            s, x, y = waiting.pop(best)
            covered, over = accept_partly(view, self.sprites, s, x, y, before)
            placed.append(Found(s, x, y, covered, over, veiled=not before))
            weighed.pop(best)
            waiting = [p for p, (g, _) in zip(waiting, weighed, strict=True) if g >= fewest]
        return placed

    def explain(
        self, view: View, rows: slice, columns: slice, mask: NDArray[np.bool_], budget: int
    ) -> tuple[list[Found], int]:
        """Place sprites on a region, be it partly, where something translucent is known.

        What it returns is as of `cover`.
        """
        placed: list[Found] = []
        if view.translucent and mask.sum() >= FEWEST_PARTLY:
            for _ in range(ROUNDS):
                whole, budget = self.cover(view, rows, columns, mask, budget, FEWEST_PARTLY)
                partly = self.cover_partly(view, rows, columns, mask, FEWEST_PARTLY)
                placed += whole + partly
                if not partly:
                    break
        whole, budget = self.cover(view, rows, columns, mask, budget)
        return placed + whole, budget

    def _index(self) -> tuple[Longs, Longs]:
        """Sprite pixels by what they may be, and where each value's begin."""
        if self._indexed != self._pixels:
            by_rows = self._by_rows[: self._pixels]
            also = self.sprites.also[by_rows]
            several, which = np.nonzero(also != CLEAR)
            pixel = np.append(by_rows, by_rows[several])
            value = np.append(self.sprites.value[by_rows], also[several, which])
            order = np.argsort(value, kind="stable")
            self._by_value = pixel[order]
            most = int(value.max(initial=0))
            self._value_first = np.searchsorted(value[order], np.arange(most + 2)).astype(np.int64)
            self._indexed = self._pixels
        return self._by_value, self._value_first

    def _count_likely(self, view: View, ys: Longs, xs: Longs) -> tuple[Longs, Longs]:
        """Of each of some pixels, what `count_likely` counts."""
        _, value_first = self._index()
        rarity, alike = np.empty(len(ys), np.int64), np.empty(len(ys), np.int64)
        count_likely(view, ys, xs, value_first, rarity, alike)
        return rarity, alike

    def cover(
        self,
        view: View,
        rows: slice,
        columns: slice,
        mask: NDArray[np.bool_],
        budget: int,
        fewest: int = FEWEST_PIXELS,
    ) -> tuple[list[Found], int]:
        """Place sprites on a region, each time the best that covers a chosen pixel.

        Pixels that fewest pixels of the dictionary may explain are tried first, and of these
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
        by_value, value_first = self._index()
        ys, xs = np.nonzero(mask)
        ys, xs = ys + rows.start, xs + columns.start
        state = view.state
        rarity, alike = self._count_likely(view, ys, xs)
        known = rarity > 0
        if not known.any():
            return placed, budget
        order = np.lexsort((alike[known], rarity[known]))
        points = list(zip(xs[known][order].tolist(), ys[known][order].tolist(), strict=True))
        left_open = np.empty((state.shape[0] + 1, state.shape[1] + 1), np.int32)
        sum_unexplained(state, left_open)
        progress = True
        while progress and budget > 0:
            progress = False
            failed = 0
            for x, y in points:
                if state[y, x] % ON_SPRITE != UNEXPLAINED:
                    continue
                gain, sprite, left, top, budget = best_cover(
                    view,
                    self.sprites,
                    self._owner,
                    self._around,
                    self._extent,
                    left_open,
                    by_value,
                    value_first,
                    x,
                    y,
                    fewest,
                    budget,
                )
                if gain:
                    placed.append(self.place(view, sprite, left, top))
                    progress = True  # what was covered may fit now that its cover is known
                else:
                    failed += 1
                if budget <= 0 or failed >= POINTS_TRIED:
                    break
        return placed, budget


def _likeliest(values: Ids, votes: NDArray[np.int32]) -> Ids:
    """Choose one of the values that each pixel may have: what agreed most often.

    Of equals, the one that most pixels of the sprite may have.

    Parameters
    ----------
    values : ndarray, shape (n, 1 + MOST_ALSO), uint16
    votes : ndarray, shape (n, 1 + MOST_ALSO), int32
    """
    if not (values[:, 1] != CLEAR).any():
        return values[:, 0]
    likely = (values != CLEAR) & (votes == votes.max(axis=1, keepdims=True))
    common = np.bincount(values[likely], minlength=int(CLEAR) + 1)
    best = np.where(likely, common[values], -1).argmax(axis=1)
    chosen: Ids = values[np.arange(len(values)), best]
    return chosen
