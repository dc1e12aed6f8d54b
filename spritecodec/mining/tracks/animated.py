"""Tracks of the background's animations."""

from __future__ import annotations

import numpy as np

from spritecodec.mining.background.world import World
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.sprites.dictionary import Dictionary
from spritecodec.mining.tracks.follow import MinedTrack


def animation_tracks(world: World, dictionary: Dictionary, frames: Indexed) -> list[MinedTrack]:
    """Add the pictures of the background's animations as sprites; return a track for each.

    Animations that are never on the screen have no track.
    """
    known: dict[tuple[tuple[int, ...], bytes], tuple[int, int, int]] = {}
    tracks = []
    for animation in world.animations:
        sprites = []
        for picture in animation.pictures:
            key = picture.shape, picture.tobytes()
            if key not in known:
                known[key] = dictionary.add_picture(picture)
            sprites.append(known[key])
        height, width = animation.pictures[0].shape
        x, y = animation.x - world.position[:, 0], animation.y - world.position[:, 1]
        seen = (x < frames.width) & (x + width > 0) & (y < frames.height) & (y + height > 0)
        when = np.flatnonzero(seen[animation.start : animation.end]) + animation.start
        if not len(when):
            continue
        track = MinedTrack(int(when[0]))
        for t in range(int(when[0]), int(when[-1]) + 1):
            sprite, left, top = sprites[animation.turn[t % len(animation.turn)]]
            track.sprite.append(sprite)
            track.x.append(animation.x + left)
            track.y.append(animation.y + top)
        tracks.append(track)
    return tracks
