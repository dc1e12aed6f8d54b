"""What the trained model found, made exact: sprites by vote over every place they show."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids
from spritecodec.mining.indexed import OTHER
from spritecodec.mining.pixel_state import open_pixels
from spritecodec.mining.setting import Setting
from spritecodec.model.discovery import Discovery

OPAQUE = 128  # alpha from which a sprite's pixel takes part in the vote
AGREED = 0.75  # share of the placements that must show a pixel's colour
FEWEST_PLACEMENTS = 2
MOST_PLACEMENTS = 200  # enough for a vote
FEWEST_PIXELS = 4
OFF_SCREEN = 255
STANDS_OUT = 0.5  # share of the placements where the background does not explain a pixel


def exact_sprites(discovery: Discovery, setting: Setting, first: int) -> list[Ids]:
    """Sprites of the model as colour numbers, their pixels voted for by the frames.

    Parameters
    ----------
    discovery : Discovery
        The model's hard placements.
    setting : Setting
        A run of the clip's frames, and the background: what it explains is no sprite's.
    first : int
        Number in the clip of the run's first frame.

    Returns
    -------
    list of ndarray, each shape (k, k), uint16
        CLEAR where the placements do not agree (what shows there is not the sprite's), where
        the background mostly explains them, and outside; sprites of which hardly any pixels
        are left are left out.
    """
    frames, k = setting.frames, discovery.sprites.shape[1]
    shown = discovery.frames[discovery.frame_index] - first
    inside = (shown >= 0) & (shown < len(frames))
    strange = {t: _strange(setting, t, k) for t in np.unique(shown[inside]).tolist()}
    seeds = []
    for sprite in discovery.used().tolist():
        places = np.flatnonzero(inside & (discovery.sprite == sprite))
        if len(places) < FEWEST_PLACEMENTS:
            continue
        alpha = discovery.sprites[sprite, ..., 3]
        spread = np.linspace(0, len(places) - 1, min(len(places), MOST_PLACEMENTS)).astype(int)
        chosen = places[spread]
        t, x, y = shown[chosen], discovery.x[chosen], discovery.y[chosen]
        seed = _vote(frames.windows(t, x, y, k, k))
        seed[alpha < OPAQUE] = CLEAR
        here = np.stack(
            [strange[i][v : v + k, u : u + k] for i, u, v in zip(t, x + k, y + k, strict=True)]
        )
        shows = (here != OFF_SCREEN).sum(0)
        seed[(here == 1).sum(0) < STANDS_OUT * shows] = CLEAR
        if (seed != CLEAR).sum() >= FEWEST_PIXELS:
            seeds.append(seed)
    return seeds


def _strange(setting: Setting, t: int, border: int) -> NDArray[np.uint8]:
    """Where the background does not explain frame `t`, with a border that is off screen."""
    strange = open_pixels(setting.look(t).state).astype(np.uint8)
    return np.pad(strange, border, constant_values=OFF_SCREEN)


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
