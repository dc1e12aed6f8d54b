"""Mining: a Scene straight from the frames, without a model.

    frames -> camera -> background -> animations -> shapes -> dictionary -> tracks -> Scene

What is fixed in the world is drawn once, as the background; what stands out from it is cut into
exact sprites, which are followed as tracks. Nothing here is approximate: a sprite is placed only
where every pixel that it shows equals the frame's.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import Ids
from spritecodec.mining.setting import Setting
from spritecodec.mining.sprites.dictionary import Dictionary
from spritecodec.mining.sprites.shapes import learn_shapes
from spritecodec.mining.thresholds import MINE
from spritecodec.mining.tracks.animated import animation_tracks
from spritecodec.mining.tracks.follow import follow
from spritecodec.mining.tracks.scene_builder import assemble
from spritecodec.scene import Scene


def mine(
    setting: Setting,
    pts: NDArray[np.int64],
    time_base: Fraction,
    seeds: Sequence[Ids] = (),
    min_region: int = MINE.min_region,
) -> Scene:
    """Find the Scene of a run of frames.

    Parameters
    ----------
    setting : Setting
    pts : ndarray, shape (n,), int64
    time_base : Fraction
    seeds : sequence of ndarray, each shape (h, w), uint16
        Sprites to try before those that mining finds, as colour numbers, CLEAR outside.
    min_region : int
        Pixels of a region that becomes a sprite of its own; smaller ones are left to the
        residual.

    Returns
    -------
    Scene
        Without residual; exact except where neither sprites nor background explain a pixel.
    """
    frames, world = setting.frames, setting.world
    dictionary = Dictionary()
    for seed in seeds:
        dictionary.add_picture(seed)
    animated = animation_tracks(setting.world, dictionary, frames)
    learn_shapes(dictionary, setting.shapes, setting.look)
    followed = follow(setting.look, dictionary, world.position, min_region)
    for track in animated:
        dictionary.keep(track.sprite)
    return assemble(frames, world, dictionary, animated, followed, pts, time_base)
