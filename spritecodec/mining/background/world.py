"""The background: every place drawn once, in world coordinates, by vote over all frames.

A *place* is one pixel of the world. The *canvas* holds all places that scroll with the camera's
pan, the rooms one below another. The *overlay* is fixed to the screen and covers the canvas
where it is not clear (a score line, a status bar). Where there is parallax, each *plane* has a
canvas and a pan of its own, and shows where those in front of it are clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs, State
from spritecodec.mining.background.materials import Materials, draw_over, find_used
from spritecodec.mining.background.world_votes import count_explained, vote
from spritecodec.mining.camera.pan import Pan
from spritecodec.mining.indexed import Indexed
from spritecodec.mining.pixel_state import draw_background
from spritecodec.mining.thresholds import EVIDENCE, WORLD

Box = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True)
class Plane:
    """One depth of the background: `canvas` and `position` are as those of a `World`."""

    canvas: Ids
    position: Longs


@dataclass(frozen=True)
class Animation:
    """Pictures that show in turn in one box of the nearest plane.

    Attributes
    ----------
    x, y : int
        Canvas coordinates of their top left corner.
    pictures : ndarray, shape (steps, h, w), uint16
        Numbers of colours and materials, CLEAR where the plane shows.
    turn : ndarray, shape (period,), int64
        The picture that frame t shows is ``turn[t % period]``.
    start, end : int
        The first frame that shows it, and the one after the last.
    """

    x: int
    y: int
    pictures: Ids
    turn: Longs
    start: int
    end: int

    @property
    def box(self) -> Box:
        """Rows and columns of the plane."""
        height, width = self.pictures.shape[1:]
        return slice(self.y, self.y + height), slice(self.x, self.x + width)

    @property
    def shows(self) -> NDArray[np.bool_]:
        """Where any picture shows something, shape (h, w)."""
        result: NDArray[np.bool_] = (self.pictures != CLEAR).any(axis=0)
        return result

    def on_screen(self, t: int, corner: list[int], shape: tuple[int, ...]) -> tuple[Ids, Box]:
        """Cut out what frame t shows of it; may be empty.

        Parameters
        ----------
        t : int
        corner : (int, int)
            Canvas coordinates (x, y) of the screen's top left corner.
        shape : (height, width)
            Of the screen.

        Returns
        -------
        ndarray, shape (h, w), uint16
            As `pictures`.
        (slice, slice)
            Its rows and columns of the screen.
        """
        picture = self.pictures[self.turn[t % len(self.turn)]]
        x, y = self.x - corner[0], self.y - corner[1]
        x0, y0 = max(x, 0), max(y, 0)
        x1 = max(x0, min(x + picture.shape[1], shape[1]))
        y1 = max(y0, min(y + picture.shape[0], shape[0]))
        return picture[y0 - y : y1 - y, x0 - x : x1 - x], (slice(y0, y1), slice(x0, x1))


@dataclass(frozen=True)
class World:
    """The background of a run of frames.

    Attributes
    ----------
    canvas : ndarray, shape (H, W), uint16
        Colour numbers, CLEAR where a plane behind shows.
    overlay : ndarray, shape (h, w), uint16
        Colour numbers, CLEAR where the canvas shows.
    position : ndarray, shape (n, 2), int64
        Canvas coordinates (x, y) of the screen's top left corner; a frame never shows
        anything outside the canvas.
    behind : tuple of Plane
        The planes behind the canvas, the farthest first.
    glass : ndarray, shape (h, w), uint16, or None
        Translucent overlay: numbers of materials, CLEAR elsewhere.
    materials : Materials or None
        Those whose numbers are used; None for a background of one plane.
    animations : tuple of Animation
        What is drawn on the canvas, in this order.
    """

    canvas: Ids
    overlay: Ids
    position: Longs
    behind: tuple[Plane, ...] = ()
    glass: Ids | None = None
    materials: Materials | None = None
    animations: tuple[Animation, ...] = ()

    @property
    def planes(self) -> tuple[Plane, ...]:
        """All planes, the farthest first."""
        return (*self.behind, Plane(self.canvas, self.position))

    @cached_property
    def screen(self) -> Ids:
        """What is fixed to the screen, overlay and glass, shape (h, w); CLEAR elsewhere."""
        if self.glass is None:
            return self.overlay
        return np.where(self.overlay == CLEAR, self.glass, self.overlay)

    def animated(self, t: int, shape: tuple[int, ...]) -> Iterator[tuple[Ids, Box]]:
        """What each animation shows in frame t, as `Animation.on_screen`."""
        corner = self.position[t].tolist()
        for animation in self.animations:
            if animation.start <= t < animation.end:
                yield animation.on_screen(t, corner, shape)


def lay_out(path: Longs, rooms: Longs, height: int, width: int) -> tuple[Longs, tuple[int, int]]:
    """Put the rooms of one plane one below another.

    Parameters
    ----------
    path : ndarray, shape (n, 2), int64
        Position (x, y) of the screen's top left corner in the coordinates of its room.
    rooms : ndarray, shape (n,), int64
        The room that each frame shows.
    height, width : int
        Of the screen.

    Returns
    -------
    ndarray, shape (n, 2), int64
        Position (x, y) of the screen's top left corner on the canvas.
    (int, int)
        Shape (H, W) of the canvas.
    """
    position = path.copy()
    top, right = 0, 0
    for room in np.unique(rooms):
        here = rooms == room
        low, high = position[here].min(axis=0), position[here].max(axis=0)
        position[here] += np.array([0, top]) - low
        top += int(high[1] - low[1]) + height
        right = max(right, int(high[0] - low[0]) + width)
    return position, (top, right)


def build_world(frames: Indexed, pan: Pan) -> World:
    """Find the background of one plane that explains most pixels of all frames.

    Parameters
    ----------
    frames : Indexed
    pan : Pan
        Of the same frames.
    """
    screen = (frames.height, frames.width)
    position, shape = lay_out(pan.position, pan.room, *screen)
    nothing = np.zeros(screen, bool)
    overlay = np.full(screen, CLEAR, np.uint16)
    if not position.any():
        return World(vote(frames, position, shape, nothing), overlay, position)
    fixed = vote(frames, np.zeros_like(position), screen, nothing)
    covered = pan.overlay
    # Again, because pixels that the overlay covers must not vote for the canvas.
    for _ in range(WORLD.overlay_passes):
        canvas = vote(frames, position, shape, covered)
        by_canvas, only_canvas, only_fixed = np.zeros((3, *screen), np.int32)
        for t, (ox, oy) in enumerate(position.tolist()):
            count_explained(frames[t], canvas, ox, oy, fixed, by_canvas, only_canvas, only_fixed)
        covered = (only_fixed > only_canvas) & (only_fixed >= EVIDENCE.min_frames)
    # Where the canvas explains most frames too, what passed there was no overlay.
    covered &= only_fixed > by_canvas
    canvas = vote(frames, position, shape, covered)
    overlay[covered] = fixed[covered]
    return World(canvas, overlay, position)


def drop_unused(frames: Indexed, world: World) -> World:
    """Keep only the materials that a background is made of, and renumber them."""
    if world.materials is None:
        return world
    arrays = [plane.canvas for plane in world.planes]
    arrays += [animation.pictures for animation in world.animations]
    arrays += [] if world.glass is None else [world.glass]
    colours = len(frames.colours)
    used = find_used(arrays, colours)
    number = np.arange(int(CLEAR) + 1).astype(np.uint16)
    number[colours + used] = colours + np.arange(len(used))
    return replace(
        world,
        canvas=number[world.canvas],
        behind=tuple(replace(plane, canvas=number[plane.canvas]) for plane in world.behind),
        glass=None if world.glass is None else number[world.glass],
        materials=Materials.of(frames, world.materials.rgba[used]),
        animations=tuple(replace(a, pictures=number[a.pictures]) for a in world.animations),
    )


def draw_planes(world: World, t: int, out: Ids, count: int | None = None) -> None:
    """Draw the planes that frame t shows.

    Parameters
    ----------
    world : World
    t : int
    out : ndarray, shape (h, w), uint16
        Receives colour numbers, CLEAR where no plane shows.
    count : int or None
        Draw only so many planes, the farthest first; None for all of them and the animations.
    """
    height, width = out.shape
    out[:] = CLEAR
    for plane in world.planes[:count]:
        x, y = plane.position[t].tolist()
        part = plane.canvas[y : y + height, x : x + width]
        if world.materials is None:
            np.copyto(out, part, where=part != CLEAR)
        else:
            draw_over(part, world.materials.over, out)
    if count is not None or world.materials is None:
        return
    for picture, box in world.animated(t, out.shape):
        draw_over(picture, world.materials.over, out[box])


def draw_world(world: World, t: int, out: Ids) -> None:
    """Draw planes, animations and glass, but not the overlay, as `draw_planes` does."""
    draw_planes(world, t, out)
    if world.glass is not None and world.materials is not None:
        draw_over(world.glass, world.materials.over, out)


def mark_explained(world: World, frames: Indexed, t: int, state: State) -> int:
    """Mark in `state` which pixels of frame t the background explains.

    Returns
    -------
    int
        How many pixels it leaves unexplained.
    """
    frame = frames[t]
    if world.behind or world.animations:
        drawn = np.empty_like(frame)
        draw_world(world, t, drawn)
        return int(draw_background(frame, drawn, 0, 0, world.overlay, state))
    ox, oy = world.position[t].tolist()
    return int(draw_background(frame, world.canvas, ox, oy, world.overlay, state))


def unexplained_share(world: World, frames: Indexed) -> float:
    """The share of the pixels of all frames that the background leaves unexplained."""
    state = np.empty((frames.height, frames.width), np.uint8)
    total = sum(mark_explained(world, frames, t, state) for t in range(len(frames)))
    return total / (len(frames) * state.size)
