"""Voting for the value of each place of one plane, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import WORLD

COUNTER_BYTES = 2  # one counter for each colour of each place


@njit(cache=True)
def _count(
    frame: Ids,
    ox: int,
    oy: int,
    covered: NDArray[np.bool_],
    counts: NDArray[np.uint16],
    last: Ids,
    changes: NDArray[np.uint16],
) -> None:
    """Count the colours that one frame shows at each place, and how often these change."""
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            if covered[y, x]:
                continue
            c = frame[y, x]
            if c < counts.shape[2] and counts[y + oy, x + ox, c] < 65535:
                counts[y + oy, x + ox, c] += 1
            if last[y + oy, x + ox] != c:
                last[y + oy, x + ox] = c
                if changes[y + oy, x + ox] < 65535:
                    changes[y + oy, x + ox] += 1


@njit(cache=True)
def _balance(
    frame: Ids,
    ox: int,
    oy: int,
    covered: NDArray[np.bool_],
    candidate: Ids,
    balance: NDArray[np.int32],
) -> None:
    """Add one frame to a majority vote with one candidate for each place."""
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            if covered[y, x]:
                continue
            c = frame[y, x]
            if balance[y + oy, x + ox] == 0:
                candidate[y + oy, x + ox] = c
                balance[y + oy, x + ox] = 1
            elif candidate[y + oy, x + ox] == c:
                balance[y + oy, x + ox] += 1
            else:
                balance[y + oy, x + ox] -= 1


@njit(cache=True)
def count_explained(
    frame: Ids,
    canvas: Ids,
    ox: int,
    oy: int,
    fixed: Ids,
    by_canvas: NDArray[np.int32],
    only_canvas: NDArray[np.int32],
    only_fixed: NDArray[np.int32],
) -> None:
    """Count, for each pixel of the screen, whether canvas or overlay explain one frame.

    `fixed` is the candidate of the overlay. `by_canvas` counts frames that the canvas explains,
    `only_canvas` and `only_fixed` those that the other does not explain.
    """
    h, w = frame.shape
    for y in range(h):
        for x in range(w):
            c = frame[y, x]
            a = canvas[y + oy, x + ox] == c
            b = fixed[y, x] == c
            by_canvas[y, x] += a
            if a and not b:
                only_canvas[y, x] += 1
            elif b and not a:
                only_fixed[y, x] += 1


def vote(
    frames: Indexed, position: Longs, shape: tuple[int, int], covered: NDArray[np.bool_]
) -> Ids:
    """Choose the colour that each place shows in most frames.

    Parameters
    ----------
    frames : Indexed
    position : ndarray, shape (n, 2), int64
        The place (x, y) at the screen's top left corner in each frame.
    shape : (H, W)
        Of all places.
    covered : ndarray, shape (h, w), bool
        Pixels of the screen that do not vote.

    Returns
    -------
    ndarray, shape (H, W), uint16
        Colour numbers. A place that changes often and shows the commonest colour of all often
        enough is of that colour: something is drawn on it, for example the digits of a score.
    """
    colours = len(frames.colours)
    if shape[0] * shape[1] * colours * COUNTER_BYTES > LIMITS.memory:
        candidate = np.zeros(shape, np.uint16)
        balance = np.zeros(shape, np.int32)
        for t, (ox, oy) in enumerate(position.tolist()):
            _balance(frames[t], ox, oy, covered, candidate, balance)
        return candidate
    counts = np.zeros((*shape, colours), np.uint16)
    last, changes = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
    for t, (ox, oy) in enumerate(position.tolist()):
        _count(frames[t], ox, oy, covered, counts, last, changes)
    total = counts.sum(axis=2, dtype=np.int64)
    most: Ids = counts.argmax(axis=2).astype(np.uint16)
    plain = np.bincount(most.ravel(), minlength=colours).argmax()
    often = counts[..., plain] >= WORLD.min_plain_share * np.maximum(total, 1)
    most[often & (changes >= WORLD.min_restless_changes)] = plain
    most[total == 0] = plain  # never shown
    return most
