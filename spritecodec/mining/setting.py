"""Where mining starts: frames, camera, background, animations and shapes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from spritecodec.mining.animation.animations import animate
from spritecodec.mining.arrays import State
from spritecodec.mining.background.find_materials import find_materials, number_materials
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.planes import MOST_COLOURS, build_planes, improve_planes
from spritecodec.mining.background.world import World, build_world, draw_world, drop_unused
from spritecodec.mining.camera.pan import estimate_pan
from spritecodec.mining.camera.parallax import find_parallax
from spritecodec.mining.camera.rooms import split_rooms
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.pixel_state import View, draw_background
from spritecodec.mining.sprites.shapes import Shape, collect_shapes

# Of all pixels: where so many are left, another camera or several planes are tried; where
# these leave less than so large a share of them, they are right.
MUCH_UNEXPLAINED, STILL_UNEXPLAINED = 0.1, 0.7

FEW_COLOURS = 255  # blends make more


def explain_with(world: World, frames: Indexed, t: int, state: State) -> int:
    """Mark in `state` what the background leaves unexplained of frame t; return how much."""
    frame = frames[t]
    if world.behind or world.animations:
        drawn = np.empty_like(frame)
        draw_world(world, t, drawn)
        return int(draw_background(frame, drawn, 0, 0, world.overlay, state))
    ox, oy = world.position[t].tolist()
    return int(draw_background(frame, world.canvas, ox, oy, world.overlay, state))


def _unexplained(world: World, frames: Indexed) -> float:
    """The share of all pixels that the background does not explain."""
    state = np.empty((frames.height, frames.width), np.uint8)
    total = sum(explain_with(world, frames, t, state) for t in range(len(frames)))
    return total / (len(frames) * state.size)


def find_worlds(frames: Indexed) -> list[World]:
    """Where the camera looks, and the background that it sees; more than one way to say it.

    Where much is left unexplained, the camera is searched for more eagerly, and then planes
    at several depths; either is kept where it explains a good part of what was left. Where
    rooms seem to differ in a few places only, a second world has them apart: mining tells
    whether that, or sprites, say it in fewer bytes.
    """
    pan = estimate_pan(frames)
    world = build_world(frames, pan)
    left = _unexplained(world, frames)
    if left >= MUCH_UNEXPLAINED:
        eager_pan = estimate_pan(frames, eager=True)
        eager = build_world(frames, eager_pan)
        left_by_eager = _unexplained(eager, frames)
        if left_by_eager < STILL_UNEXPLAINED * left:
            pan, world, left = eager_pan, eager, left_by_eager
    if left >= MUCH_UNEXPLAINED and len(frames.colours) <= MOST_COLOURS:
        parallax = find_parallax(frames)
        if parallax is not None:
            deep = build_planes(frames, parallax)
            if _unexplained(deep, frames) < STILL_UNEXPLAINED * left:
                return [deep]
    split = split_rooms(frames, pan)
    return [world] if split is None else [world, build_world(frames, split)]


def find_translucent(frames: Indexed, world: World) -> Materials:
    """The materials of what is drawn over the background.

    Only clips with many colours are searched: every blend is another colour.
    """
    if len(frames.colours) <= FEW_COLOURS and world.materials is None:
        return Materials.of(frames, np.zeros((0, 4), np.uint8))
    return find_materials(frames, world, kin=True)


@dataclass(frozen=True)
class Setting:
    """Where mining starts: what is known of a run of frames before its objects are.

    Attributes
    ----------
    shown : Indexed
        The run as colour numbers.
    frames : Indexed
        The same, translucent pixels numbered by material, where there are any.
    world : World
        The background.
    shapes : list of Shape
        What stands out from it in any frame: the first sprites to be tried.
    """

    shown: Indexed
    frames: Indexed
    world: World
    shapes: list[Shape]

    @staticmethod
    def of(shown: Indexed, world: World) -> Setting:
        """The setting that a background makes of a run of frames."""
        materials = find_translucent(shown, world)
        if world.behind:
            world = animate(shown, world, materials)
            if world.animations:  # with these in the way, not all that lies behind was told
                world = drop_unused(shown, improve_planes(shown, world, materials))
                materials = find_translucent(shown, world)
                world = animate(shown, replace(world, animations=()), materials)
        frames = number_materials(shown, world, materials) if len(materials) else shown
        bare = Setting(shown, frames, world, [])
        return replace(bare, shapes=collect_shapes(bare.frames, bare.look))

    @property
    def translucent(self) -> bool:
        """Whether something translucent was found."""
        return len(self.frames.materials) > 0

    @cached_property
    def materials(self) -> Materials:
        """What is translucent, and what it does to the clip's colours."""
        return Materials.of(self.shown, self.frames.materials)

    def look(self, t: int) -> View:
        """Frame t, and what the background leaves unexplained of it."""
        world, frame = self.world, self.shown[t]
        screen = frame.shape if self.translucent else (1, 1)
        view = View(
            frame,
            np.empty(frame.shape, np.uint8),
            np.empty(screen, np.uint16),
            np.empty(screen, np.uint16),
            self.materials.over,
            self.materials.under,
        )
        if self.translucent:
            draw_world(world, t, view.behind)
            draw_background(frame, view.behind, 0, 0, world.overlay, view.state)
        else:
            explain_with(world, self.shown, t, view.state)
        return view


def find_settings(frames: Indexed) -> list[Setting]:
    """The settings that the backgrounds found in a run of frames make of it."""
    return [Setting.of(frames, world) for world in find_worlds(frames)]
