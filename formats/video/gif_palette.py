"""Palettes for a GIF whose frames each have their own colours, at most 256 a frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.uint8]


class GifPalettes:
    """Gives each frame a palette, so that FFmpeg's GIF encoder stays exact and small.

    That encoder stores only the rectangle that changed where a frame's palette is
    the same, byte for byte, as the first frame's, and finds the rectangle by
    comparing palette indices with the previous frame. That is right only if the
    previous frame uses those indices for those colours. So later palettes extend the
    first one while it has room. After a palette for which it had none, the next one is
    made to differ from the first, so that the encoder stores that frame whole.
    """

    def __init__(self) -> None:
        self._first: NDArray[np.uint32] | None = None
        self._agrees = True  # the previous frame used the first palette's indices

    def apply(self, frame: NDArray[np.uint8]) -> tuple[Indices, NDArray[np.uint8]] | None:
        """Indices and palette of one frame.

        Parameters
        ----------
        frame : ndarray, shape (h, w, 3), uint8

        Returns
        -------
        indices : ndarray, shape (h, w), uint8
        palette : ndarray, shape (256, 4), uint8
            Alpha (255), red, green, blue.

        or None where the frame has more than 256 colours.
        """
        packed = frame.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
        colours = np.unique(packed)
        if len(colours) > 256:
            return None
        table = self._table(colours.astype(np.uint32))
        order = np.argsort(table)
        indices = order[np.searchsorted(table, packed, sorter=order)]
        # Filled up with a colour that is there already, so that a new one always shows.
        full = np.concatenate([table, np.full(256 - len(table), table[0])])
        palette = np.full((256, 4), 255, np.uint8)
        palette[:, 1:] = full[:, None] >> np.array([16, 8, 0], np.uint32) & 255
        return indices.astype(np.uint8), palette

    def _table(self, colours: NDArray[np.uint32]) -> NDArray[np.uint32]:
        first = self._first
        if first is None:
            self._first = colours
            return colours
        new = np.setdiff1d(colours, first)
        fits = len(first) + len(new) <= 256
        if fits and (len(new) or self._agrees):
            self._agrees = True
            return np.concatenate([first, new])
        if fits and len(first) < 256:
            # Nothing new, but the previous frame disagrees: an unused colour makes it differ.
            unused = np.setdiff1d(np.arange(257, dtype=np.uint32), first)[:1]
            self._agrees = True
            return np.concatenate([first, unused])
        # Descending, where the first palette ascends.
        self._agrees = False
        return colours[::-1]
