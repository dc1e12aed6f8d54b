"""Frames as colour numbers, because mining compares pixels for equality only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.clip import MAX_OTHERS, NO_COLOUR, Doubt
from spritecodec.mining.arrays import CLEAR, Ids, Longs

OTHER = int(CLEAR) - 1
"""Every colour that came when the table was full; it equals nothing that is drawn."""

MAX_SMALL = 255
"""Colours of frames that are stored with one byte a pixel."""


class Indexed:
    """Frames as colour numbers, stored with one byte a pixel while there are few colours.

    Attributes
    ----------
    colours : ndarray, shape (colours,), uint32
        0xRRGGBB of each number; at most OTHER of them.
    materials : ndarray, shape (materials, 4), uint8
        RGBA of the numbers after those of the colours.
    height, width : int
    nbytes : int
        Bytes that the frames take in memory.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.colours: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self.materials: NDArray[np.uint8] = np.zeros((0, 4), np.uint8)
        self._number = np.full(1 << 24, OTHER, np.uint16)
        self._frames: list[NDArray[np.uint8] | NDArray[np.uint16]] = []
        self._exact: dict[int, NDArray[np.uint8]] = {}  # frames with colours beyond the table
        self._doubts: dict[int, Doubt] = {}
        self.nbytes = 0

    @staticmethod
    def of(frames: Iterable[NDArray[np.uint8]], height: int, width: int) -> Indexed:
        """Index RGB frames, each shape (h, w, 3), uint8."""
        indexed = Indexed(height, width)
        for frame in frames:
            indexed.add(frame)
        return indexed

    def add(self, frame: NDArray[np.uint8], doubt: Doubt | None = None) -> None:
        """Append one RGB frame, shape (h, w, 3), uint8, and what else its pixels may be."""
        if doubt is not None:
            self._doubts[len(self)] = doubt
            self.nbytes += doubt.where.nbytes + doubt.others.nbytes
        packed = pack_rgb(frame)
        number = self._number[packed]
        if (number == OTHER).any():
            new = np.unique(packed[number == OTHER])[: OTHER - len(self.colours)]
            self._number[new] = np.arange(len(self.colours), len(self.colours) + len(new))
            self.colours = np.append(self.colours, new)
            number = self._number[packed]
        if (number == OTHER).any():
            self._exact[len(self)] = frame.copy()
            self.nbytes += frame.nbytes
        few = len(self.colours) <= MAX_SMALL
        self._frames.append(number.astype(np.uint8) if few else number)
        self.nbytes += self._frames[-1].nbytes

    def with_materials(self, materials: NDArray[np.uint8]) -> Indexed:
        """The same colours, with materials after them, and no frames."""
        other = Indexed.__new__(Indexed)
        other.height, other.width = self.height, self.width
        other.colours, other.materials, other._number = self.colours, materials, self._number
        other._frames, other._exact, other._doubts, other.nbytes = [], {}, {}, 0
        return other

    def others(self, t: int) -> Ids:
        """What the pixels of frame t may be besides, as `View.others`."""
        if t not in self._doubts:
            return np.full((1, 1, MAX_OTHERS), CLEAR, np.uint16)
        where, others = self._doubts[t]
        out = np.full((self.height * self.width, MAX_OTHERS), CLEAR, np.uint16)
        known = others != NO_COLOUR
        numbers = self._number[np.where(known, others, 0)]
        out[where] = np.where(known & (numbers != OTHER), numbers, CLEAR)
        return out.reshape(self.height, self.width, MAX_OTHERS)

    def wanted(self, t: int, drawn: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Frame t as it must come back: as `drawn`, shape (h, w, 3), where it may be that."""
        if t not in self._doubts:
            return self.rgb(t)
        rgb = self.rgb(t).copy()
        where, others = self._doubts[t]
        shown = pack_rgb(drawn.reshape(-1, 3)[where])
        fine = where[(others == shown[:, None]).any(axis=1)]
        flat = rgb.reshape(-1, 3)
        flat[fine] = drawn.reshape(-1, 3)[fine]
        return rgb

    def part(self, which: range) -> Indexed:
        """Some of the frames, with their doubts."""
        part = Indexed(self.height, self.width)
        for t in which:
            part.add(self.rgb(t), self._doubts.get(t))
        return part

    def append_ids(self, frame: Ids) -> None:
        """Append a frame of numbers, shape (h, w)."""
        self._frames.append(frame)
        self.nbytes += frame.nbytes

    def __len__(self) -> int:
        return len(self._frames)

    def __getitem__(self, t: int) -> Ids:
        return self._frames[t].astype(np.uint16)

    def same(self, a: int, b: int) -> bool:
        """Whether frames a and b are equal everywhere."""
        if a in self._exact or b in self._exact:
            return bool(np.array_equal(self.rgb(a), self.rgb(b)))
        return bool(np.array_equal(self._frames[a], self._frames[b]))

    def rgb(self, t: int) -> NDArray[np.uint8]:
        """Frame t as it came, shape (h, w, 3), uint8."""
        exact = self._exact.get(t)
        if exact is not None:
            return exact
        rgb = np.empty((self.height, self.width, 3), np.uint8)
        fill_rgb(self._frames[t], self.rgb_of_colours(), rgb)
        return rgb

    def windows(self, t: Longs, x: Longs, y: Longs, height: int, width: int) -> Ids:
        """Parts of frames, CLEAR off the screen.

        Parameters
        ----------
        t : ndarray, shape (n,), int64
            Frames.
        x, y : ndarray, shape (n,), int64
            Top left corners of the parts.
        height, width : int
            Size of each part.

        Returns
        -------
        ndarray, shape (n, height, width), uint16
        """
        out = np.full((len(t), height, width), CLEAR, np.uint16)
        for part, frame, left, top in zip(out, t.tolist(), x.tolist(), y.tolist(), strict=True):
            x0, y0 = max(left, 0), max(top, 0)
            x1, y1 = min(left + width, self.width), min(top + height, self.height)
            if x0 < x1 and y0 < y1:
                inside = self._frames[frame][y0:y1, x0:x1]
                part[y0 - top : y1 - top, x0 - left : x1 - left] = inside
        return out

    def ids_of(self, picture: NDArray[np.uint8]) -> Ids:
        """An RGBA picture, shape (h, w, 4), as colour numbers, shape (h, w).

        CLEAR where it is neither opaque nor of a material; OTHER where no frame has its colour.
        """
        numbers = self._number[pack_rgb(picture[..., :3])]
        numbers = np.where(picture[..., 3] == 255, numbers, CLEAR).astype(np.uint16)
        for i, material in enumerate(self.materials):
            numbers[(picture == material).all(axis=-1)] = len(self.colours) + i
        return numbers

    def rgba(self, ids: Ids) -> NDArray[np.uint8]:
        """Colour numbers as RGBA, shape (..., 4); CLEAR becomes the clear pixel."""
        table = np.append(self.values().astype(np.uint8), np.zeros((1, 4), np.uint8), axis=0)
        out: NDArray[np.uint8] = table[np.minimum(ids, len(table) - 1)]
        return out

    def rgb_of_colours(self) -> NDArray[np.uint8]:
        """The colours as RGB, shape (colours, 3)."""
        shifted = self.colours[:, None] >> np.array([16, 8, 0], np.uint32)
        return (shifted & 255).astype(np.uint8)

    def values(self) -> NDArray[np.int32]:
        """RGBA of all numbers, shape (colours + materials, 4)."""
        opaque = np.full((len(self.colours), 4), 255, np.int32)
        opaque[:, :3] = self.rgb_of_colours()
        return np.concatenate([opaque, self.materials.astype(np.int32)])

    def ids_of_rgb(self, rgb: NDArray[np.uint8]) -> Ids:
        """Numbers, shape (...), of RGB colours, shape (..., 3); OTHER where no frame has one."""
        return self._number[pack_rgb(rgb)]


def pack_rgb(frame: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """RGB bytes, shape (..., 3), as 0xRRGGBB."""
    wide = frame.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return packed.astype(np.uint32, copy=False)


@njit(cache=True)
def fill_rgb(ids: NDArray[np.generic], colours: NDArray[np.uint8], out: NDArray[np.uint8]) -> None:
    """Fill `out`, shape (h, w, 3), with the RGB of colour numbers, by a table, (colours, 3)."""
    h, w = ids.shape
    for y in range(h):
        for x in range(w):
            c = ids[y, x]
            out[y, x, 0] = colours[c, 0]
            out[y, x, 1] = colours[c, 1]
            out[y, x, 2] = colours[c, 2]
