"""Fitting materials: from pairs of background and shown colour to a colour and an alpha.

Where the background is known, two pixels of one material give its alpha by how much of the
difference between their backgrounds is left, and so its colour. Such *guesses* are refined by least
squares, and then by trying all integers nearby, because blends are rounded.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.mining.background.materials import blend
from spritecodec.mining.indexed import OTHER, Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import MATERIALS

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Pairs:
    """Colours seen where the background does not show.

    Attributes
    ----------
    behind : ndarray, shape (pairs, 3), float64
        RGB of the background.
    shown : ndarray, shape (pairs, 3), float64
        RGB of the frame.
    count : ndarray, shape (pairs,), float64
        Pixels.
    """

    behind: Floats
    shown: Floats
    count: Floats

    @staticmethod
    def of(codes: Longs, count: Longs, rgb: Floats) -> Pairs:
        """Pairs by their colour numbers; those that are given twice are added up.

        Parameters
        ----------
        codes : ndarray, shape (n,), int64
            65536 times the number of the background's colour, plus that of the colour shown.
        count : ndarray, shape (n,), int64
        rgb : ndarray, shape (colours, 3), float64
        """
        code, where = np.unique(codes, return_inverse=True)
        total = np.bincount(where.ravel(), count, len(code))
        return Pairs(rgb[code >> 16], rgb[code & 65535], total.astype(np.float64))

    def explained(self, material: Longs) -> NDArray[np.bool_]:
        """Which pairs a material, RGBA, explains."""
        made = blend(self.behind.astype(np.int64), int(material[3]), material[:3])
        result: NDArray[np.bool_] = (made == self.shown).all(axis=1)
        return result


class Guess(NamedTuple):
    """A likely material: ``shown = left * behind + added``, about.

    Attributes
    ----------
    left : float
        Share of the background that shows, 0 to 1.
    added : ndarray, shape (3,), float64
        RGB.
    """

    left: float
    added: Floats


def guess_from_two(four: Longs, count: Longs, rgb: Floats) -> list[Guess]:
    """Likely materials from two pixels each, the commonest first.

    Parameters
    ----------
    four : ndarray, shape (n, 4), int64
        Colour numbers behind and shown of one pixel, then of another.
    count : ndarray, shape (n,), int64
        How often each is seen.
    rgb : ndarray, shape (colours, 3), float64
    """
    behind = rgb[four[:, 0]] - rgb[four[:, 2]]
    shown = rgb[four[:, 1]] - rgb[four[:, 3]]
    apart = (behind**2).sum(axis=1)
    left = (behind * shown).sum(axis=1) / np.maximum(apart, 1)
    error = np.abs(shown - left[:, None] * behind).max(axis=1)
    added = rgb[four[:, 1]] - left[:, None] * rgb[four[:, 0]]
    colour = added / np.maximum(1 - left, 1e-9)[:, None]
    good = (apart >= MATERIALS.min_distance**2) & (error <= MATERIALS.max_error)
    good &= _is_translucent(left) & _is_colour(colour)
    left, added, count = left[good], added[good], count[good]
    if not len(left):
        return []
    key = np.column_stack([left, added / 255]) * MATERIALS.steps
    _, group = np.unique(np.round(key), axis=0, return_inverse=True)
    group = group.ravel()
    order = np.argsort(-np.bincount(group, count), kind="stable")[: MATERIALS.max_guesses]
    return [_mean(left, added, count, group == i) for i in order.tolist()]


def _is_translucent(left: Floats) -> NDArray[np.bool_]:
    """Which shares of the background that shows are clearly above 0 and below 1."""
    clearly: NDArray[np.bool_] = np.minimum(left, 1 - left) > MATERIALS.min_alpha
    return clearly


def _is_colour(colour: Floats) -> NDArray[np.bool_]:
    """Which estimates of a colour, shape (n, 3), leave 0 to 255 by a small margin at most."""
    margin = MATERIALS.colour_margin
    inside: NDArray[np.bool_] = colour.min(axis=1) > -margin
    inside &= colour.max(axis=1) < 255 + margin
    return inside


def _mean(left: Floats, added: Floats, weight: NDArray[Any], here: NDArray[np.bool_]) -> Guess:
    """The weighted mean of some guesses."""
    return Guess(
        float(np.average(left[here], weights=weight[here])),
        np.average(added[here], axis=0, weights=weight[here]),
    )


def guess_kin(pairs: Pairs, open_: NDArray[np.bool_], known: list[Longs]) -> list[Guess]:
    """Likely materials that have the alpha, or the colour, of known ones: smaller parts.

    Parameters
    ----------
    pairs : Pairs
    open_ : ndarray, shape (pairs,), bool
        Those that no material explains yet.
    known : list of ndarray, each shape (4,), int64
        RGBA.
    """
    behind, shown = pairs.behind[open_], pairs.shown[open_]
    often = pairs.count[open_]
    guesses = []
    for alpha in sorted({int(material[3]) for material in known}):
        left = 1 - alpha / 255
        added = shown - left * behind
        colour = added / (1 - left)
        good = _is_colour(colour)
        key = np.round(colour[good] / 255 * MATERIALS.steps)
        guesses += _commonest(key, np.full(len(key), left), added[good], often[good])
    for colour in np.unique([material[:3] for material in known], axis=0):
        apart = colour - behind
        share = (apart * (shown - behind)).sum(axis=1) / np.maximum((apart**2).sum(axis=1), 1)
        error = np.abs(behind + share[:, None] * apart - shown).max(axis=1)
        good = (error <= MATERIALS.max_error) & _is_translucent(share)
        share = share[good, None]
        key = np.round(share * MATERIALS.steps)
        guesses += _commonest(key, 1 - share[:, 0], share * colour, often[good])
    return guesses


def _commonest(key: Floats, left: Floats, added: Floats, often: Floats) -> list[Guess]:
    """The commonest guesses of equal key that stand over several backgrounds, each the mean."""
    if not len(key):
        return []
    _, group = np.unique(key, axis=0, return_inverse=True)
    group = group.ravel()
    several = np.bincount(group) >= MATERIALS.min_backgrounds
    pixels = np.bincount(group, often) * several
    order = np.argsort(-pixels, kind="stable")[: MATERIALS.max_kin]
    return [_mean(left, added, often, group == i) for i in order.tolist() if several[i]]


def _near(pairs: Pairs, open_: NDArray[np.bool_], guess: Guess) -> NDArray[np.bool_]:
    """Which open pairs a guess nearly explains."""
    error = np.abs(pairs.shown - guess.left * pairs.behind - guess.added).max(axis=1)
    near: NDArray[np.bool_] = error <= MATERIALS.margin
    return open_ & near


def _refine(pairs: Pairs, open_: NDArray[np.bool_], guess: Guess) -> Guess | None:
    """Refine a guess by least squares over the pairs near it; None where it fits nothing."""
    for _ in range(MATERIALS.fit_rounds):
        near = _near(pairs, open_, guess)
        if near.sum() < 2:
            return None
        x, y, weight = pairs.behind[near], pairs.shown[near], np.sqrt(pairs.count[near])[:, None]
        mean_x, mean_y = (weight * x).sum(0) / weight.sum(), (weight * y).sum(0) / weight.sum()
        spread = (weight * (x - mean_x) ** 2).sum()
        if not spread:
            return None
        left = float((weight * (x - mean_x) * (y - mean_y)).sum() / spread)
        guess = Guess(left, mean_y - left * mean_x)
    return guess if 0 < guess.left < 1 else None


def _best_colour(
    x: Longs, y: Longs, weight: Floats, alpha: int, likely: Floats
) -> tuple[Longs, NDArray[np.bool_]]:
    """The colour of a given alpha that explains most pairs, channel by channel.

    Parameters
    ----------
    x, y : ndarray, shape (n, 3), int64
        Behind and shown.
    weight : ndarray, shape (n,), float64
        What each pair counts.
    alpha : int
    likely : ndarray, shape (3,), float64
        The colour about which values are tried.

    Returns
    -------
    ndarray, shape (3,), int64
    ndarray, shape (n,), bool
        Which pairs it explains.
    """
    exact = np.ones(len(x), bool)
    colour = np.zeros(3, np.int64)
    reach = MATERIALS.margin + 255 // alpha  # the lower alpha, the less colour shows
    for channel in range(3):
        about = round(likely[channel])
        tried = np.arange(max(0, about - reach), min(255, about + reach) + 1)
        if not len(tried):
            exact[:] = False
            break
        fits = blend(x[None, :, channel], alpha, tried[:, None]) == y[None, :, channel]
        score = fits @ weight
        equal = np.flatnonzero(score == score.max())
        i = int(equal[len(equal) // 2])
        colour[channel] = tried[i]
        exact &= fits[i]
    return colour, exact


def fit(pairs: Pairs, open_: NDArray[np.bool_], guess: Guess) -> tuple[float, Longs] | None:
    """The material nearest to a guess that explains most pixels exactly.

    Parameters
    ----------
    pairs : Pairs
    open_ : ndarray, shape (pairs,), bool
        Those that no material explains yet.
    guess : Guess

    Returns
    -------
    float
        How many pixels it explains.
    ndarray, shape (4,), int64
        RGBA. None instead of both where it explains too little.
    """
    refined = _refine(pairs, open_, guess)
    if refined is None:
        return None
    near = _near(pairs, open_, refined)
    x, y = pairs.behind[near].astype(np.int64), pairs.shown[near].astype(np.int64)
    count = pairs.count[near]
    weight = np.sqrt(count)  # one pair of colours that is seen often is no better than several
    best, most, kinds, material = 0.0, 0.0, 0, np.zeros(4, np.int64)
    about = round(255 * (1 - refined.left))
    middle = np.average(x, axis=0, weights=count)
    apart = 2 * np.sqrt(np.average((x - middle) ** 2, axis=0, weights=count).max())
    # The nearer the backgrounds, the more alphas give the same by rounding.
    doubt = MATERIALS.margin + int(255 / max(1, apart))
    for alpha in range(max(1, about - doubt), min(254, about + doubt) + 1):
        likely = (255 * refined.added + (alpha - about) * middle) / alpha
        colour, exact = _best_colour(x, y, weight, alpha, likely)
        if exact.sum() >= MATERIALS.min_backgrounds and weight[exact].sum() > most:
            best, most = float(count[exact].sum()), float(weight[exact].sum())
            kinds, material = int(exact.sum()), np.append(colour, alpha)
    share = max(best / count.sum(), kinds / len(x))
    if best < MATERIALS.min_pixels or share < MATERIALS.min_exact_share:
        return None
    return best, material


def settle(pairs: Pairs, material: Longs, frames: Indexed) -> Longs:
    """Choose among all materials that explain the same pairs, by the colours of the clip.

    A few backgrounds leave several possible, of other alpha and colour. The right one gives
    colours of the clip also over backgrounds where it was not noticed.

    Parameters
    ----------
    pairs : Pairs
    material : ndarray, shape (4,), int64
        RGBA of one of them.
    frames : Indexed

    Returns
    -------
    ndarray, shape (4,), int64
    """
    here = pairs.explained(material)
    x, y = pairs.behind[here].astype(np.int64), pairs.shown[here].astype(np.int64)
    seen, kind = np.unique(pairs.behind, axis=0, return_inverse=True)
    often = np.argsort(-np.bincount(kind.ravel(), pairs.count), kind="stable")
    colours = seen[often[: LIMITS.candidates]].astype(np.int64)
    shown = np.zeros(len(frames.colours), bool)
    shown[frames.ids_of_rgb(pairs.shown.astype(np.uint8))] = True
    most, best = -1, material
    about, reach = int(material[3]), MATERIALS.max_difference
    for alpha in range(max(1, about - reach), min(254, about + reach) + 1):
        middle = material[:3] * about // alpha + (alpha - about) * x.mean(0).astype(int) // alpha
        tried = np.clip(middle + np.arange(-reach, reach + 1)[:, None], 0, 255)
        fits = (blend(x[:, None], alpha, tried[None]) == y[:, None]).all(axis=0)
        options = [np.unique(tried[fits[:, k], k]).tolist() for k in range(3)]
        for colour in product(*options):
            made = blend(colours, alpha, np.array(colour)).astype(np.uint8)
            numbers = frames.ids_of_rgb(made)
            known = int(shown[numbers[numbers < OTHER]].sum())
            if known > most:
                most, best = known, np.array([*colour, alpha])
    return best
