"""Compiled loops of `palette`: pixels and their colours behind a chroma filter."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.restore.chroma import Bands, Floats

Bytes = NDArray[np.uint8]
Doubles = NDArray[np.float64]
Block = tuple[int, int, int, int]  # top, left, rows, columns

LEAST_PULL = 1.0  # nats that the pixels of a block must gain in chroma to change together


class Weights(NamedTuple):
    """How much a squared error costs in a frame, in nats.

    Attributes
    ----------
    luma : ndarray, shape (h, w), float32
    chroma : ndarray, shape (hc, wc), float32
    """

    luma: Floats
    chroma: Floats


class Labelling(NamedTuple):
    """A frame whose labels are changed, and what decides that; as `sweep` takes it."""

    y: Floats
    colours: Floats
    labels: Bytes
    residual: Floats
    rows: Bands
    columns: Bands
    weights: Weights
    prior: Floats
    active: NDArray[np.bool_]


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


@njit(cache=True, inline="always")
def _move(
    rows: Bands, columns: Bands, residual: Floats, r: int, c: int, du: float, dv: float
) -> None:
    """Keep the residual up to date where the chroma of a pixel changes."""
    for m in range(rows.sample_count[r]):
        i = rows.sample_first[r] + m
        for n in range(columns.sample_count[c]):
            x = columns.sample_first[c] + n
            g = rows.sample_weight[r, m] * columns.sample_weight[c, n]
            residual[0, i, x] -= g * du
            residual[1, i, x] -= g * dv


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
                _move(rows, columns, residual, r, c, du, dv)
    return changed


@njit(cache=True)
def _edges(labels: Bytes, block: Block, own: int, other: int) -> tuple[int, int]:
    """Edges between the pixels of a label in a block, and from these to another label's.

    Where both labels are the same, the latter are those to pixels outside the block.
    """
    h, w = labels.shape
    top, left, rows, columns = block
    among = outward = 0
    for r in range(top, top + rows):
        for c in range(left, left + columns):
            if labels[r, c] != own:
                continue
            for i, j in ((r, c - 1), (r, c + 1), (r - 1, c), (r + 1, c)):
                if not (0 <= i < h and 0 <= j < w):
                    continue
                if labels[i, j] == own and top <= i < top + rows and left <= j < left + columns:
                    among += 1
                elif labels[i, j] == other:
                    outward += 1
    return among // 2, outward


@njit(cache=True)
def _unexplained_around(f: Labelling, block: Block) -> np.float32:
    """What the samples that see a block leave unexplained, in nats: no pull on it gains more."""
    rows, columns = f.rows, f.columns
    top, left, tall, wide = block
    bottom, right = top + tall - 1, left + wide - 1
    total = np.float32(0)
    for i in range(rows.sample_first[top], rows.sample_first[bottom] + rows.sample_count[bottom]):
        for x in range(
            columns.sample_first[left], columns.sample_first[right] + columns.sample_count[right]
        ):
            squares = f.residual[0, i, x] ** 2 + f.residual[1, i, x] ** 2
            total += f.weights.chroma[i, x] * squares
    return total


@njit(cache=True)
def _pull_together(
    f: Labelling, block: Block, own: int
) -> tuple[np.float32, np.float32, np.float32]:
    """As `_pull`, of all pixels of a label in a block."""
    rows, columns = f.rows, f.columns
    top, left, tall, wide = block
    bottom, right = top + tall - 1, left + wide - 1
    g2 = su = sv = np.float32(0)
    for i in range(rows.sample_first[top], rows.sample_first[bottom] + rows.sample_count[bottom]):
        for x in range(
            columns.sample_first[left], columns.sample_first[right] + columns.sample_count[right]
        ):
            g = np.float32(0)
            for r in range(top, top + tall):
                m = i - rows.sample_first[r]
                if not 0 <= m < rows.sample_count[r]:
                    continue
                for c in range(left, left + wide):
                    n = x - columns.sample_first[c]
                    if f.labels[r, c] == own and 0 <= n < columns.sample_count[c]:
                        g += rows.sample_weight[r, m] * columns.sample_weight[c, n]
            gw = g * f.weights.chroma[i, x]
            g2 += g * gw
            su += gw * f.residual[0, i, x]
            sv += gw * f.residual[1, i, x]
    return g2, su, sv


@njit(cache=True)
def _best_together(f: Labelling, block: Block, own: int) -> int:
    """The label that suits the pixels of label `own` in a block best, if all take it."""
    colours, prior = f.colours, f.prior
    among, outward = _edges(f.labels, block, own, own)
    if not among:
        return own
    g2, su, sv = _pull_together(f, block, own)
    most = (su * su + sv * sv) / max(g2, np.float32(1e-9))
    if most < LEAST_PULL:
        return own
    top, left, tall, wide = block
    count = 0
    luma = trust = np.float32(0)
    for r in range(top, top + tall):
        for c in range(left, left + wide):
            if f.labels[r, c] == own:
                count += 1
                trust += f.weights.luma[r, c]
                luma += f.weights.luma[r, c] * f.y[r, c]
    half = np.float32(0.5)
    before = (trust * colours[own, 0] - 2 * luma) * colours[own, 0]
    before += prior[own] * (count - half * (among + outward))
    best, label = np.float32(0), own
    for k in range(len(colours)):
        d = (trust * colours[k, 0] - 2 * luma) * colours[k, 0] - before
        d += prior[k] * (count - half * among)
        if k == own or d - 2 * count * prior[k] > most:
            continue
        du, dv = colours[k, 1] - colours[own, 1], colours[k, 2] - colours[own, 2]
        d += g2 * (du * du + dv * dv) - 2 * (su * du + sv * dv)
        d -= half * prior[k] * _edges(f.labels, block, own, k)[1]
        if d < best:
            best, label = d, k
    return label


@njit(cache=True)
def sweep_blocks(f: Labelling) -> int:
    """As `sweep`, but the pixels in a block that share a sample and a label change together.

    Where several pixels of a sample have a wrong label, the sample pulls each of them so little
    that none changes alone.
    """
    h, w = f.y.shape
    tall = (h + f.residual.shape[1] - 1) // f.residual.shape[1]
    wide = (w + f.residual.shape[2] - 1) // f.residual.shape[2]
    changed = 0
    for top in range(0, h - tall + 1, tall):
        for left in range(0, w - wide + 1, wide):
            block = (top, left, tall, wide)
            if _unexplained_around(f, block) < LEAST_PULL:
                continue
            before = -1
            for q in range(tall * wide):
                j = f.labels[top + q // wide, left + q % wide]
                if j == before or not f.active[top + q // wide, left + q % wide]:
                    continue
                before = j
                label = _best_together(f, block, j)
                if label == j:
                    continue
                changed += 1
                du = f.colours[label, 1] - f.colours[j, 1]
                dv = f.colours[label, 2] - f.colours[j, 2]
                for r in range(top, top + tall):
                    for c in range(left, left + wide):
                        if f.labels[r, c] == j:
                            f.labels[r, c] = label
                            _move(f.rows, f.columns, f.residual, r, c, du, dv)
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
