"""How a recorder made small chroma planes of a game's pixels: the filter, and its estimate.

The filter is separable. Chroma sample (i, j) is the sum of native chroma over the rows near 2 i
and the columns near 2 j, each with its weight; beyond the picture, the edge's pixel counts again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Longs = NDArray[np.int64]
Doubles = NDArray[np.float64]


class Taps(NamedTuple):
    """Weights of a filter along one axis.

    Attributes
    ----------
    name : str
    first : int
        Where the first weight lies, in native pixels from pixel 2 i of sample i.
    weights : tuple of float
        They sum to one.
    """

    name: str
    first: int
    weights: tuple[float, ...]


# At half the size. "bicubic" is FFmpeg's swscale: B = 0, C = 0.6, halfway between two pixels.
KNOWN_TAPS = (
    Taps("box", 0, (0.5, 0.5)),
    Taps("left", -1, (0.25, 0.5, 0.25)),
    Taps("point", 0, (1.0,)),
    Taps("bilinear", -1, (0.125, 0.375, 0.375, 0.125)),
    Taps(
        "bicubic",
        -3,
        (
            -0.0140625,
            -0.0421875,
            0.1203125,
            0.4359375,
            0.4359375,
            0.1203125,
            -0.0421875,
            -0.0140625,
        ),
    ),
)
IDENTITY = Taps("identity", 0, (1.0,))
FREE_FIRST, FREE_COUNT = -4, 10  # the taps that are estimated where no known filter explains
SNAP_EXCESS = 1.15  # a known filter may leave this much more squared error than the estimate


@dataclass(frozen=True)
class ChromaFilter:
    """From native chroma to stored samples: ``rows @ native @ columns.T``.

    Attributes
    ----------
    rows : ndarray, shape (hc, h), float32
    columns : ndarray, shape (wc, w), float32
    name : str
        The filters along rows and columns, such as ``"bicubic x box"``; ``"identity"`` for 4:4:4.
    """

    rows: Floats
    columns: Floats
    name: str


class Runs(NamedTuple):
    """The entries of a band matrix, row by row.

    Attributes
    ----------
    first, length : ndarray, shape (rows,), int64
        The first entry that is not zero, and how many there are from it to the last.
    weight : ndarray, shape (rows, most), float32
        These entries.
    """

    first: Longs
    length: Longs
    weight: Floats


class Bands(NamedTuple):
    """One axis of a filter, as compiled code reads it.

    Attributes
    ----------
    sample_first, sample_count : ndarray, shape (native,), int64
        The samples that a native pixel counts in.
    sample_weight : ndarray, shape (native, most), float32
    native_first, native_count : ndarray, shape (samples,), int64
        The native pixels that a sample is made of.
    native_weight : ndarray, shape (samples, most), float32
    """

    sample_first: Longs
    sample_count: Longs
    sample_weight: Floats
    native_first: Longs
    native_count: Longs
    native_weight: Floats


def tap_matrix(taps: Taps, native: int, samples: int) -> Floats:
    """The matrix of a filter along one axis, shape (samples, native), float32."""
    step = 1 if samples == native else 2
    out = np.zeros((samples, native), np.float32)
    for i in range(samples):
        for k, weight in enumerate(taps.weights):
            out[i, min(max(step * i + taps.first + k, 0), native - 1)] += weight
    return out


def make_filter(
    rows: Taps, columns: Taps, native: tuple[int, int], stored: tuple[int, int]
) -> ChromaFilter:
    """The filter of these taps between planes of sizes `native` and `stored`, (height, width)."""
    rows = IDENTITY if native[0] == stored[0] else rows
    columns = IDENTITY if native[1] == stored[1] else columns
    same = rows is IDENTITY and columns is IDENTITY
    return ChromaFilter(
        tap_matrix(rows, native[0], stored[0]),
        tap_matrix(columns, native[1], stored[1]),
        "identity" if same else f"{rows.name} x {columns.name}",
    )


def runs(matrix: Floats) -> Runs:
    """The entries of a band matrix that are not zero."""
    used = np.abs(matrix) > 1e-6
    n = matrix.shape[1]
    first = np.where(used.any(1), used.argmax(1), 0)
    last = np.where(used.any(1), n - used[:, ::-1].argmax(1), 0)
    count = last - first
    weight = np.zeros((len(matrix), int(count.max())), np.float32)
    for i in range(len(matrix)):
        weight[i, : count[i]] = matrix[i, first[i] : last[i]]
    return Runs(first.astype(np.int64), count.astype(np.int64), weight)


def bands(matrix: Floats) -> Bands:
    """A filter's matrix along one axis, shape (samples, native), as its runs both ways."""
    return Bands(*runs(np.ascontiguousarray(matrix.T)), *runs(matrix))


class _Sums(NamedTuple):
    """Normal equations of the taps along one axis, and the squares they are to explain."""

    ata: Doubles
    atb: Doubles
    square: float
    samples: int

    def error(self, weights: Doubles) -> float:
        """Mean squared error that taps leave, shape (FREE_COUNT,)."""
        left = self.square - 2 * weights @ self.atb + weights @ self.ata @ weights
        return max(float(left), 0.0) / max(self.samples, 1)


def _free(taps: Taps) -> Doubles:
    """Taps as all FREE_COUNT weights."""
    out = np.zeros(FREE_COUNT)
    start = taps.first - FREE_FIRST
    out[start : start + len(taps.weights)] = taps.weights
    return out


def _normal_equations(native: list[Floats], stored: list[Floats], use: NDArray[np.bool_]) -> _Sums:
    """Sum the equations of the taps along the first axis.

    Parameters
    ----------
    native : list of ndarray, shape (n, h, wc), float32
        Each chroma plane, filtered along the other axis, less its mean.
    stored : list of ndarray, shape (n, hc, wc), float32
    use : ndarray, shape (n, hc, wc), bool
        The samples to explain.
    """
    hc = stored[0].shape[1]
    lines = np.arange(hc)
    inside = (2 * lines + FREE_FIRST >= 0) & (
        2 * lines + FREE_FIRST + FREE_COUNT <= native[0].shape[1]
    )
    lines = lines[inside]
    chosen = use[:, inside]
    ata, atb, square = np.zeros((FREE_COUNT, FREE_COUNT)), np.zeros(FREE_COUNT), 0.0
    for x, s in zip(native, stored, strict=True):
        a = np.stack(
            [x[:, 2 * lines + FREE_FIRST + k][chosen] for k in range(FREE_COUNT)], 1
        ).astype(np.float64)
        b = s[:, inside][chosen].astype(np.float64)
        ata += a.T @ a
        atb += a.T @ b
        square += float(b @ b)
    return _Sums(ata, atb, square, 2 * int(chosen.sum()))


def _solve(sums: _Sums) -> Taps:
    """The best taps along one axis, which sum to one; a known filter where it does as well."""
    ridge = 1e-4 * np.trace(sums.ata) / FREE_COUNT * np.eye(FREE_COUNT)
    inverse = np.linalg.inv(sums.ata + ridge + 1e-9 * np.eye(FREE_COUNT))
    free = inverse @ sums.atb
    one = inverse.sum(1)
    free += one * (1 - free.sum()) / one.sum()
    known = min(KNOWN_TAPS, key=lambda taps: sums.error(_free(taps)))
    if sums.error(_free(known)) <= SNAP_EXCESS * sums.error(free):
        return known
    return Taps("measured", FREE_FIRST, tuple(float(t) for t in free))


def estimate_filter(
    labels: list[NDArray[np.uint8]],
    colours: Floats,
    stored: tuple[Floats, Floats],
    reliable: list[NDArray[np.bool_]],
) -> ChromaFilter:
    """Estimate the chroma filter from pixels whose colours are known.

    Parameters
    ----------
    labels : list of n ndarray, shape (h, w), uint8
    colours : ndarray, shape (k, 3), float32
        Y, Cb, Cr of each label.
    stored : pair of ndarray, shape (n, hc, wc), float32
        Cb and Cr samples.
    reliable : list of n ndarray, shape (hc, wc), bool
        The samples whose pixels' labels can be trusted.

    Returns
    -------
    ChromaFilter
    """
    native_size, stored_size = labels[0].shape, stored[0].shape[1:]
    if native_size == stored_size:
        return make_filter(IDENTITY, IDENTITY, native_size, stored_size)
    means = [float(plane.mean()) for plane in stored]
    native = [
        np.stack([colours[lab, c + 1] for lab in labels]) - np.float32(means[c]) for c in (0, 1)
    ]
    planes = [s - np.float32(m) for s, m in zip(stored, means, strict=True)]
    use = np.stack(reliable)
    rows = columns = KNOWN_TAPS[0]
    for _ in range(3):
        before = rows, columns
        if native_size[0] != stored_size[0]:
            across = tap_matrix(
                columns if native_size[1] != stored_size[1] else IDENTITY,
                native_size[1],
                stored_size[1],
            )
            rows = _solve(_normal_equations([x @ across.T for x in native], planes, use))
        if native_size[1] != stored_size[1]:
            down = tap_matrix(
                rows if native_size[0] != stored_size[0] else IDENTITY,
                native_size[0],
                stored_size[0],
            )
            columns = _solve(
                _normal_equations(
                    [(down @ x).transpose(0, 2, 1) for x in native],
                    [s.transpose(0, 2, 1) for s in planes],
                    use.transpose(0, 2, 1),
                )
            )
        if before == (rows, columns):
            break
    return make_filter(rows, columns, native_size, stored_size)


def block_means(planes: Floats, shape: tuple[int, ...]) -> Floats:
    """Planes, shape (h, w, c), in `shape` blocks, each the mean of its pixels.

    Where the blocks do not divide the planes, the last ones are smaller.
    """
    (h, w), (hc, wc) = planes.shape[:2], shape
    rows, columns = (np.arange(n) * -(-m // n) for n, m in ((hc, h), (wc, w)))
    sums = np.add.reduceat(np.add.reduceat(planes, rows, 0), columns, 1)
    count = np.diff(rows, append=h)[:, None] * np.diff(columns, append=w)
    return np.asarray(sums / count[..., None], np.float32)
