"""What the trained model found, made exact: sprites by vote over every place they show."""

from __future__ import annotations

import numpy as np

from spritecodec.model.discovery import Discovery
from spritecodec.refine.indexed import OTHER, Indexed
from spritecodec.refine.kernels import CLEAR, Ids

OPAQUE = 128  # alpha from which a sprite's pixel takes part in the vote
AGREED = 0.75  # share of the placements that must show a pixel's colour
FEWEST_PLACEMENTS = 2
MOST_PLACEMENTS = 200  # enough for a vote
FEWEST_PIXELS = 4


def exact_sprites(discovery: Discovery, frames: Indexed, first: int) -> list[Ids]:
    """Sprites of the model as colour numbers, their pixels voted for by the frames.

    Parameters
    ----------
    discovery : Discovery
        The model's hard placements.
    frames : Indexed
        A run of the clip's frames.
    first : int
        Number in the clip of the run's first frame.

    Returns
    -------
    list of ndarray, each shape (k, k), uint16
        CLEAR where the placements do not agree (what shows there is not the sprite's) and
        outside; sprites with hardly any agreement are left out.
    """
    shown = discovery.frames[discovery.frame_index] - first
    inside = (shown >= 0) & (shown < len(frames))
    seeds = []
    for sprite in discovery.used().tolist():
        places = np.flatnonzero(inside & (discovery.sprite == sprite))
        if len(places) < FEWEST_PLACEMENTS:
            continue
        alpha = discovery.sprites[sprite, ..., 3]
        k = alpha.shape[0]
        spread = np.linspace(0, len(places) - 1, min(len(places), MOST_PLACEMENTS)).astype(int)
        chosen = places[spread]
        stack = frames.windows(shown[chosen], discovery.x[chosen], discovery.y[chosen], k, k)
        seed = _vote(stack)
        seed[alpha < OPAQUE] = CLEAR
        if (seed != CLEAR).sum() >= FEWEST_PIXELS:
            seeds.append(seed)
    return seeds


def _vote(stack: Ids) -> Ids:
    """Per pixel the commonest colour, CLEAR where fewer than AGREED of the places show it."""
    ordered = np.sort(stack, axis=0)
    shown = (stack < OTHER).sum(axis=0)
    best = np.full(stack.shape[1:], CLEAR, np.uint16)
    most = np.zeros(stack.shape[1:], np.int64)
    run = np.zeros(stack.shape[1:], np.int64)
    for i in range(len(ordered)):
        same = ordered[i] == ordered[i - 1] if i else np.zeros(best.shape, bool)
        run = np.where(same, run + 1, 1)
        better = (run > most) & (ordered[i] < OTHER)
        most[better], best[better] = run[better], ordered[i][better]
    best[most < np.maximum(AGREED * shown, FEWEST_PLACEMENTS)] = CLEAR
    return best
