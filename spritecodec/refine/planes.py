"""Pictures of planes that lie one behind another, each panning in its own way.

A frame shows at each pixel the nearest plane that is not clear there. Which places of a plane
are clear, and the colours of the others, are solved for in turn: of the pixels that nearer
planes leave open, each place counts how many one colour would explain, and how many the
planes behind do. The better choice is taken, plane after plane, until nothing changes.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from spritecodec.refine.indexed import Indexed
from spritecodec.refine.kernels import CLEAR, Ids, Longs

Planes = NDArray[np.uint16]  # (planes, H, W), back to front, CLEAR where a plane does not show
Counts = NDArray[np.int32]

MOST_COLOURS = 1 << 14  # more are no drawn picture
# At first only places are a plane's that show one colour in so large a share of the frames;
# a few frames are given away, because what is seen in few is the same by chance.
STEADY, DOUBT = 0.8, 2
SUPPORT = 0.5  # share of the pixels seen of a place that must show its colour
MOST_ROUNDS = 6
FEW_CHANGES = 0.001  # share of the places; the rounds end when fewer change


@njit(cache=True)
def _vote(
    frames: NDArray[np.uint16],
    position: Longs,
    planes: Planes,
    plane: int,
    covered: NDArray[np.bool_],
    colours: int,
    colour: Ids,
    votes: Counts,
    behind: Counts,
    seen: Counts,
) -> None:
    """Count, per place of a plane, what the pixels that nearer planes leave open say.

    `colour` receives the commonest colour, `votes` how many pixels show it, `behind` how
    many show what the planes behind show, `seen` how many there are.
    """
    n, h, w = frames.shape
    count, height, width = planes.shape
    colour[:] = 65535
    votes[:] = 0
    behind[:] = 0
    seen[:] = 0
    counter = np.zeros((width, colours), np.int32)
    for row in range(height):  # one row of the plane at a time, to count in little memory
        for t in range(n):
            y = row - position[plane, t, 1]
            if y < 0 or y >= h:
                continue
            left = position[plane, t, 0]
            for x in range(w):
                if covered[y, x]:
                    continue
                hidden = False
                for i in range(plane + 1, count):
                    if planes[i, y + position[i, t, 1], x + position[i, t, 0]] != 65535:
                        hidden = True
                        break
                if hidden:
                    continue
                below = 65535
                for i in range(plane - 1, -1, -1):
                    below = planes[i, y + position[i, t, 1], x + position[i, t, 0]]
                    if below != 65535:
                        break
                c = frames[t, y, x]
                seen[row, x + left] += 1
                behind[row, x + left] += below == c
                if c < colours:
                    counter[x + left, c] += 1
        for t in range(n):
            y = row - position[plane, t, 1]
            if y < 0 or y >= h:
                continue
            left = position[plane, t, 0]
            for x in range(w):
                c = frames[t, y, x]
                if c < colours:
                    if counter[x + left, c] > votes[row, x + left]:
                        votes[row, x + left] = counter[x + left, c]
                        colour[row, x + left] = c
                    counter[x + left, c] = 0


class PlaneSolver:
    """Solves for the pictures of planes whose positions are known.

    Parameters
    ----------
    frames : Indexed
    position : ndarray, shape (planes, n, 2), int64
        Coordinates (x, y) of the screen's top left corner in each plane's picture, the
        farthest plane first.
    shape : (H, W)
        Of all pictures; no frame shows anything outside.
    """

    def __init__(self, frames: Indexed, position: Longs, shape: tuple[int, int]) -> None:
        self.frames = np.stack([frames[t] for t in range(len(frames))])
        self.colours = len(frames.colours)
        self.position = position
        self.planes: Planes = np.full((len(position), *shape), CLEAR, np.uint16)
        self.colour = np.empty(shape, np.uint16)
        self.votes, self.behind, self.seen = (np.empty(shape, np.int32) for _ in range(3))

    def solve(self, covered: NDArray[np.bool_]) -> Planes:
        """The pictures, going on from those of the last call.

        Parameters
        ----------
        covered : ndarray, shape (h, w), bool
            Where something hides all planes.
        """
        count = len(self.planes)
        if (self.planes == CLEAR).all():
            for plane in range(count - 1, -1, -1):
                self.begin(plane, covered)
        for number in range(MOST_ROUNDS):
            order = range(count) if number % 2 == 0 else range(count - 1, -1, -1)
            changed = sum(self.improve(plane, covered) for plane in order)
            if changed <= FEW_CHANGES * self.planes.size:
                break
        return self.planes

    def vote(self, plane: int, covered: NDArray[np.bool_]) -> None:
        _vote(
            self.frames,
            self.position,
            self.planes,
            plane,
            covered,
            self.colours,
            self.colour,
            self.votes,
            self.behind,
            self.seen,
        )

    def begin(self, plane: int, covered: NDArray[np.bool_]) -> None:
        """Claim for a plane what moves as it does; the farthest takes what is left."""
        self.vote(plane, covered)
        claimed = self.votes - 1 >= STEADY * (self.seen + DOUBT)
        if plane == 0:
            claimed = self.votes > 0
        self.planes[plane][claimed] = self.colour[claimed]

    def improve(self, plane: int, covered: NDArray[np.bool_]) -> int:
        """Make the better choice at every place of a plane; how many places changed."""
        self.vote(plane, covered)
        better = np.where(self.votes >= SUPPORT * self.seen, self.colour, CLEAR)
        if plane > 0:
            better[self.votes <= self.behind] = CLEAR
        changed = (better != self.planes[plane]) & (self.seen > 0)
        self.planes[plane][changed] = better[changed]
        return int(changed.sum())
