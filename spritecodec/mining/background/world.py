"""The background: every place drawn once, in world coordinates, by vote over all frames.

Two pictures explain what is fixed. The *canvas* scrolls with the camera's pan and shows
all rooms, one below another; the *overlay* is fixed to the screen and covers the canvas
where it is not clear (a score line, a status bar). Where there is parallax, more canvases lie
behind, each with its own pan, and show where those before them are clear.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from spritecodec.mining.arrays import CLEAR, Ids, Longs
from spritecodec.mining.background.materials import Materials, draw_over
from spritecodec.mining.background.world_votes import _contest, _vote
from spritecodec.mining.camera.pan import Pan
from spritecodec.mining.indexed import Indexed

FEWEST_OVERLAY_VOTES = 8
Box = tuple[slice, slice]  # rows and columns


@dataclass(frozen=True)
class Plane:
    """A picture that pans: `canvas` and `position` are as those of a `World`."""

    canvas: Ids
    position: Longs


@dataclass(frozen=True)
class Animation:
    """Pictures that show in turn at one place of a plane.

    Attributes
    ----------
    x, y : int
        Canvas coordinates of their top left corner.
    pictures : ndarray, shape (steps, h, w), uint16
        Numbers of colours and materials, CLEAR where the plane shows.
    turn : ndarray, shape (period,), int64
        Which picture shows in frame t, at ``t % period``.
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
        """What frame t shows of it, and the rows and columns of the screen; may be empty.

        Parameters
        ----------
        t : int
        corner : (int, int)
            Canvas coordinates (x, y) of the screen's top left corner.
        shape : (height, width)
            Of the screen.
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
        What lies behind the canvas, the farthest first.
    glass : ndarray, shape (h, w), uint16, or None
        Translucent overlay: numbers of materials, CLEAR elsewhere.
    materials : Materials or None
        Those whose numbers are used; None where none are.
    animations : tuple of Animation
        What is drawn on the canvas, those of the same place one after another.
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
        """All pictures that pan, the farthest first."""
        return (*self.behind, Plane(self.canvas, self.position))

    def animated(self, t: int, shape: tuple[int, ...]) -> Iterator[tuple[Ids, Box]]:
        """What is animated in frame t: pictures, and the rows and columns of the screen."""
        corner = self.position[t].tolist()
        for animation in self.animations:
            if animation.start <= t < animation.end:
                yield animation.on_screen(t, corner, shape)


def lay_out(path: Longs, rooms: Longs, height: int, width: int) -> tuple[Longs, tuple[int, int]]:
    """Put the rooms one below another; canvas position of each frame, canvas shape."""
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
    """Draw the background that explains most pixels of all frames.

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
        return World(_vote(frames, position, shape, nothing), overlay, position)
    fixed = _vote(frames, np.zeros_like(position), screen, nothing)
    covered = pan.overlay
    # Twice: what the overlay covers must not vote for the canvas.
    for _ in range(2):
        canvas = _vote(frames, position, shape, covered)
        by_canvas, only_canvas, only_fixed = np.zeros((3, *screen), np.int32)
        for t, (ox, oy) in enumerate(position.tolist()):
            _contest(frames[t], canvas, ox, oy, fixed, by_canvas, only_canvas, only_fixed)
        covered = (only_fixed > only_canvas) & (only_fixed >= FEWEST_OVERLAY_VOTES)
    # Where the canvas does as well most of the time, what passed there was no overlay.
    covered &= only_fixed > by_canvas
    canvas = _vote(frames, position, shape, covered)
    overlay[covered] = fixed[covered]
    return World(canvas, overlay, position)


def drop_unused(frames: Indexed, world: World) -> World:
    """A world with only the materials that it is made of, and their new numbers."""
    if world.materials is None:
        return world
    pictures = [plane.canvas for plane in world.planes]
    pictures += [animation.pictures for animation in world.animations]
    pictures += [] if world.glass is None else [world.glass]
    values = np.unique(np.concatenate([np.unique(picture) for picture in pictures]))
    colours = len(frames.colours)
    used = values[(values >= colours) & (values < CLEAR)].astype(np.int64)
    number = np.arange(int(CLEAR) + 1).astype(np.uint16)
    number[used] = colours + np.arange(len(used))
    return replace(
        world,
        canvas=number[world.canvas],
        behind=tuple(replace(plane, canvas=number[plane.canvas]) for plane in world.behind),
        glass=None if world.glass is None else number[world.glass],
        materials=Materials.of(frames, world.materials.rgba[used - colours]),
        animations=tuple(replace(a, pictures=number[a.pictures]) for a in world.animations),
    )


def draw_planes(world: World, t: int, out: Ids, count: int | None = None) -> None:
    """Draw the first `count` planes, or all and what is animated; CLEAR where none shows."""
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
    """Draw what pans, and the glass, as frame t shows them; CLEAR where nothing does."""
    draw_planes(world, t, out)
    if world.glass is not None and world.materials is not None:
        draw_over(world.glass, world.materials.over, out)
