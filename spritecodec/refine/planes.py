"""Pictures of planes that lie one behind another, each panning in its own way.

A frame shows at each pixel the nearest plane that is not clear there. Which places of a plane
are clear, and the colours of the others, are solved for in turn: of the pixels that nearer
planes leave open, each place counts how many one colour would explain, and how many the
planes behind do. The better choice is taken, plane after plane, until nothing changes.
Once that is known, translucent places are a choice too, and objects no longer vote.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray
from scipy import ndimage

from spritecodec.refine.dictionary import EIGHT_NEIGHBOURS
from spritecodec.refine.indexed import Indexed
from spritecodec.refine.kernels import CLEAR, Ids, Longs
from spritecodec.refine.materials import Materials
from spritecodec.refine.parallax import Parallax
from spritecodec.refine.translucent import find_materials
from spritecodec.refine.world import Plane, World, draw_world, lay_out

Planes = NDArray[np.uint16]  # (planes, H, W), back to front, CLEAR where a plane does not show
Counts = NDArray[np.int32]

MOST_COLOURS = 1 << 14  # more are no drawn picture
# At first only places are a plane's that show one colour in so large a share of the frames;
# a few frames are given away, because what is seen in few is the same by chance.
STEADY, DOUBT = 0.8, 2
SUPPORT = 0.5  # share of the pixels seen of a place that must show its colour
SMALLEST_OBJECT = 12  # pixels that differ from the planes in one place
MOST_ROUNDS = 6
FEW_CHANGES = 0.001  # share of the places; the rounds end when fewer change


@njit(cache=True)
def _vote(
    frames: NDArray[np.uint16],
    ignored: NDArray[np.bool_],
    position: Longs,
    planes: Planes,
    plane: int,
    over: Ids,
    under: Ids,
    choice: Ids,
    votes: Counts,
    behind: Counts,
    seen: Counts,
) -> None:
    """Count, per place of a plane, what the pixels that nearer planes leave open say.

    A pixel seen through a translucent place counts as the colour that this is made of.
    `choice` receives the commonest colour, or the material that explains more, `votes` how
    many pixels it explains, `behind` how many show what the planes behind show, `seen` how
    many there are.
    """
    n, h, w = frames.shape
    count, height, width = planes.shape
    materials, colours = over.shape
    choice[:] = 65535
    votes[:] = 0
    behind[:] = 0
    seen[:] = 0
    counter = np.zeros((width, colours), np.int32)
    through = np.zeros((width, materials), np.int32)
    touched = np.empty(n * w, np.int64)
    for row in range(height):  # one row of the plane at a time, to count in little memory
        here = 0
        for t in range(n):
            y = row - position[plane, t, 1]
            if y < 0 or y >= h:
                continue
            left = position[plane, t, 0]
            for x in range(w):
                c = frames[t, y, x]
                if ignored[t, y, x]:
                    continue
                for i in range(count - 1, plane, -1):
                    front = planes[i, y + position[i, t, 1], x + position[i, t, 0]]
                    if front == 65535:
                        continue
                    if front < colours or c >= colours:
                        c = 65535
                        break
                    c = under[front - colours, c]
                if c >= colours:
                    continue
                below = 65535
                opaque = plane - 1
                while opaque >= 0:
                    below = planes[opaque, y + position[opaque, t, 1], x + position[opaque, t, 0]]
                    if below < colours:
                        break
                    opaque -= 1
                if opaque < 0:
                    below = 65535
                for i in range(max(opaque, -1) + 1, plane):
                    front = planes[i, y + position[i, t, 1], x + position[i, t, 0]]
                    if front != 65535 and below < colours:
                        below = over[front - colours, below]
                place = x + left
                seen[row, place] += 1
                counter[place, c] += 1
                touched[here] = place * colours + c
                here += 1
                if below == c:
                    behind[row, place] += 1
                elif below < colours:
                    for m in range(materials):
                        if over[m, below] == c:
                            through[place, m] += 1
        for k in range(here):
            place, c = touched[k] // colours, touched[k] % colours
            if counter[place, c] > votes[row, place]:
                votes[row, place] = counter[place, c]
                choice[row, place] = c
            counter[place, c] = 0
        for place in range(width):
            for m in range(materials):
                if through[place, m] > votes[row, place]:
                    votes[row, place] = through[place, m]
                    choice[row, place] = colours + m
                through[place, m] = 0


class PlaneSolver:
    """Solves for the pictures of planes whose positions are known.

    Parameters
    ----------
    frames : Indexed
    position : ndarray, shape (planes, n, 2), int64
        Coordinates (x, y) of the screen's top left corner in each plane's picture, the
        farthest plane first, the screen itself last.
    shape : (H, W)
        Of all pictures; no frame shows anything outside.
    """

    def __init__(self, frames: Indexed, position: Longs, shape: tuple[int, int]) -> None:
        self.frames = np.stack([frames[t] for t in range(len(frames))])
        self.ignored = np.zeros(self.frames.shape, bool)
        self.position = position
        self.planes: Planes = np.full((len(position), *shape), CLEAR, np.uint16)
        self.choice = np.empty(shape, np.uint16)
        self.votes, self.behind, self.seen = (np.empty(shape, np.int32) for _ in range(3))

    def begin(self, materials: Materials) -> None:
        """Claim for each plane what moves as it does; the farthest takes what is left."""
        for plane in range(len(self.planes) - 2, -1, -1):
            self.vote(plane, materials)
            claimed = self.votes - 1 >= STEADY * (self.seen + DOUBT)
            if plane == 0:
                claimed = self.votes > 0
            self.planes[plane][claimed] = self.choice[claimed]

    def solve(self, materials: Materials, count: int) -> None:
        """Improve the pictures of the first `count` planes until hardly anything changes."""
        for number in range(MOST_ROUNDS):
            order = range(count) if number % 2 == 0 else range(count - 1, -1, -1)
            changed = sum(self.improve(plane, materials) for plane in order)
            if changed <= FEW_CHANGES * self.planes.size:
                break

    def vote(self, plane: int, materials: Materials) -> None:
        _vote(
            self.frames,
            self.ignored,
            self.position,
            self.planes,
            plane,
            materials.over,
            materials.under,
            self.choice,
            self.votes,
            self.behind,
            self.seen,
        )

    def improve(self, plane: int, materials: Materials) -> int:
        """Make the better choice at every place of a plane; how many places changed."""
        self.vote(plane, materials)
        better = np.where(self.votes >= SUPPORT * self.seen, self.choice, CLEAR)
        if plane > 0:
            better[self.votes <= self.behind] = CLEAR
        changed = int((better != self.planes[plane]).sum())
        self.planes[plane] = better
        return changed

    def ignore_objects(self, frames: Indexed, world: World) -> None:
        """Leave what moves before the planes out of the votes, and the pixels around it.

        A plane may have taken parts of an object that moved with it for a while; they lie
        beside the parts that it did not take.
        """
        drawn = np.empty((frames.height, frames.width), np.uint16)
        for t in range(len(frames)):
            draw_world(world, t, drawn)
            strange = (drawn != frames[t]) & (world.overlay != frames[t])
            labels, _ = ndimage.label(strange, EIGHT_NEIGHBOURS)
            large = np.bincount(labels.ravel()) >= SMALLEST_OBJECT
            large[0] = False
            self.ignored[t] = ndimage.binary_dilation(large[labels], EIGHT_NEIGHBOURS)

    def drop_unused(self, frames: Indexed, materials: Materials) -> Materials:
        """Only the materials that some place is made of, with their new numbers."""
        colours = len(frames.colours)
        translucent = (self.planes >= colours) & (self.planes != CLEAR)
        used, number = np.unique(self.planes[translucent], return_inverse=True)
        self.planes[translucent] = colours + number
        return Materials.of(frames, materials.rgba[used.astype(np.int64) - colours])

    def world(self, materials: Materials, height: int, width: int) -> World:
        """What the pictures say, with the screen's as overlay and glass."""
        *planes, _ = (Plane(p.copy(), q) for p, q in zip(self.planes, self.position, strict=True))
        screen = self.planes[-1, :height, :width]
        opaque = screen < materials.over.shape[1]
        return World(
            planes[-1].canvas,
            np.where(opaque, screen, CLEAR).astype(np.uint16),
            planes[-1].position,
            tuple(planes[:-1]),
            np.where(opaque, CLEAR, screen).astype(np.uint16),
            materials,
        )


def build_planes(frames: Indexed, parallax: Parallax) -> World:
    """Draw a background of several planes, as `build_world` does for one.

    Parameters
    ----------
    frames : Indexed
    parallax : Parallax
        Of the same frames.
    """
    screen = (frames.height, frames.width)
    laid = [lay_out(path, parallax.room, *screen) for path in parallax.position]
    position = np.stack([*(path for path, _ in laid), np.zeros_like(laid[0][0])])
    height, width = (max(shape[axis] for _, shape in laid) for axis in range(2))
    solver = PlaneSolver(frames, position, (height, width))
    materials = Materials.of(frames, np.zeros((0, 4), np.uint8))
    solver.begin(materials)
    solver.solve(materials, len(laid))
    # What is translucent is known by what it does to planes, and planes show through it.
    materials = find_materials(frames, solver.world(materials, *screen))
    solver.solve(materials, len(position))
    solver.ignore_objects(frames, solver.world(materials, *screen))
    solver.solve(materials, len(position))
    materials = solver.drop_unused(frames, materials)
    return solver.world(materials, *screen)
