"""Translucent pixels: detected by what they do to the background, and numbered like colours.

A translucent pixel shows another colour over every background, but always by the same rule,
its *material*: a colour and an alpha. What a material explains exactly, over several backgrounds,
is numbered as that material, whatever lies behind; from there on it is mined by equality like
everything else.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.background.fit_material import (
    Guess,
    Pairs,
    fit,
    guess_from_two,
    guess_kin,
    settle,
)
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.world import World, draw_world
from spritecodec.mining.indexed import OTHER, Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import BACKGROUND

OFFSETS = ((0, 1), (1, 0), (0, 2), (2, 0), (1, 1), (0, 4), (4, 0))  # (dy, dx) of neighbours


def _find_changed(frames: Indexed, world: World, t: int) -> tuple[Ids, NDArray[np.bool_]]:
    """The background of frame t, and where something else shows instead."""
    drawn = np.empty((frames.height, frames.width), np.uint16)
    draw_world(world, t, drawn)
    frame = frames[t]
    changed = (drawn != frame) & (drawn < OTHER) & (frame < OTHER) & (world.overlay == CLEAR)
    return drawn, changed


def _collect(frames: Indexed, world: World) -> tuple[Longs, Longs, Longs]:
    """Collect what shows where the background does not.

    Returns
    -------
    codes : ndarray, shape (m,), int64
        65536 times the number of the background's colour, plus that of the colour shown.
    count : ndarray, shape (m,), int64
        Pixels of each.
    neighbours : ndarray, shape (n, 4), int64
        Background and colour shown of one pixel, then those of a pixel near it which shows
        another colour in front of another background.
    """
    codes, neighbours = [], []
    height, width = frames.height, frames.width
    for t in range(len(frames)):
        behind, changed = _find_changed(frames, world, t)
        if changed.sum() > BACKGROUND.max_unexplained_share * changed.size:
            continue  # nothing will be mined in such a frame
        frame = frames[t]
        codes.append(behind[changed].astype(np.int64) << 16 | frame[changed])
        here = []
        for dy, dx in OFFSETS:
            a = (slice(max(height - dy, 0)), slice(max(width - dx, 0)))
            b = (slice(dy, None), slice(dx, None))
            both = changed[a] & changed[b] & (behind[a] != behind[b]) & (frame[a] != frame[b])
            four = [behind[a][both], frame[a][both], behind[b][both], frame[b][both]]
            here.append(np.stack(four, axis=1))
        every = np.concatenate(here)
        neighbours.append(every[:: len(every) * len(frames) // LIMITS.pixels + 1])
    if not codes:
        return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros((0, 4), np.int64)
    code, count = np.unique(np.concatenate(codes), return_counts=True)
    return code, count, np.concatenate(neighbours).astype(np.int64)


def _take_best(
    frames: Indexed,
    pairs: Pairs,
    open_: NDArray[np.bool_],
    guesses: list[Guess],
    found: list[Longs],
    *,
    kin: bool = False,
) -> None:
    """Fit guesses, and add those materials to `found` first that explain most open pairs.

    `open_` is updated in place. With `kin`, only materials are added that share the alpha or the
    colour of a known one.
    """
    alphas, colours = {int(m[3]) for m in found}, {tuple(m[:3].tolist()) for m in found}
    # Pairs are only ever closed, so a fit can only get worse: one that is best after it was made
    # anew is best of all, and most guesses need not be fitted anew each time.
    waiting = [(-new[0], i) for i, g in enumerate(guesses) if (new := fit(pairs, open_, g))]
    heapify(waiting)
    while waiting and len(found) < LIMITS.things:
        _, i = heappop(waiting)
        best = fit(pairs, open_, guesses[i])
        if best is None:
            continue
        pixels, material = best
        if waiting and pixels < -waiting[0][0]:
            heappush(waiting, (-pixels, i))
            continue
        if kin and int(material[3]) not in alphas and tuple(material[:3].tolist()) not in colours:
            continue
        material = settle(pairs, material, frames)
        found.append(material)
        open_ &= ~pairs.explained(material)


def find_materials(
    frames: Indexed,
    world: World,
    together: tuple[Longs, Longs] | None = None,
    *,
    kin: bool = False,
) -> Materials:
    """Find the materials of what is drawn over the background.

    Parameters
    ----------
    frames : Indexed
    world : World
        Of the same frames.
    together : (ndarray, shape (m, 2), int64, ndarray, shape (m,), int64) or None
        Pairs of colours of which one may be the other behind something, and how often each
        was seen.
    kin : bool
        Whether to look for smaller parts of objects too, whose materials share an alpha or a
        colour. Where the background is not known yet, what looks like one is seldom right.

    Returns
    -------
    Materials
        Those of the world, then those found, first those that explain most.
    """
    code, count, neighbours = _collect(frames, world)
    rgb = frames.rgb_of_colours().astype(np.float64)
    pairs = Pairs.of(code, count, rgb)
    guesses = guess_from_two(*np.unique(neighbours, axis=0, return_counts=True), rgb)
    if together is not None:
        both, often = together
        pairs = Pairs.of(
            np.append(code, both[:, 0] << 16 | both[:, 1]), np.append(count, often), rgb
        )
        first = np.argsort(-often, kind="stable")[: LIMITS.things]
        one, other = (first[which] for which in np.triu_indices(len(first), 1))
        four = np.concatenate([both[one], both[other]], axis=1)
        guesses += guess_from_two(four, np.minimum(often[one], often[other]), rgb)
    open_ = np.ones(len(pairs.count), bool)
    known = np.zeros((0, 4), np.uint8) if world.materials is None else world.materials.rgba
    found = list(known.astype(np.int64))
    for material in found:
        open_ &= ~pairs.explained(material)
    _take_best(frames, pairs, open_, guesses, found)
    if kin:
        _take_best(frames, pairs, open_, guess_kin(pairs, open_, found), found, kin=True)
    return Materials.of(frames, np.array(found, np.uint8).reshape(-1, 4))


def number_materials(frames: Indexed, world: World, materials: Materials) -> Indexed:
    """Give the numbers of materials to pixels in front of the background that they explain.

    Parameters
    ----------
    frames : Indexed
    world : World
        Of the same frames.
    materials : Materials
        Where several explain a pixel, the first does.

    Returns
    -------
    Indexed
        The same frames with other numbers.
    """
    colours = len(frames.colours)
    rule: dict[int, int] = {}  # background and colour shown: number of the material
    for number, made in enumerate(materials.over):
        for behind in np.flatnonzero(made < colours).tolist():
            rule.setdefault(behind << 16 | int(made[behind]), colours + number)
    codes = np.array(sorted(rule), np.int64)
    numbers = np.array([rule[code] for code in codes.tolist()], np.uint16)
    renumbered = frames.with_materials(materials.rgba)
    for t in range(len(frames)):
        background, changed = _find_changed(frames, world, t)
        frame = frames[t]
        code = background[changed].astype(np.int64) << 16 | frame[changed]
        place = np.minimum(np.searchsorted(codes, code), len(codes) - 1)
        frame[changed] = np.where(codes[place] == code, numbers[place], frame[changed])
        renumbered.append_ids(frame)
    return renumbered
