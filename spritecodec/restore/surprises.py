"""Surprises: things of a frame or two, and whether the recorded planes speak for them.

The last mining shows every pixel of the restored frames, also those that codec noise made other
than the rest of the scene has them: sprites of a frame or two, and patches of the residual. Such a
thing must be worth what it costs in the file. The planes' evidence for it is summed over its pixels
and frames; neighbouring errors are alike, so it counts for less. What is worth less goes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.mining.arrays import Longs
from spritecodec.mining.indexed import pack_rgb
from spritecodec.mining.sprites.placements import Placements
from spritecodec.render import Renderer
from spritecodec.restore.consensus import CONSENSUS
from spritecodec.restore.labels import (
    NO_LABEL,
    LabelDecoder,
    Labels,
    Model,
    Planes,
    State,
    planes_costs,
)
from spritecodec.restore.object_colours import OBJECT_COLOURS
from spritecodec.scene import Scene, mirrored

Doubles = NDArray[np.float64]
Mask = NDArray[np.bool_]


class SurpriseThresholds(NamedTuple):
    """What a thing costs, and what the planes' word for it is worth."""

    patch_nats: float = 24.0
    """What a patch of the residual costs in a file, besides its pixels: 4 to 5 bytes."""

    track_nats: float = 50.0
    """What a track costs in a file, besides sprites that no other shows: 8 to 12 bytes."""

    few: int = 50
    """Things for which the recording is not gone through once more."""


SURPRISES = SurpriseThresholds()


class _Things(NamedTuple):
    """Tracks or patches as the pixels that they cover; each array of shape (n,).

    Attributes
    ----------
    thing : ndarray, int64
        The number of the track or patch.
    where : ndarray, int64
        The number of the pixel in its frame, row by row.
    """

    thing: Longs
    where: Longs


@njit(cache=True, nogil=True)
def _add_costs(model: Model, state: State, things: _Things, instead: Labels, out: Doubles) -> None:
    """Add to `out`, of each thing, what its pixels cost more with the labels `instead`."""
    costs = np.empty(len(model.ycc), np.float32)
    width = state.labels.shape[1]
    for n in range(len(things.where)):
        i, j = things.where[n] // width, things.where[n] % width
        if instead[i, j] != state.labels[i, j]:
            planes_costs(model, state, i, j, costs)
            out[things.thing[n]] += costs[instead[i, j]]


def drop_unlikely(
    scene: Scene, planes: Iterator[Planes], decoder: LabelDecoder, number: Labels
) -> Scene:
    """A scene without short tracks and patches that the planes do not speak for.

    Parameters
    ----------
    scene : Scene
        What mining made of restored frames.
    planes : iterator of Planes
        Of all its frames, in order.
    decoder : LabelDecoder
    number : ndarray, shape (2^24,), uint8
        The label of each colour.

    Returns
    -------
    Scene
        `scene` itself where there is little to drop, or where it shows other colours.
    """
    tracks, patches = scene.tracks, scene.residual
    short = tracks.length < OBJECT_COLOURS.lasting
    if short.sum() + len(patches) < SURPRISES.few:
        return scene
    rest = dataclasses.replace(scene, tracks=tracks.part(~short))
    drawn = [Renderer(scene), Renderer(scene, residual=False), Renderer(rest, residual=False)]
    placements = Placements.of(scene)
    for_tracks, for_patches = np.zeros(len(tracks)), np.zeros(len(patches))
    for t in range(len(scene)):
        frame = next(planes)
        of_patches = _patches_at(scene, t)
        of_tracks = _short_tracks_at(scene, placements.at(t), short)
        if not len(of_patches.where) + len(of_tracks.where):
            continue
        shown, plain, without = (number[pack_rgb(d.frame(t))] for d in drawn)
        if (shown == NO_LABEL).any() or (without == NO_LABEL).any():
            return scene
        _add_costs(*decoder.explain(frame, shown), of_patches, plain, for_patches)
        _add_costs(*decoder.explain(frame, plain), of_tracks, without, for_tracks)
    price: Doubles = SURPRISES.track_nats + _sprites_alone(scene, short)
    keep = ~short | (OBJECT_COLOURS.independent * for_tracks >= price)
    opaque = np.concatenate([[0], np.cumsum(patches.pixels[:, 3] > 0)])
    price = SURPRISES.patch_nats + CONSENSUS.pixel_nats * np.diff(opaque[patches.first])
    likely = OBJECT_COLOURS.independent * for_patches >= price
    return dataclasses.replace(scene, tracks=tracks.part(keep), residual=patches.part(likely))


def _sprites_alone(scene: Scene, short: Mask) -> Doubles:
    """What the sprites that only short tracks show cost, shared between these; shape (tracks,)."""
    tracks, count = scene.tracks, len(scene.sprites)
    areas = np.array([np.count_nonzero(s[..., 3]) for s in scene.sprites])
    price = CONSENSUS.sprite_nats + CONSENSUS.pixel_nats * areas
    brief = np.repeat(short, tracks.length)
    shown = np.bincount(tracks.sprite, minlength=count)
    alone = shown == np.bincount(tracks.sprite[brief], minlength=count)
    each = np.where(alone, price / np.maximum(shown, 1), 0)[tracks.sprite]
    track = np.repeat(np.arange(len(tracks)), tracks.length)
    return np.bincount(track, each, len(tracks)).astype(np.float64)


def _short_tracks_at(scene: Scene, at: Placements, short: Mask) -> _Things:
    """The pixels of one frame's placements on short tracks."""
    found = [
        _on_screen(
            int(at.track[n]),
            mirrored(scene.sprites[at.sprite[n]], int(at.flip[n])),
            (int(at.x[n]), int(at.y[n])),
            scene,
        )
        for n in np.flatnonzero(short[at.track]).tolist()
    ]
    return _together(found)


def _patches_at(scene: Scene, t: int) -> _Things:
    """The pixels of the patches of a frame."""
    residual = scene.residual
    alive = (residual.start <= t) & (t < residual.start + residual.length)
    found = [
        _on_screen(i, residual.picture(i), residual.place(i, t, scene.layers), scene)
        for i in np.flatnonzero(alive).tolist()
    ]
    return _together(found)


def _on_screen(
    thing: int, picture: NDArray[np.uint8], at: tuple[int, int], scene: Scene
) -> _Things:
    """The pixels of the screen that a picture covers."""
    i, j = np.nonzero(picture[..., 3])
    i, j = i + at[1], j + at[0]
    inside = (i >= 0) & (i < scene.height) & (j >= 0) & (j < scene.width)
    where = (i * scene.width + j)[inside].astype(np.int64)
    return _Things(np.full(len(where), thing, np.int64), where)


def _together(found: list[_Things]) -> _Things:
    nothing = np.zeros(0, np.int64)
    return _Things(
        np.concatenate([nothing, *(f.thing for f in found)]),
        np.concatenate([nothing, *(f.where for f in found)]),
    )
