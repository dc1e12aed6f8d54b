"""Solving for several planes, one behind another, each with a pan of its own.

A frame shows at each pixel the nearest plane that is not clear there. Which places of a plane
are clear, and the values of the others, are solved for in turn: of the pixels that planes in
front leave open, each place counts how many one colour would explain, and how many the planes
behind explain. The better choice is taken, plane after plane, until hardly anything changes. Once
materials are known, places may be translucent too, and objects no longer vote.

Here, the screen counts as the nearest plane, which never moves: its array (`Planes`) holds overlay
and glass in its top left corner.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy import ndimage

from spritecodec.mining.arrays import CLEAR, EIGHT_NEIGHBOURS, Longs
from spritecodec.mining.background.materials import Materials, find_used
from spritecodec.mining.background.plane_votes import Planes, Rules, Sample, Tally, count_votes
from spritecodec.mining.background.world import Plane, World, draw_planes, draw_world, lay_out
from spritecodec.mining.camera.parallax import Parallax
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import EVIDENCE, PLANES, WORLD


def clear_planes(frames: Indexed, parallax: Parallax) -> World:
    """A background of planes whose positions are known, and which are clear everywhere.

    Parameters
    ----------
    frames : Indexed
    parallax : Parallax
        Of the same frames.
    """
    screen = (frames.height, frames.width)
    laid = [lay_out(path, parallax.room, *screen) for path in parallax.position]
    shape = [max(shape[axis] for _, shape in laid) for axis in range(2)]
    *behind, nearest = (Plane(np.full(shape, CLEAR, np.uint16), path) for path, _ in laid)
    nothing = np.full(screen, CLEAR, np.uint16)
    materials = Materials.none(frames)
    return World(
        nearest.canvas, nothing, nearest.position, tuple(behind), nothing.copy(), materials
    )


def stack_planes(world: World) -> Planes:
    """The canvases of all planes, the screen last, in a new array."""
    planes: Planes = np.full((len(world.planes) + 1, *world.canvas.shape), CLEAR, np.uint16)
    for canvas, plane in zip(planes, world.planes, strict=False):
        canvas[:] = plane.canvas
    height, width = world.overlay.shape
    planes[-1, :height, :width] = world.screen
    return planes


def with_planes(world: World, planes: Planes, materials: Materials) -> World:
    """The background with other canvases, overlay and glass, and with those materials."""
    height, width = world.overlay.shape
    screen = planes[-1, :height, :width]
    opaque = screen < materials.over.shape[1]
    behind = zip(world.behind, planes, strict=False)
    return replace(
        world,
        canvas=planes[-2],
        overlay=np.where(opaque, screen, CLEAR).astype(np.uint16),
        behind=tuple(replace(plane, canvas=canvas) for plane, canvas in behind),
        glass=np.where(opaque, CLEAR, screen).astype(np.uint16),
        materials=materials,
    )


def take_sample(frames: Indexed, world: World, step: int = 1) -> Sample:
    """Take every so many frames; all their pixels vote."""
    times = np.arange(0, len(frames), step)
    taken = np.stack([frames[t] for t in times.tolist()])
    paths = [plane.position for plane in world.planes]
    position = np.stack([*paths, np.zeros_like(world.position)])
    return Sample(
        times, taken, np.zeros(taken.shape, bool), np.ascontiguousarray(position[:, ::step])
    )


def vote(
    sample: Sample, planes: Planes, plane: int, materials: Materials, tried: Longs | None = None
) -> Tally:
    """Count what the places of a plane may be; of materials, those that are tried, or all."""
    tally = Tally(
        np.empty(planes.shape[1:], np.uint16),
        *(np.empty(planes.shape[1:], np.int32) for _ in range(3)),
    )
    rules = Rules(
        materials.over,
        materials.under,
        np.arange(len(materials)) if tried is None else tried,
        PLANES.hit_weight,
        PLANES.veiled_hit_weight,
    )
    count_votes(sample, planes, plane, rules, tally)
    return tally


def claim_places(sample: Sample, world: World, materials: Materials) -> World:
    """Claim for each plane what moves as it does; the farthest takes what is left."""
    planes = stack_planes(world)
    weight = PLANES.hit_weight
    for plane in range(len(planes) - 2, -1, -1):
        tally = vote(sample, planes, plane, materials)
        doubted = tally.seen + weight * PLANES.max_chance_hits
        claimed = tally.votes - weight >= EVIDENCE.most * doubted
        if plane == 0:
            claimed = tally.votes > 0
        planes[plane][claimed] = tally.choice[claimed]
    return with_planes(world, planes, materials)


def _improve(
    sample: Sample, planes: Planes, plane: int, materials: Materials, tried: Longs | None
) -> int:
    """Make the better choice at every place of a plane, in place; how many places changed."""
    tally = vote(sample, planes, plane, materials, tried)
    better = np.where(tally.votes >= EVIDENCE.majority * tally.seen, tally.choice, CLEAR)
    if plane > 0:
        better[tally.votes <= tally.behind] = CLEAR
    changed = int((better != planes[plane]).sum())
    planes[plane] = better
    return changed


def solve_planes(sample: Sample, world: World, materials: Materials, *, screen: bool) -> World:
    """Improve the planes, one after another, until hardly anything changes.

    Parameters
    ----------
    sample : Sample
    world : World
        With the planes as they are now.
    materials : Materials
        Those of the world, and maybe more after them. Where the world has animations, all are
        known, and places are made only of those that planes are made of now.
    screen : bool
        Whether to solve for what is fixed to the screen too.
    """
    planes = stack_planes(world)
    tried = find_used(planes, materials.over.shape[1]) if world.animations else None
    count = len(planes) if screen else len(planes) - 1
    for number in range(LIMITS.rounds):
        order = range(count) if number % 2 == 0 else range(count - 1, -1, -1)
        changed = sum(_improve(sample, planes, plane, materials, tried) for plane in order)
        if changed <= PLANES.min_changes * planes.size:
            break
    if screen:  # few places, but each shows in every frame
        _improve(sample, planes, count - 1, materials, tried)
    return with_planes(world, planes, materials)


def ignore_objects(frames: Indexed, sample: Sample, world: World, materials: Materials) -> Sample:
    """Leave what moves in front of the planes out of the votes, and the pixels around it.

    A plane may have taken parts of an object that moved with it for a while; they lie beside the
    parts that it did not take.
    """
    drawn = np.empty((frames.height, frames.width), np.uint16)
    result = np.empty_like(sample.ignored)
    for t, ignored in zip(sample.times.tolist(), result, strict=True):
        draw_world(world, t, drawn)
        frame = frames[t]
        strange = (drawn != frame) & (world.overlay != frame)
        strange[strange] = ~materials.explain(drawn[strange], frame[strange])
        labels, _ = ndimage.label(strange, EIGHT_NEIGHBOURS)
        large = np.bincount(labels.ravel()) >= PLANES.min_object
        large[0] = False
        ignored[:] = ndimage.binary_dilation(large[labels], EIGHT_NEIGHBOURS)
    return sample._replace(ignored=result)


def remove_animations(sample: Sample, world: World, materials: Materials) -> Sample:
    """Take the animations out of the frames; what hides the planes does not vote."""
    frames, ignored = np.empty_like(sample.frames), sample.ignored.copy()
    animated = np.empty(frames.shape[1:], np.uint16)
    for i, t in enumerate(sample.times.tolist()):
        animated[:] = CLEAR
        for picture, part in world.animated(t, animated.shape):
            np.copyto(animated[part], picture, where=picture != CLEAR)
        frames[i] = materials.remove(animated, sample.frames[i])
        ignored[i] |= frames[i] == CLEAR
    return sample._replace(frames=frames, ignored=ignored)


def clear_panel(frames: Indexed, world: World, materials: Materials) -> World:
    """Take figures that change out of a translucent panel of the screen.

    What the screen shows most where figures change is one figure here, another there.

    Parameters
    ----------
    frames : Indexed
    world : World
    materials : Materials
        Those of the world.
    """
    planes = stack_planes(world)
    height, width = world.overlay.shape
    screen = planes[-1, :height, :width]
    colours = materials.over.shape[1]
    panel = screen[(screen >= colours) & (screen != CLEAR)]
    if not len(panel):
        return world
    material = int(np.bincount(panel).argmax())
    plain, changes = np.zeros((2, height, width), np.int64)
    drawn = np.empty((height, width), np.uint16)
    before = np.zeros((height, width), bool)
    for t in range(len(frames)):
        draw_planes(world, t, drawn)
        inside = np.minimum(drawn, colours - 1)
        plain += (materials.over[material - colours][inside] == frames[t]) & (drawn < colours)
        agrees = screen == frames[t]
        changes += agrees != before
        before = agrees
    figures = (screen < colours) & (changes >= WORLD.min_restless_changes)
    figures &= plain >= WORLD.min_plain_share * len(frames)
    screen[figures] = material
    return with_planes(world, planes, materials)
