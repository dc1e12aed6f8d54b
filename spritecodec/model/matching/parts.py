"""Separating objects: two parts are two objects if each is seen without the other.

A piece cut from a frame often holds several objects that touch. It is laid over all places
of other frames that look like it, and where two parts of it are each seen without the other,
it falls into these parts. What always moves together stays together.

Pixels are compared for equality, so pieces of noisy clips stay whole.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numba
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.model.matching.kernels import Image, Rows

SIDE = 4
"""Side of the windows by which places that look alike are found."""
MIN_EDGES = 4
"""Changes of colour between neighbours that a window must have to count."""
MAX_FRAMES = 200
MAX_PIXELS = 6_000_000
"""Frames that are compared, and pixels of all of them together."""
MAX_PLACES = 256
"""Places of one window, and of one piece, that are looked at."""
DETAIL = 3
"""Side of a detail: a window with at least two edges that is seen whole or not at all."""
MIN_DETAILS = 12
"""A part has at least so many details."""
MIN_SEEN, MAX_UNSEEN = 0.75, 0.4
"""Shares of a part's details from which it is seen, and up to which it is not."""
MIN_PIXELS = 8
"""Connected pieces of fewer pixels are left out."""

Mask = NDArray[np.bool_]
Codes = NDArray[np.uint32]
Hashes = NDArray[np.uint64]

_jit: Any = numba.njit(cache=True, nogil=True)


@_jit  # type: ignore[untyped-decorator]
def _best_of_each_place(places: Rows, votes: NDArray[np.int64], reach: int) -> Mask:
    """Whether no other place of the same frame within `reach` has more votes."""
    keep = np.ones(len(places), np.bool_)
    first = 0
    for i in range(len(places)):
        while places[first, 0] < places[i, 0]:
            first += 1
        j = first
        while keep[i] and j < len(places) and places[j, 0] == places[i, 0]:
            near = (
                abs(places[j, 1] - places[i, 1]) <= reach
                and abs(places[j, 2] - places[i, 2]) <= reach
            )
            if near and (votes[j] > votes[i] or (votes[j] == votes[i] and j < i)):
                keep[i] = False
            j += 1
    return keep


@_jit  # type: ignore[untyped-decorator]
def _sights(
    frames: Codes, piece: Codes, mask: Mask, details: Rows, places: Rows
) -> NDArray[np.float32]:
    """Which details of the piece are seen at each place, shape (places, details), 0 or 1."""
    out = np.zeros((len(places), len(details)), np.float32)
    for a in range(len(places)):
        number, top, left = places[a, 0], places[a, 1], places[a, 2]
        for i in range(len(details)):
            seen = True
            for y in range(details[i, 0], details[i, 0] + DETAIL):
                for x in range(details[i, 1], details[i, 1] + DETAIL):
                    if mask[y, x] and frames[number, top + y, left + x] != piece[y, x]:
                        seen = False
            if seen:
                out[a, i] = 1
    return out


def _details(codes: Codes, mask: Mask) -> Rows:
    """Corners (y, x) of the windows of a piece that show something: edges, and mostly it."""
    windows = np.lib.stride_tricks.sliding_window_view
    inside = windows(mask, (DETAIL, DETAIL)).sum((2, 3))
    across = (codes[:, 1:] != codes[:, :-1]) & mask[:, 1:] & mask[:, :-1]
    down = (codes[1:] != codes[:-1]) & mask[1:] & mask[:-1]
    edges = windows(across, (DETAIL, DETAIL - 1)).sum((2, 3))
    edges += windows(down, (DETAIL - 1, DETAIL)).sum((2, 3))
    return np.argwhere((3 * inside >= 2 * DETAIL**2) & (edges >= 2)).astype(np.int32)


def _pixels(mask: Mask, details: Rows, part: Mask, rest: Mask) -> Mask:
    """The pixels of a part, given which details are the part's and which the rest's.

    A pixel follows most of the details that it lies in, or the nearest pixel that does.
    """
    votes = np.zeros(mask.shape, np.int32)
    for side, belongs in ((1, part), (-1, rest)):
        for y, x in details[belongs].tolist():
            votes[y : y + DETAIL, x : x + DETAIL] += side
    nearest = ndimage.distance_transform_edt(
        (votes == 0) | ~mask, return_distances=False, return_indices=True
    )
    return np.asarray((votes > 0)[tuple(nearest)] & mask)


def _codes(frames: Image) -> Codes:
    """Colours (..., 3) as one number each."""
    wide = frames.astype(np.uint32)
    return np.asarray(wide[..., 0] << 16 | wide[..., 1] << 8 | wide[..., 2], dtype=np.uint32)


def _hash(codes: Codes) -> tuple[Hashes, Mask]:
    """Hash of every SIDE x SIDE window of frames (..., h, w), and which have edges."""
    h, w = (max(0, side - SIDE + 1) for side in codes.shape[-2:])
    hashed = np.zeros((*codes.shape[:-2], h, w), np.uint64)
    edges = np.zeros(hashed.shape, np.uint8)
    mixed = codes.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed ^= mixed >> np.uint64(29)
    factors = np.random.default_rng(0).integers(0, 2**63, (SIDE, SIDE), dtype=np.uint64)
    across = codes[..., 1:] != codes[..., :-1]
    down = codes[..., 1:, :] != codes[..., :-1, :]
    for i in range(SIDE):
        for j in range(SIDE):
            hashed += mixed[..., i : i + h, j : j + w] * (factors[i, j] | np.uint64(1))
            if j < SIDE - 1:
                edges += across[..., i : i + h, j : j + w]
            if i < SIDE - 1:
                edges += down[..., i : i + h, j : j + w]
    return hashed, edges >= MIN_EDGES


@dataclass(frozen=True)
class Sightings:
    """Where in a clip's frames anything is seen.

    Attributes
    ----------
    codes : ndarray, shape (f, h, w), uint32
        Some of the frames, in random order.
    hashes : ndarray, shape (n,), uint64
        Of all their windows that have edges, increasing.
    places : ndarray, shape (n,), int64
        Where these windows are in the array of all windows.
    """

    codes: Codes
    hashes: Hashes = field(init=False)
    places: NDArray[np.int64] = field(init=False)

    @staticmethod
    def of(frames: Sequence[Image] | Image) -> Sightings:
        """Frames are (h, w, 3), uint8."""
        count = max(1, min(MAX_FRAMES, MAX_PIXELS // (frames[0].size // 3)))
        # A random order, so that the first places of a window are spread over the clip.
        chosen = np.random.default_rng(0).permutation(len(frames))[:count]
        return Sightings(_codes(np.stack([frames[i] for i in chosen])))

    def __post_init__(self) -> None:
        hashed, edged = _hash(self.codes)
        places = np.flatnonzero(edged)
        found = hashed.ravel()[places]
        order = np.argsort(found, kind="stable")
        object.__setattr__(self, "hashes", found[order])
        object.__setattr__(self, "places", places[order])

    def parts(self, colour: Image, mask: Mask) -> list[Mask]:
        """The objects that a piece consists of.

        Parameters
        ----------
        colour : ndarray, shape (h, w, 3), uint8
        mask : ndarray, shape (h, w), bool
            The piece's pixels.

        Returns
        -------
        list of ndarray, shape (h, w), bool
            Connected, disjoint parts of `mask`; smaller ones are left out.
        """
        done: list[Mask] = []
        waiting = [mask]
        codes = _codes(colour)
        while waiting:
            piece = waiting.pop()
            part = self._split(codes, piece)
            if part is None:
                done.append(piece)
                continue
            for half in (part, piece & ~part):
                pieces, count = ndimage.label(half, structure=np.ones((3, 3)))
                for number in range(1, count + 1):
                    if (pieces == number).sum() >= MIN_PIXELS:
                        waiting.append(pieces == number)
        return done

    def _split(self, codes: Codes, mask: Mask) -> Mask | None:
        """A part of the piece that is another object than the rest; None if it is one."""
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        area = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        codes, inside = codes[area], mask[area]
        if min(inside.shape) < SIDE:
            return None
        details = _details(codes, inside)
        places = self._alike(codes, inside)
        if len(details) < 2 * MIN_DETAILS or len(places) < 3:
            return None
        sights = _sights(self.codes, codes, inside, details, places)
        _, first = np.unique(np.packbits(sights > 0, axis=1), axis=0, return_index=True)
        parts = sights[first]
        size = parts.sum(1)
        large = (size >= MIN_DETAILS) & (len(details) - size >= MIN_DETAILS)
        parts, size = parts[large], size[large]
        if not len(parts):
            return None
        common = sights @ parts.T
        part = common / size
        rest = (sights.sum(1)[:, None] - common) / (len(details) - size)
        alone = (part >= MIN_SEEN) & (rest <= MAX_UNSEEN)
        without = (rest >= MIN_SEEN) & (part <= MAX_UNSEEN)
        sides = alone.sum(0), without.sum(0)
        evidence = np.where(np.maximum(*sides) > 1, np.minimum(*sides), 0)
        best = int(np.argmax(evidence))
        if not evidence[best]:
            return None
        # Details that lie across the border are seen in neither of the two.
        one, other = parts[best] > 0, sights[without[:, best]].mean(0) > 0.5
        found = np.zeros_like(mask)
        found[area] = _pixels(inside, details, one & ~other, other & ~one)
        return found if found.any() and (found != mask).any() else None

    def _alike(self, codes: Codes, mask: Mask) -> Rows:
        """Places (frame, y, x) of a piece's top left corner where some of it may be seen."""
        none = np.zeros((0, 3), np.int32)
        h, w = mask.shape
        windows, edged = _hash(codes)
        whole = np.lib.stride_tricks.sliding_window_view(mask, (SIDE, SIDE)).all((2, 3))
        v, u = np.nonzero(edged & whole)
        first = np.searchsorted(self.hashes, windows[v, u], "left")
        last = np.searchsorted(self.hashes, windows[v, u], "right")
        count = np.minimum(last - first, MAX_PLACES)
        if not count.sum():
            return none
        owner = np.repeat(np.arange(len(v)), count)
        within = np.arange(len(owner)) - np.repeat(count.cumsum() - count, count)
        place = self.places[first[owner] + within]
        rows, columns = (side - SIDE + 1 for side in self.codes.shape[1:])
        frame, rest = np.divmod(place, rows * columns)
        y, x = rest // columns - v[owner], rest % columns - u[owner]
        seen = (y >= 0) & (y + h <= rows + SIDE - 1) & (x >= 0) & (x + w <= columns + SIDE - 1)
        key = (frame[seen] * (rows + SIDE) + y[seen]) * (columns + SIDE) + x[seen]
        key, votes = np.unique(key, return_counts=True)
        y, x = np.divmod(key, columns + SIDE)
        places = np.column_stack([y // (rows + SIDE), y % (rows + SIDE), x]).astype(np.int32)
        places, votes = places[votes > 1], votes[votes > 1]
        # A shifted copy of itself says nothing: it comes from repetition inside the object.
        places = places[_best_of_each_place(places, votes, min(h, w, 8))]
        return places[:: -(-len(places) // MAX_PLACES)] if len(places) else none
