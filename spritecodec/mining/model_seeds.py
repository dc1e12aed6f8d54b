"""The trained model's sprites, made exact: the frames vote on each pixel."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids
from spritecodec.mining.indexed import OTHER
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.pixel_state import open_pixels
from spritecodec.mining.setting import Setting
from spritecodec.mining.thresholds import EVIDENCE, MINE, SEEDS
from spritecodec.model.discovery import Discovery

OFF_SCREEN = 255  # of `_unexplained`, besides 0 and 1


def exact_sprites(discovery: Discovery, setting: Setting, first: int) -> list[Ids]:
    """Sprites of the model as colour numbers, by a vote of the frames on each pixel.

    Parameters
    ----------
    discovery : Discovery
        The model's hard placements.
    setting : Setting
        A run of the clip's frames, and the background: what it explains is not the sprite.
    first : int
        Number in the clip of the run's first frame.

    Returns
    -------
    list of ndarray, each shape (k, k), uint16
        CLEAR outside, where the placements do not agree, and where the background explains
        most of them. Sprites that have hardly any pixels left are left out.
    """
    frames, k = setting.frames, discovery.sprites.shape[1]
    shown = discovery.frames[discovery.frame_index] - first
    inside = (shown >= 0) & (shown < len(frames))
    unexplained = {t: _unexplained(setting, t, k) for t in np.unique(shown[inside]).tolist()}
    seeds = []
    for sprite in discovery.used().tolist():
        places = np.flatnonzero(inside & (discovery.sprite == sprite))
        if len(places) < EVIDENCE.min_times:
            continue
        alpha = discovery.sprites[sprite, ..., 3]
        count = min(len(places), LIMITS.voters)
        chosen = places[np.linspace(0, len(places) - 1, count).astype(int)]
        t, x, y = shown[chosen], discovery.x[chosen], discovery.y[chosen]
        seed = _vote(frames.windows(t, x, y, k, k))
        seed[alpha < SEEDS.min_alpha] = CLEAR
        here = np.stack(
            [unexplained[i][v : v + k, u : u + k] for i, u, v in zip(t, x + k, y + k, strict=True)]
        )
        on_screen = (here != OFF_SCREEN).sum(0)
        seed[(here == 1).sum(0) < EVIDENCE.majority * on_screen] = CLEAR
        if (seed != CLEAR).sum() >= MINE.min_region:
            seeds.append(seed)
    return seeds


def _unexplained(setting: Setting, t: int, border: int) -> NDArray[np.uint8]:
    """Where the background does not explain frame `t`: 1, else 0; OFF_SCREEN in a border."""
    unexplained = open_pixels(setting.look(t).state).astype(np.uint8)
    return np.pad(unexplained, border, constant_values=OFF_SCREEN)


def _vote(stack: Ids) -> Ids:
    """The commonest colour of each pixel of windows, CLEAR where too few windows show it.

    Parameters
    ----------
    stack : ndarray, shape (windows, k, k), uint16
        OTHER and CLEAR do not vote.
    """
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
    best[most < np.maximum(EVIDENCE.most * shown, EVIDENCE.min_times)] = CLEAR
    return best
