"""The colours of a recording that was scaled up: dense clusters of its native pixels.

An enlarged recording has a chroma sample or more for each native pixel, so every native pixel's
colour is measured, with little noise. Colours are where many measurements lie close together:
first those of flat 2 x 2 blocks, then those of the pixels that no colour explains yet. Codecs
and scalers mix the chroma of neighbours. Such a mixture has the luma of one colour and a chroma
on the way to a neighbour's, and is no colour of its own.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Longs = NDArray[np.int64]


class ClusterThresholds(NamedTuple):
    """What makes a colour. Distances are the largest of the three planes', in levels."""

    flat: float = 4.0
    """Range within a flat block."""

    radius: float = 5.0
    """Measurements of one colour lie so close to their mean."""

    unexplained: float = 6.0
    """Measurements farther from every colour are unexplained."""

    min_share: float = 1e-4
    """Share of all pixels that a colour has at least; a fifth of it in flat blocks."""

    min_compact: float = 0.4
    """Share of the measurements within 2.5 radii that lie within the radius: noise and mixtures
    are spread."""

    same_luma: float = 2.5
    """A mixture's luma is that of a colour, as nearly as the mean of noisy pixels can be."""

    max_mixture: float = 0.75
    """How far towards a neighbour's chroma a mixture may lie."""

    max_overshoot: float = 0.35
    """How far beyond its own chroma, away from a neighbour's, ringing may carry a pixel."""

    min_neighbours: float = 0.6
    """Share of a candidate's pixels that have such a neighbour."""

    max_unexplained: float = 0.1
    """Share of all pixels that may stay unexplained. With more, the content is soft."""

    rounds: int = 6
    """Times that unexplained pixels are searched for colours."""


CLUSTERS = ClusterThresholds()


def cluster_colours(
    y: Floats,
    u: Floats,
    v: Floats,
    max_colours: int,
    thresholds: ClusterThresholds = CLUSTERS,
) -> Floats | None:
    """Find the colours of some native frames.

    Parameters
    ----------
    y, u, v : ndarray, shape (n, h, w), float32
        In recorded levels.
    max_colours : int
    thresholds : ClusterThresholds
        Of these, `min_compact` and `max_unexplained` may differ from the usual.

    Returns
    -------
    ndarray, shape (k, 3), float32, or None
        Y, Cb, Cr; None where few colours do not explain the frames.
    """
    planes = np.stack([y, u, v], axis=-1)
    flat = planes.reshape(-1, 3)
    colours = _peaks(_flat_blocks(planes), max_colours + 1, CLUSTERS.min_share / 5 * len(flat))
    if not 0 < len(colours) <= max_colours:
        return None
    colours = _without_mixtures(colours, flat, y.shape)
    refused: list[Doubles] = []
    for _ in range(CLUSTERS.rounds):
        if len(colours) > max_colours:
            return None
        far, nearest = cKDTree(colours).query(flat, p=np.inf)
        open_ = np.flatnonzero(far > CLUSTERS.unexplained)
        found = _peaks(flat[open_], 24, CLUSTERS.min_share / 2 * len(flat))
        labels = nearest.reshape(y.shape)
        new = []
        for candidate in found:
            if any(np.abs(candidate - r).max() < CLUSTERS.radius for r in refused):
                continue
            distance = np.abs(flat[open_] - candidate).max(axis=1)
            near = open_[distance <= CLUSTERS.radius][:4000]
            if _is_compact(distance, thresholds.min_compact) and not _is_mixture(
                candidate, _labels_around(near, labels), colours
            ):
                new.append(candidate)
            else:
                refused.append(candidate)
        if not new:
            break
        colours = np.vstack([colours, new])
    far, _ = cKDTree(colours).query(flat, p=np.inf)
    if (far > CLUSTERS.unexplained).mean() > thresholds.max_unexplained:
        return None
    return colours.astype(np.float32)


def _flat_blocks(planes: Floats) -> Doubles:
    """The means of all flat 2 x 2 blocks, shape (m, 3)."""
    corners = [
        planes[:, i : planes.shape[1] - 1 + i, j : planes.shape[2] - 1 + j]
        for i in range(2)
        for j in range(2)
    ]
    low, high = np.minimum.reduce(corners), np.maximum.reduce(corners)
    flat = (high - low <= CLUSTERS.flat).all(axis=-1)
    means: Doubles = np.mean([c[flat] for c in corners], axis=0, dtype=np.float64)
    return means


def _peaks(values: NDArray[np.floating], most: int, min_count: float) -> Doubles:
    """The densest places of some measurements, shape (m, 3): mean shift from full cells."""
    cell = np.floor(values / 2).astype(np.int64)
    _, which, count = np.unique(
        cell @ np.array([1 << 16, 1 << 8, 1]), return_inverse=True, return_counts=True
    )
    centre = np.stack([np.bincount(which, values[:, c]) / count for c in range(3)], axis=1)
    left = count.astype(np.float64)
    found: list[Doubles] = []
    while len(found) < most and len(left):
        start = int(left.argmax())
        if left[start] < min_count / 5:
            break
        peak = centre[start]
        for _ in range(5):
            weight = left * (np.abs(centre - peak).max(axis=1) <= CLUSTERS.radius)
            if not weight.any():
                break
            peak = (centre * weight[:, None]).sum(axis=0) / weight.sum()
        near = np.abs(centre - peak).max(axis=1) <= CLUSTERS.radius
        support = left[near].sum()
        left[near] = 0
        left[start] = 0
        if support >= min_count:
            found.append(peak)
    return np.array(found).reshape(-1, 3)


def _is_compact(distance: Floats, share: float) -> bool:
    """Whether measurements at these distances from a candidate lie densely at it."""
    near = np.count_nonzero(distance <= CLUSTERS.radius)
    return bool(near >= share * np.count_nonzero(distance <= 2.5 * CLUSTERS.radius))


def _without_mixtures(colours: Doubles, flat: Floats, shape: tuple[int, ...]) -> Doubles:
    """The colours that are no mixtures of commoner ones, which come first."""
    far, nearest = cKDTree(colours).query(flat, p=np.inf)
    labels = np.where(far > CLUSTERS.unexplained, -1, nearest).reshape(shape)
    for i in reversed(range(len(colours))):
        where = np.flatnonzero(labels == i)
        step = len(where) // 4000 + 1
        if len(where) and _is_mixture(
            colours[i], _labels_around(where[::step], labels), colours[:i]
        ):
            colours = np.delete(colours, i, axis=0)
            labels[labels == i] = -1
            labels[labels > i] -= 1
    return colours


def _is_mixture(candidate: Doubles, around: Longs, colours: Doubles) -> bool:
    """Whether a candidate has the luma of a colour, and its chroma but for that of neighbours.

    `around`, shape (m, 8), holds the labels of the neighbours of some of its pixels.
    """
    for own in np.flatnonzero(np.abs(colours[:, 0] - candidate[0]) < CLUSTERS.same_luma):
        off = candidate[1:] - colours[own, 1:]
        way = colours[:, 1:] - colours[own, 1:]
        length = (way**2).sum(axis=1)
        share = way @ off / np.maximum(length, 1e-9)
        beside = np.abs(off - share[:, None] * way).max(axis=1) < CLUSTERS.radius
        mixed = (-CLUSTERS.max_overshoot < share) & (share < CLUSTERS.max_mixture)
        others = np.flatnonzero((length >= CLUSTERS.radius**2) & beside & mixed)
        if np.isin(around, others).any(axis=1).mean() >= CLUSTERS.min_neighbours:
            return True
    return False


def _labels_around(where: Longs, labels: Longs) -> Longs:
    """The labels of the eight neighbours of some pixels, shape (m, 8)."""
    n, h, w = labels.shape
    t, y, x = np.unravel_index(where, (n, h, w))
    return np.stack(
        [
            labels[t, np.clip(y + i, 0, h - 1), np.clip(x + j, 0, w - 1)]
            for i in (-1, 0, 1)
            for j in (-1, 0, 1)
            if i or j
        ],
        axis=1,
    )
