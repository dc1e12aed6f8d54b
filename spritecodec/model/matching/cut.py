"""Cutting sprites from the clip: from where it is badly explained, by what they explain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.model.matching import kernels
from spritecodec.model.matching.kernels import Image, Rows
from spritecodec.model.matching.match import REPLACES, Dictionary, Reconstruction, score, vote
from spritecodec.model.matching.parts import Sightings

MAX_WINDOWS = 192
"""Badly explained windows that a round looks at, over all frames."""
MAX_PATCHES = 384
"""Suggested patches that a round judges."""
MAX_PIECES = 3
"""Connected pieces of a window that become patches."""
MIN_PIXELS = 4
MAX_EXPLAINED_ERROR = 48
"""Squared error of a pixel (summed over channels) that counts as explained."""


@dataclass(frozen=True)
class Pool:
    """Badly explained windows, and the sprites that they suggest.

    Attributes
    ----------
    corners : ndarray, shape (n, 3), int32
        Rows (picture, x, y), x and y being the window's top left corner.
    patches : ndarray, shape (c, k, k, 4), uint8
        Suggested sprites with binary alpha.
    window, patch : ndarray, shape (s,), int64
        Which window suggested which patch.
    worth : ndarray, shape (s,), float64
        The unexplained error under the patch in that window.
    """

    corners: Rows
    patches: Image
    window: NDArray[np.int64]
    patch: NDArray[np.int64]
    worth: NDArray[np.float64]

    @staticmethod
    def empty(k: int) -> Pool:
        none = np.zeros(0, np.int64)
        clear = np.zeros((0, k, k, 4), np.uint8)
        return Pool(np.zeros((0, 3), np.int32), clear, none, none, np.zeros(0))


def worst_windows(error: NDArray[np.float64], k: int, count: int) -> list[tuple[int, int]]:
    """Corners (x, y) of up to `count` disjoint k x k windows with the most error.

    A window may hang over the picture's edge, but its centre lies inside; it is moved so
    that the error inside it is centred, which makes the same object give the same patch.
    """
    h, w = error.shape
    half = k // 2
    padded = np.pad(error, half)
    found: list[tuple[int, int]] = []
    for _ in range(count):
        total = np.pad(padded.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
        window = total[k:, k:] - total[:-k, k:] - total[k:, :-k] + total[:-k, :-k]
        window = window[: h + 1, : w + 1]
        y, x = (int(v) for v in np.unravel_index(np.argmax(window), window.shape))
        if window[y, x] <= k * MAX_EXPLAINED_ERROR:
            break
        rows, columns = np.nonzero(padded[y : y + k, x : x + k] > MAX_EXPLAINED_ERROR)
        if len(rows):
            y = min(max(0, y + (int(rows.min() + rows.max()) + 1 - k) // 2), h)
            x = min(max(0, x + (int(columns.min() + columns.max()) + 1 - k) // 2), w)
        found.append((x - half, y - half))
        padded[y : y + k, x : x + k] = 0
    return found


def cut(
    reconstruction: Reconstruction, sightings: Sightings, i: int, x: int, y: int
) -> list[tuple[float, Image]]:
    """Patches, shape (k, k, 4), that the window at (x, y) of picture `i` suggests.

    Each is one object, centred: a connected piece of the foreground (what differs from the
    background), or one of its parts where these are seen apart elsewhere. It need not be
    unexplained as a whole, so that an object that an earlier sprite half explains becomes one
    sprite and not fragments.

    Returns
    -------
    list of (error, patch)
        The unexplained error under each patch.
    """
    k, least = reconstruction.k, REPLACES * reconstruction.price
    frame, back, drawn = reconstruction.frames[i], reconstruction.back[i], reconstruction.drawn[i]
    h, w = frame.shape[:2]
    area = np.s_[max(0, y) : min(h, y + k), max(0, x) : min(w, x + k)]
    colour = frame[area]
    error = kernels.squared_difference(colour, drawn[area])
    foreground = kernels.squared_difference(colour, back[area]) > MAX_EXPLAINED_ERROR
    pieces, count = ndimage.label(foreground, structure=np.ones((3, 3)))
    totals = ndimage.sum_labels(error, pieces, np.arange(1, count + 1))
    found: list[tuple[float, Image]] = []
    for piece in (np.argsort(-totals)[:MAX_PIECES] + 1).tolist():
        if totals[piece - 1] <= least:
            break
        for part in sightings.parts(colour, pieces == piece):
            unexplained = float(error[part].sum())
            if unexplained > least and part.sum() >= MIN_PIXELS:
                found.append((unexplained, centred(colour, part, k)))
    return found


def centred(colour: Image, mask: NDArray[np.bool_], k: int) -> Image:
    """The masked pixels in the middle of a clear patch, shape (k, k, 4)."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    inside = mask[area]
    h, w = inside.shape
    patch = np.zeros((k, k, 4), np.uint8)
    target = patch[(k - h) // 2 : (k - h) // 2 + h, (k - w) // 2 : (k - w) // 2 + w]
    target[inside, :3] = colour[area][inside]
    target[inside, 3] = 255
    return patch


def suggest(reconstruction: Reconstruction, sightings: Sightings, count: int = MAX_WINDOWS) -> Pool:
    """Collect the worst windows of all frames and the patches that they suggest."""
    k = reconstruction.k
    errors = [
        kernels.squared_difference(f, d).astype(np.float64)
        for f, d in zip(reconstruction.frames, reconstruction.drawn, strict=True)
    ]
    total = np.array([e.sum() for e in errors])
    share = count * total / max(total.sum(), 1.0)
    corners: list[tuple[int, int, int]] = []
    patches: list[Image] = []
    worth: list[float] = []
    window: list[int] = []
    for i in np.argsort(-total):
        for x, y in worst_windows(errors[i], k, max(1, min(12, round(share[i])))):
            suggested = cut(reconstruction, sightings, int(i), x, y) if len(corners) < count else []
            if suggested:
                window += [len(corners)] * len(suggested)
                corners.append((int(i), x, y))
                worth += [error for error, _ in suggested]
                patches += [patch for _, patch in suggested]
    if not patches:
        return Pool.empty(k)
    unique, which = np.unique(np.stack(patches), axis=0, return_inverse=True)
    which = which.ravel()
    rank = np.argsort(np.argsort(-np.bincount(which, worth), kind="stable"))[which]
    kept = rank < MAX_PATCHES
    chosen = np.zeros_like(unique)
    chosen[rank] = unique[which]
    return Pool(
        np.array(corners, np.int32),
        chosen[:MAX_PATCHES],
        np.array(window)[kept],
        rank[kept],
        np.array(worth)[kept],
    )


def choose(
    reconstruction: Reconstruction, pool: Pool, count: int, at_least: float
) -> tuple[Image, NDArray[np.float64]]:
    """The patches that together explain most of the pool's windows, greedily.

    Returns
    -------
    patches : ndarray, shape (chosen, k, k, 4), uint8
    gains : ndarray, shape (chosen,), float64
        Error that each takes away beyond those chosen before it; more than `at_least`.
    """
    quarter = reconstruction.k // 4
    corners = pool.corners - np.array([0, quarter, quarter], np.int32)
    weight = Dictionary(pool.patches, reconstruction.device).weight
    gains, _, _ = score(reconstruction.frames, reconstruction.drawn, corners, weight)
    # A small patch may lie in a window's corner, where the search does not reach.
    np.maximum.at(gains, (pool.window, pool.patch), pool.worth)
    net = np.maximum(gains - REPLACES * reconstruction.price, 0.0).astype(np.float64)
    best = np.zeros(len(corners))
    chosen: list[int] = []
    values: list[float] = []
    while len(chosen) < min(count, len(pool.patches)):
        value = np.maximum(net - best[:, None], 0).sum(0)
        i = int(np.argmax(value))
        if value[i] <= at_least:
            break
        chosen.append(i)
        values.append(float(value[i]))
        best = np.maximum(best, net[:, i])
    return pool.patches[chosen], np.array(values)


def mine_round(
    reconstruction: Reconstruction, sightings: Sightings, sprites: Image, count: int
) -> tuple[Image, int]:
    """One round: cut, match, re-estimate, and let the least worthy sprites make room.

    New sprites come from badly explained places; each must explain twice as much as the
    sprite whose slot it takes (nothing, while there are free slots).

    Parameters
    ----------
    sprites : ndarray, shape (m, k, k, 4), uint8
        Clear ones are free slots.
    count : int
        Sprites to add at most.

    Returns
    -------
    sprites : ndarray, shape (m, k, k, 4), uint8
    added : int
        0 when nothing is left that pays.
    """
    pool = suggest(reconstruction, sightings)
    if not len(pool.patches):
        return sprites, 0
    worth = reconstruction.sprite_worth(len(sprites))
    patches, gains = choose(reconstruction, pool, count, 2 * reconstruction.price)
    slots = np.argsort(worth, kind="stable")[: len(patches)]
    better = gains[: len(slots)] > 2 * worth[slots]
    slots, patches = slots[better], patches[: len(better)][better]
    if not len(slots):
        return sprites, 0
    grown = sprites.copy()
    grown[slots] = patches
    for i, placed in enumerate(reconstruction.placed):
        reconstruction.placed[i] = placed[~np.isin(placed[:, 0], slots)]
    dictionary = Dictionary(grown, reconstruction.device)
    reconstruction.prune(dictionary)
    reconstruction.explain(dictionary, slots, thoroughly=False)
    grown = vote(reconstruction, grown)
    reconstruction.prune(Dictionary(grown, reconstruction.device))
    return grown, len(slots)
