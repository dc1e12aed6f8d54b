"""Votes for what each place of the world shows, compiled by numba."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids, Longs
from spritecodec.mining.indexed import Indexed

# Votes are counted colour by colour below so many counters (2 bytes each); above, each
# pixel keeps one candidate and a balance (Boyer and Moore's majority vote).
MOST_COUNTERS = 1 << 26

# A pixel that changes so often, and shows the plain colour for so large a share of the
# time, is plain with something drawn on it (digits of a score), whatever it shows most.
RESTLESS_CHANGES = 6

PLAIN_SHARE = 0.1


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
def _contest(
    frame: Ids,
    canvas: Ids,
    ox: int,
    oy: int,
    fixed: Ids,
    by_canvas: NDArray[np.int32],
    only_canvas: NDArray[np.int32],
    only_fixed: NDArray[np.int32],
) -> None:
    """Count, per screen pixel, the frames that the canvas, and just one picture, explains."""
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


def _vote(
    frames: Indexed, position: Longs, shape: tuple[int, int], covered: NDArray[np.bool_]
) -> Ids:
    """The colour that each pixel of a picture shows most, over all frames."""
    colours = len(frames.colours)
    if shape[0] * shape[1] * colours > MOST_COUNTERS:
        candidate = np.zeros(shape, np.uint16)
        balance = np.zeros(shape, np.int32)
        for t, (ox, oy) in enumerate(position.tolist()):
            _balance(frames[t], ox, oy, covered, candidate, balance)
        return candidate
    counts = np.zeros((*shape, colours), np.uint16)
    last, changes = np.zeros(shape, np.uint16), np.zeros(shape, np.uint16)
    for t, (ox, oy) in enumerate(position.tolist()):
        _count(frames[t], ox, oy, covered, counts, last, changes)
    most: Ids = counts.argmax(axis=2).astype(np.uint16)
    plain = np.bincount(most.ravel(), minlength=colours).argmax()
    share = counts[..., plain] >= PLAIN_SHARE * np.maximum(counts.sum(axis=2, dtype=np.int64), 1)
    most[share & (changes >= RESTLESS_CHANGES)] = plain
    most[counts.sum(axis=2, dtype=np.int64) == 0] = plain  # never shown
    return most
