"""Translucent pixels: told by what they do to the background, and numbered like colours.

A translucent pixel shows another colour over every background, but always by the same rule,
its *material*: a colour and an alpha. Where the background is known, two pixels of one
material give its alpha by how much of the difference between their backgrounds is left, and
so its colour. What a material explains exactly, over several backgrounds, is numbered as that
material, whatever lies behind; from there on it is mined by equality like all else.
"""

from __future__ import annotations

from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from itertools import product

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, MOST_UNEXPLAINED_SHARE, Ids, Longs
from spritecodec.mining.background.materials import Materials, blend
from spritecodec.mining.background.world import World, draw_world
from spritecodec.mining.indexed import OTHER, Indexed

Floats = NDArray[np.float64]

OFFSETS = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (0, 4), (4, 0))  # (dy, dx) of neighbours
MOST_NEIGHBOURS = 400_000  # pairs of pixels that are asked for a material
FARTHEST_APART = 30  # RGB distance of two backgrounds, at least, to tell an alpha by
OFTEN_NEAR, NEAR_APART = 200, 20  # as seen so often together, so near ones do as well
LARGEST_ERROR = 1.01  # of a colour value, by rounding
NEAR = 2.5  # colour values: what agrees so nearly helps to fit a guess
GUESSES, KIN = 400, 20
MOST_TOGETHER = 1000  # pairs of colours seen at one place that are compared with one another
CLOSE_ALPHA, CLOSE_COLOUR = 50, 5  # guesses are put together in steps of 1/50, and of 5
FEWEST_PIXELS, FEWEST_BACKGROUNDS = 30, 3  # that a material explains
FEW_BACKGROUNDS = 8  # leave more than one material
COMMON_COLOURS = 64  # behind materials, that tell which of them is right
REACH = 20  # how far alpha and colour may be from a first guess
OFTEN = 300  # pixels over each of two backgrounds, where these may be enough
# Of the pixels that it explains nearly, or of their kinds: chance explains a few of these.
EXACT_SHARE = 0.7
MOST_MATERIALS = 200


@dataclass(frozen=True)
class _Pairs:
    """What was seen where the background does not show: background, colour, how often."""

    behind: Floats  # (pairs, 3)
    shown: Floats  # (pairs, 3)
    count: Floats  # (pairs,)

    @staticmethod
    def of(codes: Longs, count: Longs, rgb: Floats) -> _Pairs:
        """Pairs by the numbers of their colours, those that are given twice together."""
        code, where = np.unique(codes, return_inverse=True)
        total = np.bincount(where.ravel(), count, len(code))
        return _Pairs(rgb[code >> 16], rgb[code & 65535], total.astype(np.float64))


def _changed(frames: Indexed, world: World, t: int) -> tuple[Ids, NDArray[np.bool_]]:
    """The background of frame t, and where something else shows instead."""
    drawn = np.empty((frames.height, frames.width), np.uint16)
    draw_world(world, t, drawn)
    frame = frames[t]
    changed = (drawn != frame) & (drawn < OTHER) & (frame < OTHER) & (world.overlay == CLEAR)
    return drawn, changed


def _collect(frames: Indexed, world: World) -> tuple[Longs, Longs, Longs]:
    """All pairs of background and shown colour, how often each is, and pairs of neighbours.

    The first holds the number of the background's colour, times 65536, plus that of the colour
    shown. The last is of shape (n, 4): background and colour shown of one pixel, then those of
    another, which shows another colour before another background.
    """
    codes, neighbours = [], []
    height, width = frames.height, frames.width
    for t in range(len(frames)):
        behind, changed = _changed(frames, world, t)
        if changed.sum() > MOST_UNEXPLAINED_SHARE * changed.size:
            continue  # nothing will be mined in such a frame
        frame = frames[t]
        codes.append(behind[changed].astype(np.int64) << 16 | frame[changed])
        here = []
        for dy, dx in OFFSETS:
            a = (slice(height - dy), slice(width - dx))
            b = (slice(dy, None), slice(dx, None))
            both = changed[a] & changed[b] & (behind[a] != behind[b]) & (frame[a] != frame[b])
            four = [behind[a][both], frame[a][both], behind[b][both], frame[b][both]]
            here.append(np.stack(four, axis=1))
        every = np.concatenate(here)
        neighbours.append(every[:: len(every) * len(frames) // MOST_NEIGHBOURS + 1])
    if not codes:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
    code, count = np.unique(np.concatenate(codes), return_counts=True)
    return code, count, np.concatenate(neighbours).astype(np.int64)


def _guess(four: Longs, count: Longs, rgb: Floats) -> list[tuple[float, Floats]]:
    """Likely materials: the share of the background that is left, and what is added to it.

    Parameters
    ----------
    four : ndarray, shape (n, 4)
        Behind and shown, and once more for another pixel.
    count : ndarray, shape (n,)
        How often each is seen.
    rgb : ndarray, shape (colours, 3)
    """
    behind = rgb[four[:, 0]] - rgb[four[:, 2]]
    shown = rgb[four[:, 1]] - rgb[four[:, 3]]
    apart = (behind**2).sum(axis=1)
    left = (behind * shown).sum(axis=1) / np.maximum(apart, 1)
    error = np.abs(shown - left[:, None] * behind).max(axis=1)
    added = rgb[four[:, 1]] - left[:, None] * rgb[four[:, 0]]
    colour = added / np.maximum(1 - left, 1e-9)[:, None]
    far = np.where(count >= OFTEN_NEAR, NEAR_APART, FARTHEST_APART)
    good = (apart >= far**2) & (error <= LARGEST_ERROR) & (left > 0.01) & (left < 0.97)
    good &= ((colour > -8) & (colour < 263)).all(axis=1)
    left, added, count = left[good], added[good], np.minimum(count[good], 20)
    if not len(left):
        return []
    key = np.column_stack([np.round(left * CLOSE_ALPHA), np.round(added / CLOSE_COLOUR)])
    _, group = np.unique(key, axis=0, return_inverse=True)
    weight = np.bincount(group.ravel(), count)
    guesses = []
    for i in np.argsort(-weight, kind="stable")[:GUESSES].tolist():
        here = group.ravel() == i
        guesses.append(
            (
                float(np.average(left[here], weights=count[here])),
                np.average(added[here], axis=0, weights=count[here]),
            )
        )
    return guesses


def _fit(
    pairs: _Pairs, open_: NDArray[np.bool_], left: float, added: Floats
) -> tuple[float, Longs] | None:
    """The material nearest to a guess that explains most pixels exactly: (pixels, RGBA)."""
    for _ in range(4):
        near = open_ & (np.abs(pairs.shown - left * pairs.behind - added).max(axis=1) <= NEAR)
        if near.sum() < 2:
            return None
        x, y, weight = pairs.behind[near], pairs.shown[near], np.sqrt(pairs.count[near])[:, None]
        mean_x, mean_y = (weight * x).sum(0) / weight.sum(), (weight * y).sum(0) / weight.sum()
        spread = (weight * (x - mean_x) ** 2).sum()
        if spread < 1:
            return None
        left = float((weight * (x - mean_x) * (y - mean_y)).sum() / spread)
        added = mean_y - left * mean_x
    if not 0 < left < 1:
        return None
    near = open_ & (np.abs(pairs.shown - left * pairs.behind - added).max(axis=1) <= NEAR)
    x, y = pairs.behind[near].astype(np.int64), pairs.shown[near].astype(np.int64)
    count = pairs.count[near]
    weight = np.sqrt(count)  # one pair of colours that is seen often is no better than several
    best, most, kinds, material = 0.0, 0.0, 0, np.zeros(4, np.int64)
    about = round(255 * (1 - left))
    middle = np.average(x, axis=0, weights=count)
    apart = 2 * np.sqrt(np.average((x - middle) ** 2, axis=0, weights=count).max())
    doubt = 3 + int(255 / max(1, apart))  # by rounding, where backgrounds are so near
    for alpha in range(max(1, about - doubt), min(254, about + doubt) + 1):
        exact = np.ones(len(x), bool)
        colour = np.zeros(3, np.int64)
        for channel in range(3):
            likely = (255 * added[channel] + (alpha - about) * middle[channel]) / alpha
            reach = 3 + 200 // alpha
            tried = np.arange(max(0, round(likely) - reach), min(255, round(likely) + reach) + 1)
            if not len(tried):
                exact[:] = False
                break
            fits = blend(x[None, :, channel], alpha, tried[:, None]) == y[None, :, channel]
            score = fits @ weight
            equal = np.flatnonzero(score == score.max())
            i = int(equal[len(equal) // 2])
            colour[channel] = tried[i]
            exact &= fits[i]
        enough = exact.sum() >= FEWEST_BACKGROUNDS or (
            exact.sum() == 2 and count[exact].min() >= OFTEN
        )
        if enough and weight[exact].sum() > most:
            best, most = float(count[exact].sum()), float(weight[exact].sum())
            kinds, material = int(exact.sum()), np.append(colour, alpha)
    share = max(best / count.sum(), kinds / len(x))
    if best < FEWEST_PIXELS or share < EXACT_SHARE:
        return None
    return best, material


def _explained(pairs: _Pairs, material: Longs) -> NDArray[np.bool_]:
    """Which pairs a material explains."""
    made = blend(pairs.behind.astype(np.int64), int(material[3]), material[:3])
    result: NDArray[np.bool_] = (made == pairs.shown).all(axis=1)
    return result


def _settle(pairs: _Pairs, material: Longs, frames: Indexed) -> Longs:
    """Of all materials that explain the same pairs, that which fits the clip's colours best.

    A few backgrounds leave several, of other alpha and colour. The right one makes colours of
    the clip of its colours, also of those over which it was not noticed.
    """
    here = _explained(pairs, material)
    if len(np.unique(pairs.behind[here], axis=0)) > FEW_BACKGROUNDS:
        return material
    x, y = pairs.behind[here].astype(np.int64), pairs.shown[here].astype(np.int64)
    seen, kind = np.unique(pairs.behind, axis=0, return_inverse=True)
    often = np.bincount(kind.ravel(), pairs.count)
    colours = seen[np.argsort(-often, kind="stable")[:COMMON_COLOURS]].astype(np.int64)
    shown = np.zeros(len(frames.colours), bool)
    shown[frames.ids_of_rgb(pairs.shown.astype(np.uint8))] = True
    most, best = -1, material
    about = int(material[3])
    for alpha in range(max(1, about - REACH), min(254, about + REACH) + 1):
        middle = material[:3] * about // alpha + (alpha - about) * x.mean(0).astype(int) // alpha
        tried = np.clip(middle + np.arange(-REACH, REACH + 1)[:, None], 0, 255)
        fits = (blend(x[:, None], alpha, tried[None]) == y[:, None]).all(axis=0)
        options = [np.unique(tried[fits[:, k], k]).tolist() for k in range(3)]
        for colour in product(*options):
            made = blend(colours, alpha, np.array(colour)).astype(np.uint8)
            numbers = frames.ids_of_rgb(made)
            known = int(shown[numbers[numbers < OTHER]].sum())
            if known > most:
                most, best = known, np.array([*colour, alpha])
    return best


def _guess_kin(
    pairs: _Pairs, open_: NDArray[np.bool_], found: list[Longs]
) -> list[tuple[float, Floats]]:
    """Likely materials that have the alpha, or the colour, of known ones: smaller parts."""
    behind, shown = pairs.behind[open_], pairs.shown[open_]
    often = np.minimum(pairs.count[open_], 20)
    guesses = []
    for alpha in sorted({int(material[3]) for material in found}):
        left = 1 - alpha / 255
        added = shown - left * behind
        colour = added / (1 - left)
        good = ((colour > -2) & (colour < 257)).all(axis=1)
        key = np.round(colour[good] / CLOSE_COLOUR)
        lefts = np.full(len(key), left)
        guesses += _common(key, lefts, added[good], often[good])
    for colour in np.unique([material[:3] for material in found], axis=0):
        apart = colour - behind
        share = (apart * (shown - behind)).sum(axis=1) / np.maximum((apart**2).sum(axis=1), 1)
        error = np.abs(behind + share[:, None] * apart - shown).max(axis=1)
        good = (error <= LARGEST_ERROR) & (share > 0.02) & (share < 0.98)
        share = share[good, None]
        key = np.round(share * CLOSE_ALPHA)
        guesses += _common(key, 1 - share[:, 0], share * colour, often[good])
    return guesses


def _common(key: Floats, left: Floats, added: Floats, often: Floats) -> list[tuple[float, Floats]]:
    """The commonest kinds of pairs that show over several backgrounds: means of each."""
    if not len(key):
        return []
    _, group = np.unique(key, axis=0, return_inverse=True)
    group = group.ravel()
    several = np.bincount(group) >= FEWEST_BACKGROUNDS
    pixels = np.bincount(group, often) * several
    means = []
    for i in np.argsort(-pixels, kind="stable")[:KIN].tolist():
        if several[i]:
            here = group == i
            weight = often[here]
            left_mean = float(np.average(left[here], weights=weight))
            means.append((left_mean, np.average(added[here], axis=0, weights=weight)))
    return means


def _take(
    frames: Indexed,
    pairs: _Pairs,
    open_: NDArray[np.bool_],
    guesses: list[tuple[float, Floats]],
    found: list[Longs],
    *,
    kin: bool = False,
) -> None:
    """Add what guesses lead to, those materials first that explain most of what is open.

    Only what has the alpha or the colour of a known one, if it is to be ``kin``.
    """
    alphas, colours = {int(m[3]) for m in found}, {tuple(m[:3].tolist()) for m in found}
    # What is explained already only takes from a guess, so one that is best after it was
    # fitted anew is best of all: most guesses need not be fitted anew each time.
    waiting = [(-fit[0], i) for i, g in enumerate(guesses) if (fit := _fit(pairs, open_, *g))]
    heapify(waiting)
    while waiting and len(found) < MOST_MATERIALS:
        _, i = heappop(waiting)
        fit = _fit(pairs, open_, *guesses[i])
        if fit is None:
            continue
        pixels, material = fit
        if waiting and pixels < -waiting[0][0]:
            heappush(waiting, (-pixels, i))
            continue
        if kin and int(material[3]) not in alphas and tuple(material[:3].tolist()) not in colours:
            continue
        material = _settle(pairs, material, frames)
        found.append(material)
        open_ &= ~_explained(pairs, material)


def find_materials(
    frames: Indexed,
    world: World,
    together: tuple[Longs, Longs] | None = None,
    *,
    kin: bool = False,
) -> Materials:
    """The materials of what is drawn over the background, after those of the background.

    Parameters
    ----------
    frames : Indexed
    world : World
        Of the same frames.
    together : (ndarray, shape (m, 2), int64, ndarray, shape (m,), int64) or None
        Pairs of colours of which one may be the other behind something, and how often each
        was seen.
    kin : bool
        Whether to look for smaller parts of things too, whose materials are alike. Where the
        background is not known yet, what passes for one of them is seldom right.

    Returns
    -------
    Materials
        Those of the world, then those found, first those that explain most.
    """
    code, count, neighbours = _collect(frames, world)
    rgb = frames.rgb_of_colours().astype(np.float64)
    pairs = _Pairs.of(code, count, rgb)
    guesses = _guess(*np.unique(neighbours, axis=0, return_counts=True), rgb)
    if together is not None:
        both, often = together
        pairs = _Pairs.of(
            np.append(code, both[:, 0] << 16 | both[:, 1]), np.append(count, often), rgb
        )
        first = np.argsort(-often, kind="stable")[:MOST_TOGETHER]
        one, other = (first[which] for which in np.triu_indices(len(first), 1))
        four = np.concatenate([both[one], both[other]], axis=1)
        guesses += _guess(four, np.minimum(often[one], often[other]), rgb)
    open_ = np.ones(len(pairs.count), bool)
    known = np.zeros((0, 4), np.uint8) if world.materials is None else world.materials.rgba
    found = list(known.astype(np.int64))
    for material in found:
        open_ &= ~_explained(pairs, material)
    _take(frames, pairs, open_, guesses, found)
    if kin:
        _take(frames, pairs, open_, _guess_kin(pairs, open_, found), found, kin=True)
    return Materials.of(frames, np.array(found, np.uint8).reshape(-1, 4))


def number_materials(frames: Indexed, world: World, materials: Materials) -> Indexed:
    """The same frames, with the numbers of materials where these explain what shows.

    Parameters
    ----------
    frames : Indexed
    world : World
    materials : Materials
    """
    colours = len(frames.colours)
    rule: dict[int, int] = {}  # background and colour shown: material; the first that fits
    for number, made in enumerate(materials.over):
        for behind in np.flatnonzero(made < colours).tolist():
            rule.setdefault(behind << 16 | int(made[behind]), colours + number)
    codes = np.array(sorted(rule), np.int64)
    numbers = np.array([rule[code] for code in codes.tolist()], np.uint16)
    renumbered = frames.with_materials(materials.rgba)
    for t in range(len(frames)):
        background, changed = _changed(frames, world, t)
        frame = frames[t]
        code = background[changed].astype(np.int64) << 16 | frame[changed]
        place = np.minimum(np.searchsorted(codes, code), len(codes) - 1)
        frame[changed] = np.where(codes[place] == code, numbers[place], frame[changed])
        renumbered.append_ids(frame)
    return renumbered
