"""Native planes: the stored planes of a recording, scaled down to the game's own size.

Rows and columns are combined as the matrices of `native.shrink` say. These have few weights in a
row, so each is kept as the places and values of its weights, one row after another.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.formats.video.planes import StoredPlanes
from spritecodec.restore.labels import Planes
from spritecodec.restore.native import AxisScale, NativeGrid, shrink

Floats = NDArray[np.float32]

MIN_WEIGHT = 1e-3  # what a far pixel adds below that is less than the rounding of the recording


class Weights(NamedTuple):
    """A matrix of shape (native, stored) with few weights a row.

    Attributes
    ----------
    first : ndarray, shape (native + 1,), int64
        Where the weights of each row begin.
    place : ndarray, shape (n,), int64
    value : ndarray, shape (n,), float32
    """

    first: NDArray[np.int64]
    place: NDArray[np.int64]
    value: Floats

    @staticmethod
    def of(matrix: Floats) -> Weights:
        """The weights of a matrix that are large enough to matter."""
        large = np.abs(matrix) >= MIN_WEIGHT
        _, place = np.nonzero(large)
        first = np.concatenate([[0], np.cumsum(large.sum(axis=1))])
        return Weights(first.astype(np.int64), place.astype(np.int64), matrix[large])


@njit(cache=True, nogil=True)
def _combine(rows: Weights, columns: Weights, plane: NDArray[np.uint8]) -> Floats:
    """Rows and columns of a plane, combined as two matrices say."""
    h, w, wide = len(rows.first) - 1, len(columns.first) - 1, plane.shape[1]
    out = np.empty((h, w), np.float32)
    line = np.empty(wide, np.float32)
    for i in range(h):
        line[:] = 0
        for n in range(rows.first[i], rows.first[i + 1]):
            weight, of = rows.value[n], plane[rows.place[n]]
            for j in range(wide):
                line[j] += weight * np.float32(of[j])
        for j in range(w):
            total = np.float32(0)
            for n in range(columns.first[j], columns.first[j + 1]):
                total += columns.value[n] * line[columns.place[n]]
            out[i, j] = total
    return out


class Shrinking(NamedTuple):
    """From stored planes to native ones: rows and columns, of luma and of chroma.

    Attributes
    ----------
    rows : Weights, of shape (h, stored h)
    columns : Weights, of shape (w, stored w)
    chroma_rows, chroma_columns : Weights
        The same for chroma.
    """

    rows: Weights
    columns: Weights
    chroma_rows: Weights
    chroma_columns: Weights

    @staticmethod
    def of(grid: NativeGrid, chroma: tuple[int, int]) -> Shrinking | None:
        """That undoes a scale, for chroma of a shape; None where nothing was scaled."""
        if not grid.scaled:
            return None
        matrices = (
            shrink(grid.y, grid.kernel),
            shrink(grid.x, grid.kernel),
            _shrink_chroma(grid.y, grid.kernel, chroma[0]),
            _shrink_chroma(grid.x, grid.kernel, chroma[1]),
        )
        return Shrinking(*map(Weights.of, matrices))

    def __call__(self, stored: StoredPlanes) -> Planes:
        """The native planes; chroma as large as luma."""
        y = _combine(self.rows, self.columns, stored.y)
        u, v = (_combine(self.chroma_rows, self.chroma_columns, c) for c in (stored.u, stored.v))
        return Planes(y, u, v)


def _shrink_chroma(axis: AxisScale, kernel: str, samples: int) -> Floats:
    """As `shrink`, for the samples of chroma along an axis.

    Smooth kernels are undone as those of luma are, where there are samples enough. Otherwise a
    sample belongs to the native pixel that its middle lies in; where a pixel has none, the
    nearest sample stands for it.
    """
    if samples == axis.size:
        return shrink(axis, kernel)
    step = axis.size / samples
    left, right = round(axis.left / step), round(axis.right / step)
    if kernel != "nearest" and samples - left - right > axis.native:
        return shrink(AxisScale(samples, axis.native, left, right, axis.phase), kernel)
    middle = (np.arange(samples) + 0.5) * step - axis.left
    place = middle / axis.scale + axis.phase  # in native pixels
    inside = (middle >= 0) & (middle < axis.inside)
    out = np.zeros((axis.native, samples), np.float32)
    for i in range(axis.native):
        distance = np.where(inside, np.abs(place - (i + 0.5)), np.inf)
        near = distance < max(0.5 - 0.5 * step / axis.scale, 0.25)
        if not near.any():
            near = distance == distance.min()
        out[i, near] = 1 / near.sum()
    return out


def native_planes(stored: StoredPlanes, shrinking: Shrinking | None) -> Planes:
    """The planes of a frame at the game's own size, float32."""
    if shrinking is not None:
        return shrinking(stored)
    return Planes(*(p.astype(np.float32) for p in (stored.y, stored.u, stored.v)))
