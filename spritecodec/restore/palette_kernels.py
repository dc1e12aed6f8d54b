"""Compiled loops of `palette`: pixels and their colours behind a chroma filter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.restore.chroma import Bands, Floats

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]


class Weights(NamedTuple):
    """How much a squared error costs in a frame, in nats.

    Attributes
    ----------
    luma : ndarray, shape (h, w), float32
    chroma : ndarray, shape (hc, wc), float32
    """

    luma: Floats
    chroma: Floats


@njit(cache=True)
def nearest(
    y: Floats, u: Floats, v: Floats, colours: Floats, chroma_weight: float, labels: Bytes
) -> None:
    """The nearest colour to each pixel in luma and, weighted, in the sample it lies in."""
    h, w = y.shape
    sy, sx = h // u.shape[0], w // u.shape[1]
    if sy * u.shape[0] < h:
        sy += 1
    if sx * u.shape[1] < w:
        sx += 1
    for r in range(h):
        for c in range(w):
            a, b = u[r // sy, c // sx], v[r // sy, c // sx]
            best = np.float32(1e30)
            for k in range(len(colours)):
                d = (y[r, c] - colours[k, 0]) ** 2
                d += chroma_weight * ((a - colours[k, 1]) ** 2 + (b - colours[k, 2]) ** 2)
                if d < best:
                    best = d
                    labels[r, c] = k


@njit(cache=True)
def _only_label(
    labels: Bytes | NDArray[np.int32], top: int, rows: int, left: int, columns: int
) -> int:
    """The label of all these pixels, or -1."""
    k = labels[top, left]
    for r in range(top, top + rows):
        for c in range(left, left + columns):
            if labels[r, c] != k:
                return -1
    return int(k)


@njit(cache=True)
def chroma_residual(
    u: Floats, v: Floats, labels: Bytes, colours: Floats, rows: Bands, columns: Bands, out: Floats
) -> None:
    """Stored chroma less what the labels predict, shape (2, hc, wc)."""
    hc, wc = u.shape
    for i in range(hc):
        for j in range(wc):
            a, b = u[i, j], v[i, j]
            only = _only_label(
                labels,
                rows.native_first[i],
                rows.native_count[i],
                columns.native_first[j],
                columns.native_count[j],
            )
            if only >= 0:
                out[0, i, j] = a - colours[only, 1]
                out[1, i, j] = b - colours[only, 2]
                continue
            for m in range(rows.native_count[i]):
                r = rows.native_first[i] + m
                for n in range(columns.native_count[j]):
                    g = rows.native_weight[i, m] * columns.native_weight[j, n]
                    k = labels[r, columns.native_first[j] + n]
                    a -= g * colours[k, 1]
                    b -= g * colours[k, 2]
            out[0, i, j] = a
            out[1, i, j] = b


@njit(cache=True, inline="always")
def _pull(
    rows: Bands, columns: Bands, weight: Floats, residual: Floats, r: int, c: int
) -> tuple[np.float32, np.float32, np.float32]:
    """What the chroma around a pixel says of it: weight of squares, and pull in u and v."""
    g2 = su = sv = np.float32(0)
    for m in range(rows.sample_count[r]):
        i = rows.sample_first[r] + m
        for n in range(columns.sample_count[c]):
            x = columns.sample_first[c] + n
            g = rows.sample_weight[r, m] * columns.sample_weight[c, n]
            gw = g * weight[i, x]
            g2 += g * gw
            su += gw * residual[0, i, x]
            sv += gw * residual[1, i, x]
    return g2, su, sv


# More than eight arguments: numba passes arrays fastest one by one.
@njit(cache=True)
def sweep(
    y: Floats,
    colours: Floats,
    labels: Bytes,
    residual: Floats,
    rows: Bands,
    columns: Bands,
    weights: Weights,
    prior: Floats,
    active: NDArray[np.bool_],
) -> int:
    """Give each pixel in turn the label that lowers the cost most; how many changed.

    `residual`, shape (2, hc, wc), is kept up to date. `prior` is what each label costs,
    in nats; half of it is paid back for each edge between two pixels of the label.
    """
    h, w = y.shape
    changed = 0
    for r in range(h):
        for c in range(w):
            if not active[r, c]:
                continue
            j = labels[r, c]
            g2, su, sv = _pull(rows, columns, weights.chroma, residual, r, c)
            e0 = (y[r, c] - colours[j, 0]) ** 2
            left = labels[r, c - 1] if c else -1
            right = labels[r, c + 1] if c + 1 < w else -1
            up = labels[r - 1, c] if r else -1
            down = labels[r + 1, c] if r + 1 < h else -1
            same = (left == j) + (right == j) + (up == j) + (down == j)
            p0 = prior[j] * (1 - np.float32(0.5) * same)
            wy = weights.luma[r, c]
            best = np.float32(0)
            label = j
            for k in range(len(colours)):
                luma = wy * ((y[r, c] - colours[k, 0]) ** 2 - e0)
                same = (left == k) + (right == k) + (up == k) + (down == k)
                luma += prior[k] * (1 - np.float32(0.5) * same) - p0
                du, dv = colours[k, 1] - colours[j, 1], colours[k, 2] - colours[j, 2]
                d = luma + g2 * (du * du + dv * dv) - 2 * (su * du + sv * dv)
                if d < best:
                    best = d
                    label = k
            if label != j:
                changed += 1
                labels[r, c] = label
                du, dv = colours[label, 1] - colours[j, 1], colours[label, 2] - colours[j, 2]
                for m in range(rows.sample_count[r]):
                    i = rows.sample_first[r] + m
                    for n in range(columns.sample_count[c]):
                        x = columns.sample_first[c] + n
                        g = rows.sample_weight[r, m] * columns.sample_weight[c, n]
                        residual[0, i, x] -= g * du
                        residual[1, i, x] -= g * dv
    return changed


@njit(cache=True)
def add_equations(
    u: Floats,
    v: Floats,
    labels: Bytes | NDArray[np.int32],
    rows: Bands,
    columns: Bands,
    weight: Floats,
    ata: Doubles,
    atb: Doubles,
) -> None:
    """Add the equations that this frame's samples give for the colours' chroma.

    Sample (i, j) equals the sum over labels of its share of the sample times its chroma.
    `ata` has shape (k, k), `atb` (k, 2).
    """
    hc, wc = u.shape
    share = np.zeros(len(ata))
    seen = np.zeros(len(ata), np.int64)
    for i in range(hc):
        for j in range(wc):
            count = 0
            only = _only_label(
                labels,
                rows.native_first[i],
                rows.native_count[i],
                columns.native_first[j],
                columns.native_count[j],
            )
            if only >= 0:
                ata[only, only] += weight[i, j]
                atb[only, 0] += weight[i, j] * u[i, j]
                atb[only, 1] += weight[i, j] * v[i, j]
                continue
            for m in range(rows.native_count[i]):
                r = rows.native_first[i] + m
                for n in range(columns.native_count[j]):
                    k = labels[r, columns.native_first[j] + n]
                    new = True
                    for s in range(count):
                        if seen[s] == k:
                            new = False
                            break
                    if new:
                        seen[count] = k
                        share[k] = 0
                        count += 1
                    share[k] += rows.native_weight[i, m] * columns.native_weight[j, n]
            for a in range(count):
                g = share[seen[a]] * weight[i, j]
                atb[seen[a], 0] += g * u[i, j]
                atb[seen[a], 1] += g * v[i, j]
                for b in range(count):
                    ata[seen[a], seen[b]] += g * share[seen[b]]


# More than eight arguments: numba passes arrays fastest one by one.
@njit(cache=True)
def wishes(
    y: Floats,
    colours: Floats,
    labels: Bytes,
    residual: Floats,
    rows: Bands,
    columns: Bands,
    weights: Weights,
    prior: Floats,
    price: float,
    alike: float,
    out: Floats,
) -> int:
    """The colours that badly explained pixels would like to have.

    A pixel moves together with the pixels near it that have the same label and nearly the same
    luma (within `alike`). Each row of `out` is Y, Cb, Cr, gain in nats less `price`; returns how
    many.
    """
    h, w = y.shape
    found = 0
    for r in range(h):
        for c in range(w):
            j = labels[r, c]
            s2, su, sv = _pull(rows, columns, weights.chroma, residual, r, c)
            e0 = (y[r, c] - colours[j, 0]) ** 2 * weights.luma[r, c]
            gain = e0 + (su * su + sv * sv) / max(s2, np.float32(1e-9)) + prior[j] - price
            if gain <= 0 or found == len(out):
                continue
            su = sv = s2 = np.float32(0)
            for m in range(rows.sample_count[r]):
                i = rows.sample_first[r] + m
                for n in range(columns.sample_count[c]):
                    x = columns.sample_first[c] + n
                    g = np.float32(0)
                    for p in range(rows.native_count[i]):
                        rr = rows.native_first[i] + p
                        for q in range(columns.native_count[x]):
                            cc = columns.native_first[x] + q
                            if labels[rr, cc] == j and abs(y[rr, cc] - y[r, c]) <= alike:
                                g += rows.native_weight[i, p] * columns.native_weight[x, q]
                    gw = g * weights.chroma[i, x]
                    s2 += g * gw
                    su += gw * residual[0, i, x]
                    sv += gw * residual[1, i, x]
            s2 = max(s2, np.float32(1e-9))
            out[found, 0] = y[r, c]
            out[found, 1] = colours[j, 1] + su / s2
            out[found, 2] = colours[j, 2] + sv / s2
            out[found, 3] = gain
            found += 1
    return found


@njit(cache=True)
def label_cost(labels: Bytes, prior: Floats) -> float:
    """What the labels of a frame cost, in nats, as in `sweep`."""
    h, w = labels.shape
    total = 0.0
    for r in range(h):
        for c in range(w):
            k = labels[r, c]
            same = 0
            if c + 1 < w and labels[r, c + 1] == k:
                same += 1
            if r + 1 < h and labels[r + 1, c] == k:
                same += 1
            total += prior[k] * (1 - 0.5 * same)
    return total
