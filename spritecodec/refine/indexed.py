"""Frames as colour numbers: mining compares pixels for equality only."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from spritecodec.refine.kernels import CLEAR, Ids

# Colour numbers end below 65535, which means "no colour"; 65534 stands for every colour
# that came after the table was full, and never equals anything that is drawn.
OTHER = 65534
MOST_SMALL = 255


class Indexed:
    """Frames stored as colour numbers, one byte a pixel where there are few colours.

    Attributes
    ----------
    colours : ndarray, shape (colours,), uint32
        0xRRGGBB of each number.
    """

    def __init__(self, height: int, width: int) -> None:
        self.height, self.width = height, width
        self.colours: NDArray[np.uint32] = np.zeros(0, np.uint32)
        self._number = np.full(1 << 24, OTHER, np.uint16)
        self._frames: list[NDArray[np.generic]] = []
        self._exact: dict[int, NDArray[np.uint8]] = {}  # frames with colours beyond the table
        self.nbytes = 0

    @staticmethod
    def of(frames: Iterable[NDArray[np.uint8]], height: int, width: int) -> Indexed:
        """Index RGB frames, each shape (h, w, 3), uint8."""
        indexed = Indexed(height, width)
        for frame in frames:
            indexed.add(frame)
        return indexed

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Append one RGB frame, shape (h, w, 3), uint8."""
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
        few = len(self.colours) <= MOST_SMALL
        self._frames.append(number.astype(np.uint8) if few else number)
        self.nbytes += self._frames[-1].nbytes

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
        return self.rgba(self[t])[..., :3] if exact is None else exact

    def ids_of(self, picture: NDArray[np.uint8]) -> Ids:
        """An RGBA picture as colour numbers, CLEAR where it is not opaque.

        Colours that no frame has become OTHER, which matches nothing.
        """
        numbers = self._number[pack_rgb(picture[..., :3])]
        return np.where(picture[..., 3] == 255, numbers, CLEAR).astype(np.uint16)

    def rgba(self, ids: Ids) -> NDArray[np.uint8]:
        """Colour numbers as RGBA, shape (..., 4); 65535 (CLEAR) becomes the clear pixel."""
        shown = ids < len(self.colours)
        packed = self.colours[np.where(shown, ids, 0)]
        out = np.zeros((*ids.shape, 4), np.uint8)
        for channel, shift in enumerate((16, 8, 0)):
            out[..., channel] = np.where(shown, packed >> shift & 255, 0)
        out[..., 3] = np.where(shown, 255, 0)
        return out


def pack_rgb(frame: NDArray[np.uint8]) -> NDArray[np.uint32]:
    """RGB bytes, shape (..., 3), as 0xRRGGBB."""
    wide = frame.astype(np.uint32)
    packed = wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2]
    return packed.astype(np.uint32, copy=False)
