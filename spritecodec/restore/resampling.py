"""How scalers compute a line of a recording from a line of the native picture.

Pixel ``i`` of ``size`` shows the place ``(i + 0.5) * native / size - 0.5 + phase`` of the native
line, and is a weighted mean of few native pixels around it, those beyond the ends being equal
to the last. So a scaler is a band matrix, and what it can make is a subspace of all lines. The
part of a line outside that subspace is what the scaler cannot have made.

Nearest neighbour counts in 16.16 fixed point where the phase is 0, as swscale does. Where a place
lies just between two native pixels, ``TIE_DOWN`` as the phase takes the lower one, and
``-TIE_DOWN`` the higher.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.degradation import BICUBIC, KERNELS, Kernel

TIE_DOWN = -1e-6

_TAPS = (1, 2, 2, 4, 6)  # of each kernel: how many native pixels a pixel is made of
_RIDGE = 1e-3  # keeps the normal equations solvable where a native pixel has no weight


def taps(kernel: Kernel) -> int:
    """How many native pixels a pixel is made of."""
    return _TAPS[KERNELS.index(kernel)]


def operator(size: int, native: int, phase: float, kernel: Kernel) -> NDArray[np.float64]:
    """The matrix that makes a line of `size` pixels of one of `native`: (size, native)."""
    count = taps(kernel)
    first, weights = _weights(size, native, phase, KERNELS.index(kernel), count)
    dense = np.zeros((size, native))
    rows = np.arange(size)
    for t in range(count):
        dense[rows, first + t] += weights[:, t]
    return dense


def residuals(
    lines: NDArray[np.float64], natives: NDArray[np.int64], phase: float, kernel: Kernel
) -> NDArray[np.float64]:
    """Squared error of the best native line, for each native size.

    Parameters
    ----------
    lines : ndarray, shape (size, k), float64
        Of the recording, one a column.
    natives : ndarray, shape (m,), int64
        Native sizes, each at least the kernel's taps and less than `size`.
    phase : float
    kernel : Kernel

    Returns
    -------
    ndarray, shape (m,)
        Mean square of what cannot be explained, a line and degree of freedom that is left.
    """
    number, count = KERNELS.index(kernel), taps(kernel)
    found: NDArray[np.float64] = _residuals(lines, natives, phase, number, count)
    return found


@njit(cache=True)
def _cubic(t: float) -> float:
    t, a = abs(t), BICUBIC
    if t < 1:
        return ((a + 2) * t - (a + 3)) * t * t + 1
    if t < 2:
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return 0.0


@njit(cache=True)
def _weight(t: float, kernel: int, step: float) -> float:
    """Of a native pixel `t` native pixels away; a pixel is `step` native pixels wide."""
    if kernel == 1:
        return max(0.0, min(0.5, t + step / 2) - max(-0.5, t - step / 2))
    if kernel == 2:
        return max(0.0, 1.0 - abs(t))
    if kernel == 3:
        return _cubic(t)
    if abs(t) >= 3:
        return 0.0
    if abs(t) < 1e-9:
        return 1.0
    p = math.pi * t
    return 3 * math.sin(p) * math.sin(p / 3) / (p * p)


@njit(cache=True)
def _weights(
    size: int, native: int, phase: float, kernel: int, count: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The first native pixel of each pixel, (size,), and the weights from there, (size, count)."""
    first = np.zeros(size, np.int64)
    weights = np.zeros((size, count))
    step = native / size
    increment = ((native << 16) + (size >> 1)) // size  # swscale's nearest counts in 16.16
    for i in range(size):
        if kernel == 0:
            if phase == 0:
                j = (increment // 2 + i * increment) >> 16
            else:
                j = math.floor((i + 0.5) * step + phase)
            first[i] = min(max(j, 0), native - 1)
            weights[i, 0] = 1.0
            continue
        centre = (i + 0.5) * step - 0.5 + phase
        left = math.floor(centre) - (count // 2 - 1)
        first[i] = min(max(left, 0), native - count)
        total = 0.0
        for j in range(left, left + count):
            weight = _weight(centre - j, kernel, step)
            total += weight
            weights[i, min(max(j, 0), native - 1) - first[i]] += weight
        weights[i] /= total
    return first, weights


@njit(cache=True)
def _normal(
    lines: NDArray[np.float64],
    first: NDArray[np.int64],
    weights: NDArray[np.float64],
    gram: NDArray[np.float64],
    right: NDArray[np.float64],
) -> None:
    """The normal equations: `gram` (native, count) holds the lower band, `right` (native, k)."""
    size, k = lines.shape
    count = weights.shape[1]
    for i in range(size):
        for a in range(count):
            weight = weights[i, a]
            if weight == 0:
                continue
            row = first[i] + a
            for c in range(k):
                right[row, c] += weight * lines[i, c]
            for b in range(a + 1):
                gram[row, b] += weight * weights[i, a - b]


@njit(cache=True)
def _explained(gram: NDArray[np.float64], right: NDArray[np.float64]) -> float:
    """Energy of the lines inside the subspace, by a banded Cholesky factorisation in place."""
    native, count = gram.shape
    k = right.shape[1]
    energy = 0.0
    for j in range(native):
        most = min(count - 1, j)
        for b in range(most, -1, -1):
            value = gram[j, b]
            for q in range(b + 1, most + 1):
                value -= gram[j, q] * gram[j - b, q - b]
            gram[j, b] = math.sqrt(max(value, _RIDGE)) if b == 0 else value / gram[j - b, 0]
        for b in range(1, most + 1):
            factor = gram[j, b]
            for c in range(k):
                right[j, c] -= factor * right[j - b, c]
        for c in range(k):
            right[j, c] /= gram[j, 0]
            energy += right[j, c] * right[j, c]
    return energy


@njit(cache=True)
def _residuals(
    lines: NDArray[np.float64],
    natives: NDArray[np.int64],
    phase: float,
    kernel: int,
    count: int,
) -> NDArray[np.float64]:
    size, k = lines.shape
    total = (lines * lines).sum()
    found = np.zeros(len(natives))
    for m in range(len(natives)):
        native = natives[m]
        first, weights = _weights(size, native, phase, kernel, count)
        gram = np.zeros((native, count))
        right = np.zeros((native, k))
        gram[:, 0] = _RIDGE
        _normal(lines, first, weights, gram, right)
        found[m] = max(total - _explained(gram, right), 0.0) / (size - native) / k
    return found
