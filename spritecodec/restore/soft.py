"""Soft content: games that show more colours than a palette names, as translucent things do.

A recording of such a game has a core of colours that most pixels show, and hundreds of rare ones
between them. The core is found where single pixels are measured well. Luma is; chroma is not: it
is recorded at half the size, or noisily. So the chroma of each native pixel is estimated first: it
explains the recorded samples, and changes where luma does (A. Levin et al., "Colorization using
optimization", 2004). Dense clusters of these measurements are the core. Rare colours are shown by
the core's nearest.

Natural video has clusters, too, because everything lies in some cell. But its levels are
continuous: within a cluster, they are spread evenly. Those of a game lie close to the middle.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import cg
from scipy.spatial import cKDTree

from spritecodec.restore.chroma import ChromaFilter
from spritecodec.restore.clusters import CLUSTERS, cluster_colours
from spritecodec.restore.labels import Planes

Floats = NDArray[np.float32]


class SoftThresholds(NamedTuple):
    """When colours are the core of soft content. Measured on recordings of five games at native
    size, x3 and x4, crf 18 and 23, and of camera video and a rendered scene."""

    smoothness: float = 0.2
    """Weight of a difference of chroma between neighbours of equal luma, against that of a
    sample's error. From 0.05 to 1, the PSNR of the estimate changes by 0.3 dB."""

    luma_step: float = 4.0
    """Levels between neighbours, as a standard deviation, from which on they may differ in
    chroma, too. 2 is worse by 0.1 dB."""

    leak: float = 1e-3
    """Weight of neighbours whose luma differs by any amount."""

    iterations: int = 60
    """Of conjugate gradients."""

    max_colours: int = 128
    """Colours of the core."""

    max_unexplained: float = 0.25
    """Share of the estimates that may be far from every colour. Nor need a colour's estimates lie
    densely: beside translucent things they do not. Asking for it costs 3.6 dB at x3, crf 23."""

    level: float = 1.0
    """Levels of luma from a colour, ..."""

    reach: float = 4.0
    """... and up to which pixels are counted."""

    min_discrete: float = 0.42
    """Share of these pixels that lie within `level`. Of games it is 0.57 to 0.92, of continuous
    tones 0.29 to 0.31."""

    min_luma: float = 37.0
    """Decibels of the recording's luma against that of the core's colours. Soft games have 38.5 to
    41.6; a game with sparks of any colour on 3 % of its area has 35.6 and is better left."""


SOFT = SoftThresholds()

_NEIGHBOURS = ((0, 1), (1, 0), (1, 1), (1, -1))


def guided_planes(planes: Planes, chroma: ChromaFilter) -> Planes:
    """Estimate the chroma of each pixel.

    Parameters
    ----------
    planes : Planes
        Luma of shape (h, w), and chroma as the filter made it.
    chroma : ChromaFilter

    Returns
    -------
    Planes
        All of shape (h, w); luma as it was.
    """
    seen = sparse.kron(sparse.csr_array(chroma.rows), sparse.csr_array(chroma.columns)).tocsr()
    system = (seen.T @ seen + SOFT.smoothness * _unlike(planes.y)).tocsr()
    scale = sparse.diags_array(1 / system.diagonal())
    weight = np.maximum(seen.T @ np.ones(seen.shape[0], np.float32), 1e-6)
    found = []
    for samples in (planes.u, planes.v):
        right = seen.T @ samples.ravel()
        solved, _ = cg(
            system, right, x0=right / weight, M=scale, maxiter=SOFT.iterations, rtol=1e-4
        )
        found.append(np.asarray(solved, np.float32).reshape(planes.y.shape))
    return Planes(planes.y, *found)


def _unlike(luma: Floats) -> sparse.csr_array:
    """What it costs that neighbours differ: the Laplacian of a graph, (h * w, h * w)."""
    h, w = luma.shape
    number = np.arange(h * w).reshape(h, w)
    pairs = []
    for dy, dx in _NEIGHBOURS:
        left, right = max(-dx, 0), max(dx, 0)
        pairs.append((number[: h - dy, left : w - right], number[dy:, right : w - left]))
    one, other = (np.concatenate([p[i].ravel() for p in pairs]) for i in (0, 1))
    step = luma.ravel()[one] - luma.ravel()[other]
    like = np.exp(-np.square(step) / (2 * SOFT.luma_step**2)) + SOFT.leak
    beside = sparse.coo_array((like.astype(np.float32), (one, other)), shape=(h * w, h * w)).tocsr()
    both = beside + beside.T
    laplacian: sparse.csr_array = (sparse.diags_array(both.sum(axis=1)) - both).tocsr()
    return laplacian


def core_colours(sample: list[Planes], chroma: ChromaFilter) -> Floats | None:
    """Find the colours that most pixels of a game with soft content show.

    Parameters
    ----------
    sample : list of Planes
        Frames at the game's own size.
    chroma : ChromaFilter
        How their chroma was made, about.

    Returns
    -------
    ndarray, shape (k, 3), float32, or None
        Y, Cb, Cr, the commonest first; None where levels are continuous, as in natural video.
    """
    guided = [guided_planes(planes, chroma) for planes in sample]
    y, u, v = (np.stack([planes[c] for planes in guided]) for c in range(3))
    spread = CLUSTERS._replace(min_compact=0, max_unexplained=SOFT.max_unexplained)
    colours = cluster_colours(y, u, v, SOFT.max_colours, spread)
    if colours is None:
        return None
    measured = np.stack([y, u, v], axis=-1).reshape(-1, 3)
    far, nearest = cKDTree(colours).query(measured, p=np.inf)
    explained = far <= CLUSTERS.unexplained
    off = np.abs(measured[explained, 0] - colours[nearest[explained], 0])
    near = np.count_nonzero(off <= SOFT.level)
    return colours if near > SOFT.min_discrete * np.count_nonzero(off <= SOFT.reach) else None
