"""Explaining a region of a frame with sprites of the dictionary."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spritecodec.mining.arrays import Longs
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.pixel_state import Region, View, open_pixels
from spritecodec.mining.sprites.cover import count_likely, cover_points
from spritecodec.mining.sprites.dictionary import Dictionary
from spritecodec.mining.sprites.match import accept
from spritecodec.mining.sprites.partial import (
    accept_partly,
    unpack_places,
    vote_for_places,
    weigh_places,
)
from spritecodec.mining.thresholds import COVER, EVIDENCE

VOTE_BYTES = 8  # a place, packed into one number


@dataclass(frozen=True)
class Found:
    """A sprite placed on a frame.

    Attributes
    ----------
    sprite : int
    x, y : int
        Screen coordinates of its top left corner.
    covered : int
        Pixels of it behind something that was placed earlier.
    over : int
        Pixels of it in front of something that was placed earlier.
    over_overlay : bool
        Some pixels are in front of the overlay.
    veiled : bool
        It was placed before what is in front of it.
    """

    sprite: int
    x: int
    y: int
    covered: int
    over: int = 0
    over_overlay: bool = False
    veiled: bool = False


def place(dictionary: Dictionary, view: View, sprite: int, x: int, y: int) -> Found:
    """Place a sprite: mark what it shows at (x, y) as explained."""
    return Found(sprite, x, y, *accept(view, dictionary.sprites, sprite, x, y))


def explain(
    dictionary: Dictionary, view: View, region: Region, budget: int
) -> tuple[list[Found], int]:
    """Place sprites on a region, some partly if a material is known.

    Parameters and results are those of `cover`.
    """
    placed: list[Found] = []
    if view.translucent and region.mask.sum() >= COVER.min_partial_gain:
        for _ in range(COVER.max_rounds):
            whole, budget = cover(dictionary, view, region, budget, COVER.min_partial_gain)
            partly = cover_partly(dictionary, view, region)
            placed += whole + partly
            if not partly:
                break
    whole, budget = cover(dictionary, view, region, budget)
    return placed + whole, budget


def cover(
    dictionary: Dictionary,
    view: View,
    region: Region,
    budget: int,
    min_gain: int = COVER.min_gain,
) -> tuple[list[Found], int]:
    """Place sprites on a region, each time the one that explains most at a chosen pixel.

    Parameters
    ----------
    dictionary : Dictionary
    view : View
        Its state changes.
    region : Region
    budget : int
        Pixel comparisons that may be made.
    min_gain : int
        Open pixels that a sprite must explain.

    Returns
    -------
    placed : list of Found
    budget : int
        What is left of it.
    """
    if not len(dictionary) or budget <= 0:
        return [], budget
    points = _points_to_try(dictionary, view, region)
    if not len(points):
        return [], budget
    found = np.empty((int(open_pixels(view.state).sum()) // min_gain, 6), np.int64)
    count, budget = cover_points(
        view, dictionary.index(), points, min_gain, COVER.max_failures, budget, found
    )
    placed = [
        Found(sprite, x, y, covered, over, bool(over_overlay))
        for sprite, x, y, covered, over, over_overlay in found[:count].tolist()
    ]
    return placed, budget


def _points_to_try(dictionary: Dictionary, view: View, region: Region) -> Longs:
    """Pixels of a region that sprites may explain, shape (n, 2), those in the fewest ways first.

    Of equals, those with fewer neighbours of their colour come first: fewer sprites fit there.
    """
    ys, xs = region.points(region.mask)
    rarity, alike = _count_likely(dictionary, view, ys, xs)
    known = rarity > 0
    order = np.lexsort((alike[known], rarity[known]))
    return np.stack([xs, ys], axis=1)[known][order]


def _count_likely(dictionary: Dictionary, view: View, ys: Longs, xs: Longs) -> tuple[Longs, Longs]:
    """Of each of some pixels, what `count_likely` counts."""
    rarity, alike = np.empty(len(ys), np.int64), np.empty(len(ys), np.int64)
    count_likely(view, dictionary.index(), ys, xs, rarity, alike)
    return rarity, alike


def cover_partly(dictionary: Dictionary, view: View, region: Region) -> list[Found]:
    """Place known sprites on a region where much of them is in front of or behind others."""
    min_gain = COVER.min_partial_gain
    placed: list[Found] = []
    ys, xs = region.points(region.open_in(view.state))
    if len(ys) < min_gain:
        return placed
    places = _likely_places(dictionary, view, ys, xs)
    while len(places):
        weighed = np.empty((len(places), 2), np.int64)
        weigh_places(view, dictionary.sprites, places, EVIDENCE, weighed)
        gain, in_front = weighed.T
        best = int(gain.argmax())
        if gain[best] < min_gain:
            break
        sprite, x, y = places[best].tolist()
        front = bool(in_front[best])
        covered, over = accept_partly(view, dictionary.sprites, sprite, x, y, front)
        placed.append(Found(sprite, x, y, covered, over, veiled=not front))
        gain[best] = -1
        places = places[gain >= min_gain]
    return placed


def _likely_places(dictionary: Dictionary, view: View, ys: Longs, xs: Longs) -> Longs:
    """Places for partial placements, for which most of some pixels vote.

    Rows (sprite, x, y), those with the most votes first. Pixels that few sprite pixels may
    explain vote first.
    """
    rarity, _ = _count_likely(dictionary, view, ys, xs)
    rarest = np.argsort(rarity, kind="stable")
    rarest = rarest[np.cumsum(rarity[rarest]) <= COVER.max_candidates]
    keys = np.empty(LIMITS.memory // VOTE_BYTES, np.int64)
    count = vote_for_places(view, dictionary.index(), ys[rarest], xs[rarest], EVIDENCE, keys)
    places, votes = np.unique(keys[:count], return_counts=True)
    enough = votes >= COVER.min_votes
    order = np.argsort(-votes[enough], kind="stable")[: LIMITS.candidates]
    return unpack_places(places[enough][order])
