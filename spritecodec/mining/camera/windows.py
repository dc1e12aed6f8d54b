"""Windows that occur once in a frame, looked up by hash in another frame.

Each window that occurs once in both frames votes for its displacement. So any displacement,
small or large, is found at the same cost.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import CAMERA

Displacement = tuple[int, int]  # in x and y, in pixels
# Hashes and places of all windows by slot, and the slots of those that occur once.
Table = tuple[NDArray[np.uint64], Longs, Longs]


@njit(cache=True)
def _window_hashes(
    frame: Ids, size: int, out: NDArray[np.uint64], rows: NDArray[np.uint64]
) -> None:
    """Hash of every window of `size` by `size` pixels, rolling along rows and then columns."""
    h, w = frame.shape
    a = np.uint64(0x9E3779B97F4A7C15)
    b = np.uint64(0xC2B2AE3D27D4EB4F)
    a_out = np.uint64(1)
    b_out = np.uint64(1)
    for _ in range(size):
        a_out *= a
        b_out *= b
    for y in range(h):
        acc = np.uint64(0)
        for x in range(w):
            acc = acc * a + np.uint64(frame[y, x]) + np.uint64(1)
            if x >= size:
                acc -= a_out * (np.uint64(frame[y, x - size]) + np.uint64(1))
            if x >= size - 1:
                mixed = (acc ^ (acc >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
                rows[y, x - size + 1] = mixed
    for x in range(w - size + 1):
        acc = np.uint64(0)
        for y in range(h):
            acc = acc * b + rows[y, x]
            if y >= size:
                acc -= b_out * rows[y - size, x]
            if y >= size - 1:
                out[y - size + 1, x] = acc ^ (acc >> np.uint64(32))


@njit(cache=True)
def _fill_table(hashes: NDArray[np.uint64], keys: NDArray[np.uint64], where: Longs) -> None:
    """Open addressing: where[slot] is the window's place, -1 empty, -2 seen twice."""
    mask = np.uint64(len(keys) - 1)
    where[:] = -1
    h, w = hashes.shape
    for y in range(h):
        for x in range(w):
            key = hashes[y, x]
            slot = (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask
            while where[slot] != -1 and keys[slot] != key:
                slot = (slot + np.uint64(1)) & mask
            if where[slot] == -1:
                keys[slot] = key
                where[slot] = y * w + x
            else:
                where[slot] = -2


@njit(cache=True)
def _common(
    keys0: NDArray[np.uint64],
    where0: Longs,
    once0: Longs,
    keys1: NDArray[np.uint64],
    where1: Longs,
    width: int,
    out: Longs,
) -> int:
    """Windows that occur once in each of two frames: rows (x0, y0, x1, y1)."""
    mask = np.uint64(len(keys1) - 1)
    count = 0
    for i in once0:
        key = keys0[i]
        slot = (key * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(20)) & mask
        while where1[slot] != -1 and keys1[slot] != key:
            slot = (slot + np.uint64(1)) & mask
        if where1[slot] >= 0:
            out[count, 0] = where0[i] % width
            out[count, 1] = where0[i] // width
            out[count, 2] = where1[slot] % width
            out[count, 3] = where1[slot] // width
            count += 1
    return count


class Windows:
    """Tables of the windows that occur once in a frame, and votes between two tables.

    Parameters
    ----------
    height, width : int
        Of the frames, in pixels; neither less than ``CAMERA.window``.
    """

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height - CAMERA.window + 1, width - CAMERA.window + 1)
        self.rows = np.empty((height, self.shape[1]), np.uint64)
        self.hashes = np.empty(self.shape, np.uint64)
        self.slots = 1 << int(np.ceil(np.log2(self.hashes.size * 2 + 2)))
        self.found = np.empty((self.slots, 4), np.int64)

    def table(self, frame: Ids) -> Table:
        """The windows of a frame by hash."""
        keys = np.empty(self.slots, np.uint64)
        where = np.empty(self.slots, np.int64)
        _window_hashes(frame, CAMERA.window, self.hashes, self.rows)
        _fill_table(self.hashes, keys, where)
        return keys, where, np.flatnonzero(where >= 0)

    def votes(
        self,
        previous: Table,
        current: Table,
        ignore: NDArray[np.bool_] | None = None,
        most: int = LIMITS.displacements,
    ) -> list[tuple[Displacement, int, int]]:
        """Vote for the displacement between two frames.

        Parameters
        ----------
        previous, current : Table
            Of the two frames.
        ignore : ndarray, shape (height - window + 1, width - window + 1), bool, optional
            Windows of the current frame, by their top left corners, that do not vote.
        most : int
            Displacements returned at most.

        Returns
        -------
        list of (displacement, votes, cells)
            The displacements with the most votes first; `cells` is how many of the screen's
            ``CAMERA.cells`` ** 2 parts these votes come from.
        """
        count = _common(*previous, *current[:2], self.shape[1], self.found)
        found = self.found[:count]
        if ignore is not None:
            found = found[~ignore[found[:, 3], found[:, 2]]]
        step = found[:, 2:] - found[:, :2]
        code = (step[:, 1] << 20) + step[:, 0]
        _, inverse, votes = np.unique(code, return_inverse=True, return_counts=True)
        side = CAMERA.cells
        result = []
        for best in np.argsort(-votes, kind="stable")[:most].tolist():
            here = found[inverse == best]
            row, column = here[:, 3] * side // self.shape[0], here[:, 2] * side // self.shape[1]
            dx, dy = (here[0, 2:] - here[0, :2]).tolist()
            cells = len(np.unique(row * side + column))
            result.append(((dx, dy), int(votes[best]), cells))
        return result
