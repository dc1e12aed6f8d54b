"""Solving for the background of a run of frames: `STAGES` says what is done, in order.

Each stage takes what is known so far (`Solving`) and returns what is known after it. Some stages
return what they got: those for several planes where there is one plane, and the choice between
two backgrounds where there is only one. Another round is a tail of the same list.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps

import numpy as np

from spritecodec.mining.animation.animations import animate
from spritecodec.mining.arrays import CLEAR
from spritecodec.mining.background.find_materials import find_materials
from spritecodec.mining.background.materials import Materials
from spritecodec.mining.background.plane_votes import Sample
from spritecodec.mining.background.planes import (
    claim_places,
    clear_panel,
    clear_planes,
    ignore_objects,
    remove_animations,
    solve_planes,
    take_sample,
)
from spritecodec.mining.background.unmix import find_together, unmix
from spritecodec.mining.background.world import World, build_world, drop_unused, unexplained_share
from spritecodec.mining.camera.pan import Pan, estimate_pan
from spritecodec.mining.camera.parallax import find_parallax
from spritecodec.mining.camera.rooms import split_rooms
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.limits import LIMITS
from spritecodec.mining.thresholds import BACKGROUND


@dataclass(frozen=True)
class Background:
    """What was solved for.

    Attributes
    ----------
    world : World
        Planes, overlay and animations.
    materials : Materials
        Those of the world, then those of what is drawn over it.
    """

    world: World
    materials: Materials


@dataclass(frozen=True)
class Solving:
    """What is known of a run of frames while its background is solved for.

    Attributes
    ----------
    frames : Indexed
    pan : Pan
        The camera's path for a background of one plane.
    world : World
        The background as it is now.
    unexplained : float
        Share of all pixels that the best background of one plane leaves unexplained.
    materials : Materials
        Those of the world, then others that are known.
    rival : World or None
        The best background of one plane, while several planes are tried.
    sample : Sample or None
        The frames that vote for several planes, while these are solved for.
    """

    frames: Indexed
    pan: Pan
    world: World
    unexplained: float
    materials: Materials
    rival: World | None = None
    sample: Sample | None = None

    @staticmethod
    def begin(frames: Indexed) -> Solving:
        """Nothing is known: the camera stands still, and the background is clear."""
        screen = (frames.height, frames.width)
        still = np.zeros((len(frames), 2), np.int64)
        pan = Pan(still, np.zeros(len(frames), np.int64), np.zeros(screen, bool))
        clear = np.full(screen, CLEAR, np.uint16)
        return Solving(frames, pan, World(clear, clear, still), 1.0, Materials.none(frames))


Stage = Callable[[Solving], Solving]


def _for_planes(stage: Callable[[Solving, Sample], Solving]) -> Stage:
    """Make a stage of one that needs several planes, and the frames that vote for them."""

    @wraps(stage)
    def run(known: Solving) -> Solving:
        return known if known.sample is None else stage(known, known.sample)

    return run


def follow_camera(known: Solving) -> Solving:
    """Follow the camera, and draw the background that it sees."""
    pan = estimate_pan(known.frames)
    world = build_world(known.frames, pan)
    return replace(known, pan=pan, world=world, unexplained=unexplained_share(world, known.frames))


def follow_camera_eagerly(known: Solving) -> Solving:
    """Where much is unexplained, accept weaker evidence of motion, if that explains more."""
    if known.unexplained < BACKGROUND.min_unexplained:
        return known
    pan = estimate_pan(known.frames, eager=True)
    world = build_world(known.frames, pan)
    left = unexplained_share(world, known.frames)
    if left >= BACKGROUND.max_remaining * known.unexplained:
        return known
    return replace(known, pan=pan, world=world, unexplained=left)


def follow_planes(known: Solving) -> Solving:
    """Where much is unexplained, follow several planes; they are clear until they are solved."""
    frames = known.frames
    if known.unexplained < BACKGROUND.min_unexplained or len(frames.colours) > LIMITS.colours:
        return known
    parallax = find_parallax(frames)
    if parallax is None:
        return known
    world = clear_planes(frames, parallax)
    sample = take_sample(frames, world, len(frames) // LIMITS.voters + 1)
    return replace(known, world=world, rival=known.world, sample=sample)


@_for_planes
def claim_for_planes(known: Solving, sample: Sample) -> Solving:
    """Give each plane what moves as it does most of the time."""
    return replace(known, world=claim_places(sample, known.world, known.materials))


@_for_planes
def solve_moving_planes(known: Solving, sample: Sample) -> Solving:
    """Vote for all planes, but not for what is fixed to the screen."""
    world = solve_planes(sample, known.world, known.materials, screen=False)
    return replace(known, world=world)


@_for_planes
def unmix_planes(known: Solving, sample: Sample) -> Solving:
    """Find materials that cover part of a plane in all frames, and take them out of its colours."""
    together = find_together(sample, known.world, known.materials)
    materials = find_materials(known.frames, known.world, together)
    world = unmix(sample, known.world, materials, together)
    return replace(known, world=world, materials=materials)


@_for_planes
def drop_unused_materials(known: Solving, sample: Sample) -> Solving:
    """Forget the materials that no place is made of."""
    world = drop_unused(known.frames, known.world)
    materials = known.materials if world.materials is None else world.materials
    return replace(known, world=world, materials=materials)


@_for_planes
def find_plane_materials(known: Solving, sample: Sample) -> Solving:
    """Find materials by what they do to the planes, which show through them."""
    return replace(known, materials=find_materials(known.frames, known.world))


@_for_planes
def solve_all_planes(known: Solving, sample: Sample) -> Solving:
    """Vote for all planes, and for what is fixed to the screen."""
    world = solve_planes(sample, known.world, known.materials, screen=True)
    return replace(known, world=world)


def sample_all_frames(known: Solving) -> Solving:
    """From here on, all frames vote for planes."""
    if not known.world.behind:
        return known
    return replace(known, sample=take_sample(known.frames, known.world))


@_for_planes
def leave_out_objects(known: Solving, sample: Sample) -> Solving:
    """Objects in front of the planes no longer vote."""
    sample = ignore_objects(known.frames, sample, known.world, known.materials)
    return replace(known, sample=sample)


@_for_planes
def leave_out_animations(known: Solving, sample: Sample) -> Solving:
    """Let what lies behind animations vote instead of these, once they are known."""
    if not known.world.animations:
        return known
    return replace(known, sample=remove_animations(sample, known.world, known.materials))


@_for_planes
def clear_screen_panel(known: Solving, sample: Sample) -> Solving:
    """Take changing figures out of a translucent panel of the screen."""
    return replace(known, world=clear_panel(known.frames, known.world, known.materials))


def choose_depth(known: Solving) -> Solving:
    """Keep several planes where they explain a good part of what one plane left unexplained."""
    known = replace(known, sample=None)
    if known.rival is None:
        return known
    left = unexplained_share(known.world, known.frames)
    if left < BACKGROUND.max_remaining * known.unexplained:
        return replace(known, rival=None)
    materials = Materials.none(known.frames)
    return replace(known, world=known.rival, materials=materials, rival=None)


def find_front_materials(known: Solving) -> Solving:
    """Find the materials of what is drawn over the background."""
    frames, world = known.frames, known.world
    if len(frames.colours) <= BACKGROUND.max_opaque_colours and world.materials is None:
        return replace(known, materials=Materials.none(frames))
    return replace(known, materials=find_materials(frames, world, kin=True))


def find_animations(known: Solving) -> Solving:
    """Find what is animated in its place, in front of several planes."""
    if not known.world.behind:
        return known
    still = replace(known.world, animations=())
    return replace(known, world=animate(known.frames, still, known.materials))


STAGES: tuple[Stage, ...] = (
    follow_camera,
    follow_camera_eagerly,
    follow_planes,
    claim_for_planes,
    solve_moving_planes,
    unmix_planes,
    drop_unused_materials,
    solve_moving_planes,
    find_plane_materials,
    solve_all_planes,
    sample_all_frames,
    leave_out_objects,
    leave_out_animations,
    solve_all_planes,
    clear_screen_panel,
    drop_unused_materials,
    choose_depth,
    find_front_materials,
    find_animations,
)


def _run(known: Solving, stages: Sequence[Stage]) -> Solving:
    """What is known after some stages."""
    for stage in stages:
        known = stage(known)
    return known


def _from(stage: Stage) -> tuple[Stage, ...]:
    """The tail of the list that begins with a stage."""
    return STAGES[STAGES.index(stage) :]


def separate_rooms(known: Solving) -> Solving | None:
    """The same with rooms kept apart that differ in a few places; None where none do."""
    if known.world.behind:
        return None
    pan = split_rooms(known.frames, known.pan)
    if pan is None:
        return None
    return replace(known, pan=pan, world=build_world(known.frames, pan))


def solve_background(frames: Indexed) -> list[Background]:
    """Solve for the background of a run of frames.

    Parameters
    ----------
    frames : Indexed

    Returns
    -------
    list of Background
        One, or two that differ in their rooms: mining decides which takes fewer bytes.
    """
    found = [_run(Solving.begin(frames), STAGES)]
    if found[0].world.animations:  # they hid some of the planes
        found = [_run(found[0], _from(sample_all_frames))]
    apart = separate_rooms(found[0])
    if apart is not None:
        found.append(_run(apart, _from(find_front_materials)))
    return [Background(known.world, known.materials) for known in found]
