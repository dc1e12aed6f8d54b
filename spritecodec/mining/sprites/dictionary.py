"""The dictionary while it is mined: exact sprites as lists of pixels, in growing arrays."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.thresholds import EVIDENCE

MAX_ALTERNATIVES = 3
"""Values that a sprite's pixel may have besides its first (the width of an array)."""

NEIGHBOURS = ((0, 1), (1, 0), (0, -1), (-1, 0))
"""(dy, dx): right, below, left, above."""

GOLDEN_RATIO = 0.6180339887498949
"""Multiples of it, modulo 1, are evenly spread however many are taken."""


class Patterns(NamedTuple):
    """What sprites look like. The pixels of sprite s are ``first[s]`` to ``first[s + 1]``.

    Numba passes a tuple array by array, so what the innermost kernels need stands by itself.

    Attributes
    ----------
    first : ndarray, shape (sprites + 1,), int64
    px, py : ndarray, shape (pixels,), int16
        Place in the sprite; the smallest are 0. Pixels are in `probe_order`.
    value : ndarray, shape (pixels,), uint16
        Number of a colour or of a material.
    also : ndarray, shape (pixels, MAX_ALTERNATIVES), uint16
        What a pixel may be instead, CLEAR where there is no more.
    max_wrong_share : float
        How exactly a frame must show a sprite (`MatchThresholds`).
    """

    first: Longs
    px: NDArray[np.int16]
    py: NDArray[np.int16]
    value: Ids
    also: Ids
    max_wrong_share: float


class Sprites(NamedTuple):
    """Sprites in the form that kernels read.

    Arrays with a row for each sprite or pixel have spare rows at the end.

    Attributes
    ----------
    patterns : Patterns
    size : ndarray, shape (sprites, 2), int64
        Height and width.
    placements : ndarray, shape (sprites,), int32
        How often each sprite was placed.
    owner : ndarray, shape (pixels,), int32
        The sprite that a pixel is of.
    votes : ndarray, shape (pixels, 1 + MAX_ALTERNATIVES), int32
        How often the pattern's `value` and each of its `also` agreed with the frame.
    needed : ndarray, shape (pixels,), int32
        How often a pixel was the one that explained what the frame shows.
    around : ndarray, shape (pixels, 4), uint16
        Values of the `NEIGHBOURS` in the sprite, CLEAR where there is none or where it may have
        several.
    by_rows : ndarray, shape (pixels,), int64
        The pixels of each sprite row by row.
    by_value : ndarray, shape (entries,), int64
        The pixels that may have each value, those of value v from ``first_of_value[v]`` to
        ``first_of_value[v + 1]``; as of the last `Dictionary.index`.
    first_of_value : ndarray, shape (values + 1,), int64
    """

    patterns: Patterns
    size: Longs
    placements: NDArray[np.int32]
    owner: NDArray[np.int32]
    votes: NDArray[np.int32]
    needed: NDArray[np.int32]
    around: Ids
    by_rows: Longs
    by_value: Longs
    first_of_value: Longs


def _doubled(record: Any, *names: str) -> Any:
    """A NamedTuple with room for twice as many rows in some of its arrays."""
    more = {}
    for name in names:
        array = getattr(record, name)
        more[name] = np.append(array, np.zeros_like(array), axis=0)
    return record._replace(**more)


class Dictionary:
    """Sprites that grow in number.

    Attributes
    ----------
    sprites : Sprites
    size : list of (int, int)
        Height and width of each sprite.
    """

    def __init__(self) -> None:
        self._pixels = 0
        self._indexed = 0  # pixels that the value index has
        self.size: list[tuple[int, int]] = []
        sprites, pixels = 1 << 10, 1 << 14
        patterns = Patterns(
            first=np.zeros(sprites, np.int64),
            px=np.zeros(pixels, np.int16),
            py=np.zeros(pixels, np.int16),
            value=np.zeros(pixels, np.uint16),
            also=np.zeros((pixels, MAX_ALTERNATIVES), np.uint16),
            max_wrong_share=EVIDENCE.few,
        )
        self.sprites = Sprites(
            patterns=patterns,
            size=np.zeros((sprites, 2), np.int64),
            placements=np.zeros(sprites, np.int32),
            owner=np.zeros(pixels, np.int32),
            votes=np.zeros((pixels, 1 + MAX_ALTERNATIVES), np.int32),
            needed=np.zeros(pixels, np.int32),
            around=np.zeros((pixels, len(NEIGHBOURS)), np.uint16),
            by_rows=np.zeros(pixels, np.int64),
            by_value=np.zeros(0, np.int64),
            first_of_value=np.zeros(2, np.int64),
        )

    def __len__(self) -> int:
        return len(self.size)

    def add(self, y: Longs, x: Longs, values: Ids) -> int:
        """Add a sprite by its pixels; return its number.

        Parameters
        ----------
        y, x : ndarray, shape (n,), int64
            The smallest are 0.
        values : ndarray, shape (n, 1 + MAX_ALTERNATIVES), uint16
            What each pixel may be, the likeliest first, CLEAR where there is no more.
        """
        sprite, begin, end = len(self), self._pixels, self._pixels + len(y)
        self._make_room(sprite + 1, end)
        order = probe_order(values[:, 0])
        y, x, values = y[order], x[order], values[order]
        sprites, patterns, part = self.sprites, self.sprites.patterns, slice(begin, end)
        self.size.append((int(y.max()) + 1, int(x.max()) + 1))
        sprites.size[sprite] = self.size[-1]
        sprites.owner[part] = sprite
        patterns.first[sprite + 1] = end
        patterns.px[part], patterns.py[part] = x, y
        patterns.value[part], patterns.also[part] = values[:, 0], values[:, 1:]
        sprites.by_rows[part] = begin + np.argsort(order)
        picture = np.full((int(y.max()) + 3, int(x.max()) + 3), CLEAR, np.uint16)
        picture[y + 1, x + 1] = np.where(values[:, 1] == CLEAR, values[:, 0], CLEAR)
        for k, (dy, dx) in enumerate(NEIGHBOURS):
            sprites.around[part, k] = picture[y + 1 + dy, x + 1 + dx]
        self._pixels = end
        return sprite

    def _make_room(self, sprites: int, pixels: int) -> None:
        """Lengthen the arrays where they hold fewer sprites or pixels in all."""
        s = self.sprites
        if sprites + 1 > len(s.patterns.first):
            s = _doubled(s, "size", "placements")
            s = s._replace(patterns=_doubled(s.patterns, "first"))
        while pixels > len(s.patterns.px):
            s = _doubled(s, "owner", "votes", "needed", "around", "by_rows")
            s = s._replace(patterns=_doubled(s.patterns, "px", "py", "value", "also"))
        self.sprites = s

    def add_picture(self, picture: Ids) -> tuple[int, int, int]:
        """Add a sprite that is known by its picture.

        Parameters
        ----------
        picture : ndarray, shape (h, w), uint16
            CLEAR outside. A picture that is CLEAR everywhere becomes a sprite that explains
            nothing.

        Returns
        -------
        sprite, left, top : int
            The sprite's number, and how much of the picture is clear at the left and the top.
        """
        y, x = np.nonzero(picture != CLEAR)
        if not len(y):
            y, x = np.zeros((2, 1), np.int64)
        left, top = int(x.min()), int(y.min())
        values = np.full((len(y), 1 + MAX_ALTERNATIVES), CLEAR, np.uint16)
        values[:, 0] = picture[y, x]
        sprite = self.add(y - top, x - left, values)
        self.sprites.placements[sprite] = EVIDENCE.min_times  # enough to be placed partly
        return sprite, left, top

    def index(self) -> Sprites:
        """The sprites, with the index of their pixels by value brought up to date."""
        if self._indexed != self._pixels:
            sprites = self.sprites
            by_rows = sprites.by_rows[: self._pixels]
            also = sprites.patterns.also[by_rows]
            several, which = np.nonzero(also != CLEAR)
            pixel = np.append(by_rows, by_rows[several])
            value = np.append(sprites.patterns.value[by_rows], also[several, which])
            order = np.argsort(value, kind="stable")
            values = np.arange(int(value.max()) + 2)
            first_of_value = np.searchsorted(value[order], values).astype(np.int64)
            self.sprites = sprites._replace(by_value=pixel[order], first_of_value=first_of_value)
            self._indexed = self._pixels
        return self.sprites

    def keep(self, sprites: Iterable[int]) -> None:
        """Keep all pixels of some sprites, also those that never explained anything."""
        for sprite in sprites:
            self.sprites.needed[self._part(sprite)] += 1

    def _part(self, sprite: int) -> slice:
        """The rows of a sprite's pixels."""
        first, end = self.sprites.patterns.first[sprite : sprite + 2].tolist()
        return slice(first, end)

    def picture(self, sprite: int) -> Ids:
        """A sprite as colour numbers, shape (h, w), CLEAR where it does not show.

        Pixels that never explained anything are left out: they were only drawn over equal
        pixels, or behind something else.
        """
        sprites, patterns, part = self.sprites, self.sprites.patterns, self._part(sprite)
        values = np.column_stack([patterns.value[part], patterns.also[part]])
        out = np.full(self.size[sprite], CLEAR, np.uint16)
        keep = sprites.needed[part] > 0
        out[patterns.py[part][keep], patterns.px[part][keep]] = _likeliest(
            values[keep], sprites.votes[part][keep]
        )
        return out


def probe_order(value: Ids) -> Longs:
    """An order of a sprite's pixels that finds mismatches early.

    It takes the values in turn, and each time from another part of the sprite: where one patch
    of one colour fits by chance, as black on black, another colour or another patch does not.

    Parameters
    ----------
    value : ndarray, shape (n,), uint16

    Returns
    -------
    ndarray, shape (n,), int64
        Indices into `value`.
    """
    spread = np.argsort(np.arange(len(value)) * GOLDEN_RATIO % 1, kind="stable")
    by_value = np.argsort(value[spread], kind="stable")
    _, first, count = np.unique(value[spread][by_value], return_index=True, return_counts=True)
    turn = np.empty(len(value), np.int64)
    turn[by_value] = np.arange(len(value)) - np.repeat(first, count)
    return spread[np.argsort(turn, kind="stable")]


def _likeliest(values: Ids, votes: NDArray[np.int32]) -> Ids:
    """Choose for each pixel the value that agreed most often.

    Of equals, the one that most pixels of the sprite may have.

    Parameters
    ----------
    values : ndarray, shape (n, 1 + MAX_ALTERNATIVES), uint16
    votes : ndarray, shape (n, 1 + MAX_ALTERNATIVES), int32
    """
    if not (values[:, 1] != CLEAR).any():
        return values[:, 0]
    likely = (values != CLEAR) & (votes == votes.max(axis=1, keepdims=True))
    common = np.bincount(values[likely], minlength=int(CLEAR) + 1)
    best = np.where(likely, common[values], -1).argmax(axis=1)
    chosen: Ids = values[np.arange(len(values)), best]
    return chosen
